import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import { entryOf } from '../log/entry-format.ts';
import type { LogPartition } from '../log/partition.ts';
import type { RowTurns } from '../log/row-turns.ts';
import type { Segment } from '../log/segment.ts';
import { readPieces } from '../log/segment-sealer.ts';
import type { QueueName } from '../queues/active-queues.ts';
import type { ConsumeQueues } from '../queues/consume-queues.ts';
import { queueNumber } from '../queues/queue-number.ts';
import type { DerivedKeys, KeyedFormat, RetentionRules, UndecodableEntries } from '../store.ts';
import { CompactionPass, type TopicPass } from './compaction-pass.ts';
import { dueTopics, type TabledSegment } from './due-topics.ts';
import { NewestMessages } from './newest-messages.ts';
import { type LogCut, OrderedEntries, type Stretch } from './ordered-entries.ts';
import {
  advanced,
  dueHorizon,
  isBelow,
  type Moment,
  noProgress,
  ProgressStore,
} from './topic-progress.ts';
import { Turns } from './turns.ts';

/** A topic of which something was held back is looked at again after this time. */
const retryMs = 15_000;

export interface CompactorOptions {
  readonly logs: readonly LogPartition[];
  readonly queues: ConsumeQueues;
  readonly keys: DerivedKeys;
  readonly format: KeyedFormat;
  readonly clock: Clock;
  readonly random: Random;
  /** Memory for the keys that have come since a topic was compacted last. */
  readonly keyBytes: number;
}

/**
 * Compaction by key: of each key of a compacted topic, over all of its queues, the newest message
 * stays, offsets keep their values, and readers skip the holes.
 *
 * - Which message is newest: by store time, the order in which SQL takes entries in, and which a
 *   key keeps when it moves to another queue or partition.
 * - A message without a key stays for ever. One with a key and without a body is a tombstone: it
 *   supersedes like any other, and goes itself policy.tombstoneMs after a pass found it the oldest
 *   message of its key (topic-progress.ts).
 * - Only sealed segments are looked at, and only what was sealed when the pass before ended. So
 *   what a view's step wrote is in a flushed checkpoint by now (engine/broker/retention-keeper.ts
 *   has one flushed before each pass), and nobody looks for the entry to know how far it came.
 * - Nothing goes at or past the floor of a queue, and nothing that is younger than
 *   rules.compactionAgeMs: the topic is compacted up to there.
 *
 * A pass is that of Kafka's cleaner. In front of the topic's clean cut each key has one message. The
 * keys behind it are gathered, oldest entries first, into a table of a fixed size; where it is full
 * the pass ends, and the next one goes on there. Then every segment is looked through, also those in
 * front of the cut: messages of which the table has a newer one go, with their segment written anew
 * (log/segment-cleaner.ts). At last the clean cut moves. Interrupted at any moment, a pass is done
 * again: what is left has the same newest messages.
 *
 * A damaged segment (Segment.damage) is left as it is, and its messages out of account: they
 * supersede nothing. So nothing goes for want of them, but older messages of a key may still be in
 * it. A pass over a topic that it may hold is remembered until the next start only, which begins
 * where the topic was clean before, and lets no tombstone go that was not over by then.
 *
 * An entry that is whole and that the format cannot decode is treated likewise: it stays as it is
 * and supersedes nothing, everything else of its topic is compacted, and a tombstone that was not
 * over stays, for the entry may hold an older message of its key. A version that can decode it
 * finds the topic's clean cut in front of it.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #progress: ProgressStore;
  /** Ends of what was sealed when the last pass ended, by partition. */
  #sealedEnds: LogCut = new Map();
  /** The segments of the last pass. */
  #old: readonly TabledSegment[] = [];
  /** Of some segments between them nothing is known. */
  #lacksSome = false;
  /** Topics that were not compacted up to the end wait for a while, by the monotonic clock. */
  readonly #notBeforeMs = new Map<number, number>();
  /** As the last pass over each topic found them, by topic id. */
  readonly #undecodable = new Map<number, UndecodableEntries>();

  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#progress = new ProgressStore(options.keys);
  }

  /**
   * Decides what goes; `undefined` when nothing is to be done. Once it has resolved readers know how
   * far each queue is compacted, and it may go. Throws IO, UNAVAILABLE.
   */
  async begin(
    segments: readonly TabledSegment[],
    rules: RetentionRules,
    rowTurns: RowTurns,
  ): Promise<CompactionPass | undefined> {
    const { clock, format, random, keyBytes, logs } = this.#options;
    const ends = this.#sealedEnds;
    this.#sealedEnds = sealedEnds(segments);
    const progress = await this.#progress.load();
    for (const topicId of [...progress.keys()]) {
      if (rules.policy(topicId) === undefined) this.#progress.forget(topicId);
    }
    for (const topicId of [...this.#undecodable.keys()]) {
      if (rules.policy(topicId)?.compaction === undefined) this.#undecodable.delete(topicId);
    }
    const times = momentOf(clock);
    const old = segments.filter(({ log, segment }) => segment.end <= (ends.get(log.number) ?? 0));
    this.#old = old;
    const tabled = new Set(segments.map(({ segment }) => segment));
    this.#lacksSome = logs.some((log) =>
      log.segments.some((one) => one.end <= (ends.get(log.number) ?? 0) && !tabled.has(one)),
    );
    const due = (await dueTopics(old, rules, progress, times, rowTurns)).filter(
      ({ topicId }) => (this.#notBeforeMs.get(topicId) ?? 0) <= times.monotonicMs,
    );
    if (due.length === 0) return undefined;
    const topics = new Map(
      due.map(({ topicId, policy }): [number, TopicPass] => {
        const before = progress.get(topicId) ?? noProgress;
        const horizon = dueHorizon(before, policy.tombstoneMs, times);
        const rest = { before, horizon, cut: undefined, isStopped: false, gathered: 0 };
        return [topicId, { topicId, policy, ...rest }];
      }),
    );
    const keys = due.reduce((sum, { messages }) => sum + messages, 0);
    const newest = new NewestMessages(keys, keyBytes, random);
    const turns = new Turns(clock, logs[0]!.pause);
    const pass = new CompactionPass({ topics, newest, format, turns });
    try {
      await this.#gather(pass, old, rules);
      await this.#judge(pass, old);
      await this.#publish(pass, rules);
    } catch (error) {
      for (const { topicId } of due) this.#wait(topicId, rules);
      throw error;
    }
    return pass;
  }

  /**
   * What went is gone from the disk, but for some of the topics in `unclean`: with these nothing
   * has been reached, or a tombstone could go before what it deletes. Throws IO, DISK_FULL,
   * UNAVAILABLE; it has gone all the same.
   */
  async finish(
    pass: CompactionPass,
    rules: RetentionRules,
    unclean: ReadonlySet<number>,
  ): Promise<void> {
    const { topics, waiting, undecodable } = pass;
    const { clock, logs, queues } = this.#options;
    const byNumber = new Map(logs.map((log) => [log.number, log]));
    const isGone = (partition: number, position: number) =>
      byNumber.get(partition)!.segmentAt(position).map.offsetOf(position) === undefined;
    await queues.thin(pass.compactedQueues(), isGone, logs[0]!.pause);
    for (const { topicId, before, cut, horizon, policy, isStopped } of topics.values()) {
      this.#notBeforeMs.delete(topicId);
      const kept = undecodable.get(topicId);
      if (kept !== undefined) this.#undecodable.set(topicId, kept);
      else if (cut !== undefined) this.#undecodable.delete(topicId);
      const isUnclean = unclean.has(topicId);
      if (isStopped || isUnclean) this.#wait(topicId, rules);
      if (cut === undefined || isUnclean) continue;
      const next = { ...momentOf(clock), waitMs: policy.tombstoneMs };
      if (kept !== undefined || this.#isIncomplete(topicId)) {
        this.#progress.remember(topicId, advanced(before, cut, horizon, undefined));
        continue;
      }
      const progress = advanced(before, cut, horizon, waiting.has(topicId) ? next : undefined);
      this.#progress.save(topicId, progress);
    }
  }

  /** Entries that no pass can decode, as the last one over each topic found them. */
  get undecodable(): readonly UndecodableEntries[] {
    return [...this.#undecodable.values()];
  }

  /** The pass did not see, or not change, everything of the topic, and the next one will not. */
  #isIncomplete(topicId: number): boolean {
    const isPart = this.#old.some(
      ({ segment, topics }) => segment.damage !== undefined && topics.has(topicId),
    );
    return isPart || this.#lacksSome;
  }

  #wait(topicId: number, { compactionLagMs }: RetentionRules): void {
    const waitMs = Math.min(compactionLagMs, retryMs);
    this.#notBeforeMs.set(topicId, this.#options.clock.monotonicMs() + waitMs);
  }

  /** Finds the newest message of each key that came since, and the topics' cuts. */
  async #gather(
    pass: CompactionPass,
    segments: readonly TabledSegment[],
    rules: RetentionRules,
  ): Promise<void> {
    const { topics } = pass;
    const floors = new Floors(rules);
    const youngestMs = this.#options.clock.nowMs() - (rules.compactionAgeMs ?? 0);
    const entries = new OrderedEntries(this.#stretches(pass, segments), (id) => topics.has(id));
    let open = topics.size;
    const stop = (topic: TopicPass) => {
      topic.cut = entries.cut();
      topic.isStopped = true;
      open--;
    };
    try {
      for (;;) {
        const entry = await entries.peek();
        if (entry === undefined || open === 0) break;
        const { partition, position, storeTimeMs, topicId, queueId, baseOffset, count } = entry;
        const topic = topics.get(topicId)!;
        if (topic.cut === undefined && !isBelow(topic.before.clean, partition, position)) {
          const isHeld = baseOffset + count > floors.of(topicId, queueId);
          if (isHeld || storeTimeMs > youngestMs) stop(topic);
          else if (!(await pass.gather(entry, topic))) break;
          else topic.gathered++;
        }
        entries.skip(entry);
      }
      const end = entries.cut();
      for (const topic of topics.values()) {
        topic.cut ??= end;
        if (!entries.isAtEnd) topic.isStopped = true;
        const isIdle = topic.gathered === 0 && topic.horizon === undefined;
        if (isIdle && topic.isStopped) topic.cut = undefined;
      }
    } finally {
      await entries.close();
    }
  }

  #stretches({ topics }: CompactionPass, segments: readonly TabledSegment[]): Stretch[] {
    const wanted = [...topics.values()];
    return this.#options.logs.map((log) => {
      const own = segments.filter((one) => one.log === log);
      const from = Math.min(...wanted.map(({ before }) => before.clean.get(log.number) ?? 0));
      const isToRead = (one: TabledSegment) => one.segment.end > from && holds(one, topics);
      const to = own.at(-1)?.segment.end ?? 0;
      const isOver = log.durableEnd === to && log.stats.pendingBytes === 0;
      const times = own.map(({ segment }) => segment.footer!.highTimeMs);
      const read = own.filter(isToRead).map(({ segment }) => segment);
      return { log, segments: read, from, to, laterMs: isOver ? Infinity : Math.max(0, ...times) };
    });
  }

  /** Finds the segments of which something goes. */
  async #judge(pass: CompactionPass, segments: readonly TabledSegment[]): Promise<void> {
    const cut = new Map([...pass.topics].filter(([, topic]) => topic.cut !== undefined));
    for (const one of segments) {
      const { log, segment } = one;
      if (segment.damage !== undefined || !holds(one, cut)) continue;
      try {
        await this.#judgeOne(pass, log, segment);
      } catch (error) {
        if (segment.damage !== error) throw error;
      }
    }
  }

  async #judgeOne(pass: CompactionPass, log: LogPartition, segment: Segment): Promise<void> {
    for await (const { bytes, entries } of readPieces(segment, log.pause)) {
      for (const { header, at, position } of entries) {
        if (!pass.topics.has(header.topicId)) continue;
        await pass.judge(segment, entryOf(header, bytes, at, log.number, position));
      }
    }
  }

  /** Topics that got a reader meanwhile wait for the next pass. */
  async #publish(pass: CompactionPass, rules: RetentionRules): Promise<void> {
    const numbers = pass.compactedQueues();
    if (numbers.size === 0) return;
    // What the broker has noted of what goes is with the index, and durable with it.
    await this.#options.keys.settled();
    const endOf = ({ topicId, queueId }: QueueName) => pass.compactedOffset(topicId, queueId);
    await this.#options.queues.compacted([...numbers.keys()], (some) => {
      for (const queue of some) {
        const { topicId, queueId } = queue;
        if (endOf(queue) > rules.floor(topicId, queueId)) pass.giveUp(topicId);
      }
      return some.map(endOf);
    });
  }
}

/** What the rules say now, asked once per queue. */
class Floors {
  readonly #rules: RetentionRules;
  readonly #known = new Map<number, number>();

  constructor(rules: RetentionRules) {
    this.#rules = rules;
  }

  of(topicId: number, queueId: number): number {
    const number = queueNumber(topicId, queueId);
    let floor = this.#known.get(number);
    if (floor === undefined) {
      floor = this.#rules.floor(topicId, queueId);
      this.#known.set(number, floor);
    }
    return floor;
  }
}

function holds({ topics }: TabledSegment, wanted: ReadonlyMap<number, unknown>): boolean {
  return [...wanted.keys()].some((topicId) => topics.has(topicId));
}

function sealedEnds(segments: readonly TabledSegment[]): LogCut {
  return new Map(segments.map(({ log, segment }) => [log.number, segment.end]));
}

function momentOf(clock: Clock): Moment {
  return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
}
