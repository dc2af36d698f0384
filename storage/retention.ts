import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../platform/clock.ts';
import type { CompactionPass } from './compaction/compaction-pass.ts';
import type { Compactor } from './compaction/compactor.ts';
import type { TabledSegment } from './compaction/due-topics.ts';
import { LeavingTopics } from './leaving-topics.ts';
import { type Judged, runsToClean } from './log/clean-runs.ts';
import type { LogPartition } from './log/partition.ts';
import type { QueueRow } from './log/queue-table.ts';
import { planExpiry } from './log/retention-plan.ts';
import { RowTurns } from './log/row-turns.ts';
import type { Segment } from './log/segment.ts';
import type { Cleaning } from './log/segment-cleaner.ts';
import type { ConsumeQueues } from './queues/consume-queues.ts';
import { queueNumber } from './queues/queue-number.ts';
import type { RetentionReport, RetentionRules, TopicPolicy, UndecodableEntries } from './store.ts';

const keepAll: TopicPolicy = {};

export interface RetentionOptions {
  readonly logs: readonly LogPartition[];
  readonly queues: ConsumeQueues;
  readonly clock: Clock;
  readonly compactor: Compactor | undefined;
}

/**
 * Lets go of what is past its retention, or superseded (DESIGN section 4, Retention).
 *
 * A pass plans which offsets expire and then publishes the queues' new first offsets, some queues
 * at a time, each in the turn of the event loop in which it looks once more whether somebody holds
 * what is below. Index rows are deleted then. Segments are written anew only when the first offsets
 * are durable, and how far queues are compacted. After a crash in between the next pass comes to
 * the same decision, or to a later one.
 *
 * What goes through the queue tables of segments does so in turns of the event loop. Tables do not
 * change, for only a pass replaces sealed segments. What is published, appended and read goes on
 * between two turns; a topic's policy is asked once in a pass, floors at the end (retention-plan.ts).
 */
export class Retention {
  readonly #options: RetentionOptions;
  /** Tables of segments, which never change. */
  readonly #tables = new WeakMap<Segment, Pick<TabledSegment, 'queues' | 'topics'>>();
  /**
   * Topics that were dropped before the last pass: what was on its way to them has arrived. Before
   * that they are left alone, for of what is written anew in two steps a row would stay in the tables.
   */
  #dropped: ReadonlySet<number> = new Set();
  readonly #leaving = new LeavingTopics();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /**
   * One pass; never two at a time. `onReplacing` is called before segment files are replaced.
   * Damaged segments are left as they are and reported; of one whose queue table is damaged, what
   * it holds is not counted and goes with what comes after it. Throws IO, DISK_FULL, CORRUPTION (the
   * index), UNAVAILABLE (closed). What cannot be read, or written anew, keeps nothing else from
   * going: everything else has been done when the pass throws.
   */
  async run(given: RetentionRules, onReplacing: () => void): Promise<RetentionReport> {
    const { logs, queues, clock, compactor } = this.#options;
    const turns = new RowTurns(logs[0]!.pause);
    const policies = new Map<number, TopicPolicy | undefined>();
    const dropped = new Set<number>();
    const policyOf = (topicId: number) => {
      const policy = given.policy(topicId);
      if (policy !== undefined) return policy;
      dropped.add(topicId);
      return this.#dropped.has(topicId) ? undefined : keepAll;
    };
    const rules: RetentionRules = {
      ...given,
      policy(topicId) {
        if (!policies.has(topicId)) policies.set(topicId, policyOf(topicId));
        return policies.get(topicId);
      },
    };
    for (const log of logs) if (log.lastSegmentAgeMs >= rules.segmentAgeMs) await log.roll();
    const endOf = new Map(logs.map((log) => [log.number, log.durableEnd]));
    const failures: unknown[] = [];
    for (const log of logs) await log.finishCleaning().catch((error) => failures.push(error));
    const tabled = await this.#tabled(turns);
    const goneTopics = this.#leaving.gone([...(given.dropped ?? [])], logs, tabled, endOf);
    const firsts = await this.#firstOffsets(tabled, rules, turns);
    const expired = await queues.expire(
      await planExpiry(tabled, rules, clock.nowMs(), turns, firsts),
      ({ topicId, queueId }, first) =>
        first <= rules.floor(topicId, queueId) &&
        // It may have been altered since the plan was made: then the next pass goes by it.
        isDeepStrictEqual(policyOf(topicId), rules.policy(topicId)),
    );
    for (const [queue, first] of expired) {
      firsts.set(queue, Math.max(first, firsts.get(queue) ?? 0));
      const waiting = turns.after(1);
      if (waiting !== undefined) await waiting;
    }
    const compaction = await compactor?.begin(tabled, rules, turns).catch((error) => {
      failures.push(error);
      return undefined;
    });
    /** Topics of which some is left that should have gone. */
    const unclean = new Set<number>();
    let cleanedSegments = 0;
    let freedBytes = 0;
    for (const { log, run } of await this.#runs(tabled, firsts, rules, turns, compaction)) {
      try {
        const forgotten = await this.#forgettable(run, turns);
        const segments = run.map(({ segment }) => segment);
        const before = segments.reduce((sum, { entryBytes }) => sum + entryBytes, 0);
        onReplacing();
        const cleaning = cleaningOf(firsts, forgotten, rules, compaction);
        freedBytes += before - (await log.clean(segments, cleaning)).entryBytes;
        cleanedSegments += run.length;
      } catch (error) {
        // The next pass leaves it out of account.
        const isDamage = run.some(({ segment }) => segment.damage === error);
        if (!isDamage) failures.push(error);
        for (const { topics } of run) for (const topicId of topics) unclean.add(topicId);
      }
    }
    this.#dropped = dropped;
    if (compaction !== undefined) await compactor!.finish(compaction, rules, unclean);
    if (failures.length > 0) throw failures[0];
    const compactedMessages = compaction?.removedMessages ?? 0;
    const damagedSegments = logs.flatMap((log) =>
      log.segments.flatMap(({ file: { path }, damage }) =>
        damage === undefined ? [] : [{ path, text: damage.message }],
      ),
    );
    const report = { expiredQueues: expired.size, compactedMessages, cleanedSegments, goneTopics };
    return { ...report, freedBytes, damagedSegments, undecodable: this.undecodable };
  }

  /** As in the report of the last pass. */
  get undecodable(): readonly UndecodableEntries[] {
    return this.#options.compactor?.undecodable ?? [];
  }

  /** The segments that are written anew, as runs of neighbours. */
  async #runs(
    tabled: readonly TabledSegment[],
    firsts: ReadonlyMap<number, number>,
    rules: RetentionRules,
    turns: RowTurns,
    compaction: CompactionPass | undefined,
  ): Promise<readonly { readonly log: LogPartition; readonly run: readonly TabledSegment[] }[]> {
    const firstOf = ({ topicId, queueId, expiredOffset }: QueueRow) =>
      rules.policy(topicId) === undefined
        ? Infinity
        : Math.max(expiredOffset, firsts.get(queueNumber(topicId, queueId)) ?? 0);
    const runs: { readonly log: LogPartition; readonly run: readonly TabledSegment[] }[] = [];
    for (const log of this.#options.logs) {
      const own = tabled.filter((one) => one.log === log && one.segment.damage === undefined);
      const judged: Judged[] = [];
      for (const { segment, queues } of own) {
        // Entries that lie, at least in part, at or past their queue's first offset.
        let liveBytes = 0;
        for (const row of queues) {
          if (row.endOffset > firstOf(row)) liveBytes += row.bytes;
          const waiting = turns.after(1);
          if (waiting !== undefined) await waiting;
        }
        const compacted = compaction?.bytesOf(segment) ?? 0;
        liveBytes = Math.max(0, liveBytes - compacted);
        judged.push({ segment, liveBytes, mustGo: compacted > 0 });
      }
      for (const run of runsToClean(judged, log.segmentBytes)) {
        runs.push({ log, run: own.filter(({ segment }) => run.includes(segment)) });
      }
    }
    return runs;
  }

  /** Where the queues begin of which so many bytes are kept: what is below does not count. */
  async #firstOffsets(
    tabled: readonly TabledSegment[],
    rules: RetentionRules,
    turns: RowTurns,
  ): Promise<Map<number, number>> {
    const known = new Set<number>();
    for (const { queues } of tabled) {
      for (const { topicId, queueId, entries } of queues) {
        const waiting = turns.after(1);
        if (waiting !== undefined) await waiting;
        if (entries === 0 || rules.policy(topicId)?.retentionBytes === undefined) continue;
        known.add(queueNumber(topicId, queueId));
      }
    }
    const numbers = [...known];
    const ranges = await this.#options.queues.ranges(numbers);
    const firsts = new Map<number, number>();
    for (const [i, number] of numbers.entries()) {
      firsts.set(number, ranges[i]!.minOffset);
      const waiting = turns.after(1);
      if (waiting !== undefined) await waiting;
    }
    return firsts;
  }

  /** Queues of dropped topics of which nothing is, or was, but in the segments. */
  async #forgettable(run: readonly TabledSegment[], turns: RowTurns): Promise<ReadonlySet<number>> {
    const held = new Map<number, number>();
    for (const { queues } of run) {
      for (const { topicId, queueId, firstOffset, endOffset } of queues) {
        const waiting = turns.after(1);
        if (waiting !== undefined) await waiting;
        if (!this.#dropped.has(topicId)) continue;
        const number = queueNumber(topicId, queueId);
        held.set(number, (held.get(number) ?? 0) + endOffset - firstOffset);
      }
    }
    const numbers = [...held.keys()];
    const ranges = await this.#options.queues.ranges(numbers);
    return new Set(numbers.filter((number, i) => held.get(number) === ranges[i]!.maxOffset));
  }

  async #tabled(turns: RowTurns): Promise<readonly TabledSegment[]> {
    const tabled: TabledSegment[] = [];
    for (const log of this.#options.logs) {
      for (const segment of log.segments) {
        if (!segment.isSealed) continue;
        const table = this.#tables.get(segment) ?? (await this.#readTable(segment, turns));
        if (table === undefined) continue;
        this.#tables.set(segment, table);
        tabled.push({ log, segment, partition: log.number, ...table });
      }
    }
    return tabled;
  }

  /** `undefined` when it is damaged. */
  async #readTable(
    segment: Segment,
    turns: RowTurns,
  ): Promise<Pick<TabledSegment, 'queues' | 'topics'> | undefined> {
    if (segment.damage !== undefined) return undefined;
    try {
      const queues = await segment.queues(turns);
      const topics = new Set<number>();
      for (const { topicId, entries } of queues) {
        if (entries > 0) topics.add(topicId);
        const waiting = turns.after(1);
        if (waiting !== undefined) await waiting;
      }
      return { queues, topics };
    } catch (error) {
      if (segment.damage !== error) throw error;
      return undefined;
    }
  }
}

/**
 * Drops what lies below the queues' new first offsets, topics that are gone, and what compaction
 * has found.
 */
function cleaningOf(
  firsts: ReadonlyMap<number, number>,
  forgotten: ReadonlySet<number>,
  rules: RetentionRules,
  compaction: CompactionPass | undefined,
): Cleaning {
  const firstOf = (topicId: number, queueId: number) =>
    firsts.get(queueNumber(topicId, queueId)) ?? 0;
  return {
    choose(entry) {
      const { topicId, queueId, baseOffset, count, body } = entry;
      const isExpired = baseOffset + count <= firstOf(topicId, queueId);
      if (isExpired || rules.policy(topicId) === undefined) return undefined;
      return compaction === undefined ? body : compaction.choose(entry);
    },
    expiredOffset: firstOf,
    compactedOffset: (topicId, queueId) => compaction?.compactedOffset(topicId, queueId) ?? 0,
    isForgotten: (topicId, queueId) => forgotten.has(queueNumber(topicId, queueId)),
  };
}
