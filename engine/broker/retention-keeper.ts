import type { Clock, Timer } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import {
  type RetentionReport,
  type RetentionRules,
  type Store,
  systemTopicId,
  type TopicPolicy,
} from '../../storage/store.ts';
import type { CatalogueRecord, TopicCreated } from './catalogue-record.ts';
import { parkedTopic } from './parked.ts';
import type { SystemTopic } from './system-topic.ts';
import type { Topics } from './topics.ts';

/** What relations have consumed, in a checkpoint that survives a power loss. */
export interface ConsumedInput {
  /** Next offset of each queue, by queue id, of each topic that relations read. */
  readonly frontier: ReadonlyMap<number, readonly number[]>;
  readonly relations: ReadonlySet<number>;
}

/** Part of a queue that somebody reads now, from offset `from` on. */
export interface Hold {
  readonly topicId: number;
  readonly queueId: number;
  readonly from: number;
}

/** The SQL engine, as a reader of topics. */
export interface TopicReaders {
  /** Makes what has been consumed durable; `undefined` when nothing new is. */
  flushCheckpoint(): Promise<ConsumedInput | undefined>;
  readonly held: readonly Hold[];
}

export interface RetentionKeeperOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly systemTopic: SystemTopic;
  readonly readers: TopicReaders;
  readonly clock: Clock;
  readonly logger: Logger;
  /** limits.compactionAgeMs unless it is given. */
  readonly compactionAgeMs?: number;
}

/** What a relation has to do with a topic. */
interface TopicUse {
  /** That it reads or owns, if it does. */
  readonly topicId: number | undefined;
  readonly owns: boolean;
  /** That it writes into, if it does. */
  readonly targetTopicId: number | undefined;
  readonly keyColumns: readonly number[] | undefined;
}

/** What is known of all relations; made anew when one comes or goes, or a checkpoint comes. */
interface Readers {
  readonly read: ReadonlySet<number>;
  readonly written: ReadonlySet<number>;
  /** The last two checkpoints are there, and have all relations. */
  readonly areInBoth: boolean;
}

const keepAll: TopicPolicy = {};
/** Of topics that nobody but a start reads, and that runs before any pass. */
const settledPolicy: TopicPolicy = { compaction: { tombstoneMs: 0 } };
const nothingDone: RetentionReport = {
  expiredQueues: 0,
  compactedMessages: 0,
  cleanedSegments: 0,
  freedBytes: 0,
  goneTopics: [],
  damagedSegments: [],
  undecodable: [],
};

/**
 * Runs retention (DESIGN section 4): every so often it has the relations' state made durable, and
 * lets the store drop what is past its topic's retention, except
 *
 * - what lies at or past the frontier of one of the last two flushed checkpoints, and everything
 *   that any relation reads as long as some relation is not in both of them;
 * - what sinks wrote, when no checkpoint could be flushed: by its last output a sink knows how far
 *   it came beyond the checkpoint before;
 * - what a query, or a relation in the making, reads now;
 * - the system topic's records that say something.
 *
 * Topics of tables, that of parked messages and the system topic never expire, they are compacted.
 *
 * A topic that a record says was dropped goes altogether, and is forgotten once nothing is left of
 * it. One that no record knows is kept.
 */
export class RetentionKeeper {
  readonly #options: RetentionKeeperOptions;
  readonly #relations = new Map<number, TopicUse>();
  readonly #dropped = new Set<number>();
  /** The last two, newest first. */
  #checkpoints: readonly ConsumedInput[] = [];
  /** The newest one was flushed in this pass. */
  #isFresh = false;
  #readers: Readers | undefined;
  #timer: Timer | undefined;
  #pass: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  /** Paths of segments whose damage was logged, and ids of topics whose entries were. */
  readonly #reported = new Set<string | number>();

  /** Before the system topic is opened: it must see every record. */
  constructor(options: RetentionKeeperOptions) {
    this.#options = options;
    options.systemTopic.subscribe((record) => this.#apply(record));
  }

  /** Begins to run by itself. */
  start(): void {
    this.#timer = this.#options.clock.after(this.#intervalMs, () => this.#tick(), {
      background: true,
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#pass.catch(() => undefined);
  }

  /** One pass. Throws as Store.retain and Store.append. */
  run(): Promise<RetentionReport> {
    const whole = async () => {
      const report = await this.#run();
      await this.#options.systemTopic.trim();
      return report;
    };
    const pass = this.#pass.then(whole, whole);
    this.#pass = pass;
    return pass;
  }

  async #run(): Promise<RetentionReport> {
    const { readers, store } = this.#options;
    const hasLimits = this.#hasLimits;
    if (!hasLimits && this.#dropped.size === 0) return nothingDone;
    if (hasLimits && this.#relations.size > 0) {
      const consumed = await readers.flushCheckpoint();
      this.#isFresh = consumed !== undefined;
      if (consumed !== undefined) this.#checkpoints = [consumed, ...this.#checkpoints].slice(0, 2);
      this.#readers = undefined;
    }
    const report = await store.retain(this.#rules());
    for (const topicId of report.goneTopics) {
      this.#dropped.delete(topicId);
      this.#options.systemTopic.topicGone(topicId);
    }
    for (const { path, text } of report.damagedSegments) {
      if (this.#reported.has(path)) continue;
      this.#reported.add(path);
      const message = 'a segment is damaged and is neither cleaned nor compacted: see log verify';
      this.#options.logger.log('error', message, { path, error: text });
    }
    for (const { text, ...found } of report.undecodable) {
      if (this.#reported.has(found.topicId)) continue;
      this.#reported.add(found.topicId);
      const message = 'entries of a compacted topic cannot be decoded and stay as they are';
      this.#options.logger.log('error', message, { ...found, error: text });
    }
    return report;
  }

  #tick(): void {
    this.run()
      .catch((error) => {
        if (this.#isClosed) return;
        const { logger } = this.#options;
        logger.log('warn', 'retention could not be done and will be tried again', { error });
      })
      .then(() => {
        if (!this.#isClosed) this.start();
      });
  }

  /** Often enough that a topic keeps its messages not much longer than it asks. */
  get #intervalMs(): number {
    const half = this.#shortestMs / 2;
    const most = this.#hasCompaction ? limits.compactionPassMs : limits.retentionMsMax;
    return Math.max(limits.retentionMsMin, Math.min(half, most));
  }

  /** Some topic does not keep everything. */
  get #hasLimits(): boolean {
    const { topics } = this.#options;
    return (
      this.#hasCompaction ||
      topics.list().some((topic) => (topic.retentionMs ?? topic.retentionBytes) !== undefined)
    );
  }

  get #hasCompaction(): boolean {
    const { topics, systemTopic } = this.#options;
    return (
      systemTopic.hasTrimmed ||
      topics.internal(parkedTopic) !== undefined ||
      [...this.#relations.values()].some(({ keyColumns }) => keyColumns !== undefined) ||
      topics.list().some(({ cleanup }) => cleanup === 'compact')
    );
  }

  get #shortestMs(): number {
    const { topics } = this.#options;
    return Math.min(...topics.list().map(({ retentionMs = Infinity }) => retentionMs), Infinity);
  }

  #rules(): RetentionRules {
    const longestMs = this.#hasCompaction ? limits.compactionLagMs : Infinity;
    const owned = new Map(
      [...this.#relations.values()].flatMap(({ owns, topicId = 0, keyColumns }) =>
        owns ? [[topicId, tablePolicy(keyColumns)]] : [],
      ),
    );
    const { systemTopic, topics } = this.#options;
    const parked = topics.internal(parkedTopic)?.topicId;
    return {
      policy: (topicId) => {
        if (topicId === systemTopicId) return systemTopic.hasTrimmed ? settledPolicy : keepAll;
        if (topicId === parked) return settledPolicy;
        const table = owned.get(topicId);
        if (table !== undefined) return table;
        if (this.#dropped.has(topicId)) return undefined;
        const topic = this.#options.topics.settingsOf(topicId);
        return topic === undefined ? keepAll : policyOf(topic);
      },
      dropped: this.#dropped,
      floor: (topicId, queueId) => this.#floor(topicId, queueId),
      segmentAgeMs: Math.max(limits.retentionMsMin, Math.min(this.#shortestMs, longestMs)),
      compactionLagMs: limits.compactionLagMs,
      compactionAgeMs: this.#options.compactionAgeMs ?? limits.compactionAgeMs,
    };
  }

  #floor(topicId: number, queueId: number): number {
    let floor = Infinity;
    for (const held of this.#options.readers.held) {
      if (held.topicId === topicId && held.queueId === queueId) floor = Math.min(floor, held.from);
    }
    this.#readers ??= this.#allReaders();
    const { read, written, areInBoth } = this.#readers;
    if (written.has(topicId) && !this.#isFresh) return 0;
    if (!read.has(topicId)) return floor;
    if (!areInBoth) return 0;
    for (const { frontier } of this.#checkpoints) {
      floor = Math.min(floor, frontier.get(topicId)?.[queueId] ?? 0);
    }
    return floor;
  }

  #allReaders(): Readers {
    const relations = [...this.#relations.values()];
    const some = (id: number | undefined) => (id === undefined ? [] : [id]);
    const isInBoth = (id: number) => this.#checkpoints.every((one) => one.relations.has(id));
    return {
      read: new Set(relations.flatMap(({ topicId }) => some(topicId))),
      written: new Set(relations.flatMap(({ targetTopicId }) => some(targetTopicId))),
      areInBoth: this.#checkpoints.length === 2 && [...this.#relations.keys()].every(isInBoth),
    };
  }

  #apply(record: CatalogueRecord): void {
    this.#readers = undefined;
    switch (record.op) {
      case 'topic-dropped':
        this.#dropped.add(record.topicId);
        return;
      case 'relation-created': {
        const { relationId, topicId, ownsTopic = false, replaces } = record;
        const { keyColumns, targetTopicId } = record;
        if (replaces !== undefined) this.#relations.delete(replaces);
        this.#relations.set(relationId, { topicId, owns: ownsTopic, keyColumns, targetTopicId });
        return;
      }
      case 'relation-dropped':
        for (const id of record.relationIds) {
          const relation = this.#relations.get(id);
          this.#relations.delete(id);
          if (relation?.owns === true && relation.topicId !== undefined) {
            this.#dropped.add(relation.topicId);
          }
        }
    }
  }
}

function policyOf({
  cleanup,
  tombstoneMs = limits.tombstoneMs,
  ...topic
}: TopicCreated): TopicPolicy {
  const { retentionMs, retentionBytes } = topic;
  return {
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(retentionBytes === undefined ? {} : { retentionBytes }),
    ...(cleanup === 'compact' ? { compaction: { tombstoneMs } } : {}),
  };
}

function tablePolicy(keyColumns: readonly number[] | undefined): TopicPolicy {
  const { tombstoneMs } = limits;
  return keyColumns === undefined ? keepAll : { compaction: { tombstoneMs, keyColumns } };
}
