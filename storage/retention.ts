import type { Clock } from '../platform/clock.ts';
import type { CompactionPass } from './compaction/compaction-pass.ts';
import type { Compactor } from './compaction/compactor.ts';
import type { TabledSegment } from './compaction/due-topics.ts';
import { liveBytes, runsToClean } from './log/clean-runs.ts';
import type { LogPartition } from './log/partition.ts';
import type { QueueRow } from './log/queue-table.ts';
import { planExpiry } from './log/retention-plan.ts';
import type { Segment } from './log/segment.ts';
import type { Cleaning } from './log/segment-cleaner.ts';
import type { ConsumeQueues } from './queues/consume-queues.ts';
import { queueNumber } from './queues/queue-number.ts';
import type { RetentionReport, RetentionRules } from './store.ts';

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
 * are durable, and how far queues are compacted. After a crash in between the next pass comes to the same decision, or to a later one.
 */
export class Retention {
  readonly #options: RetentionOptions;
  /** Tables of segments, which never change. */
  readonly #tables = new WeakMap<Segment, readonly QueueRow[]>();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** One pass; never two at a time. Throws IO, DISK_FULL, CORRUPTION, UNAVAILABLE (closed). */
  async run(rules: RetentionRules): Promise<RetentionReport> {
    const { logs, queues, clock, compactor } = this.#options;
    for (const log of logs) if (log.lastSegmentAgeMs >= rules.segmentAgeMs) await log.roll();
    const tabled = await this.#tabled();
    const nowMs = clock.nowMs();
    const expired = await queues.expire(
      planExpiry(tabled, rules, nowMs),
      ({ topicId, queueId }, first) => first <= rules.floor(topicId, queueId),
    );
    const compaction = await compactor?.begin(tabled, rules);
    let cleanedSegments = 0;
    let freedBytes = 0;
    for (const log of logs) {
      const firstOf = ({ topicId, queueId, expiredOffset }: QueueRow) =>
        rules.policy(topicId) === undefined
          ? Infinity
          : Math.max(expiredOffset, expired.get(queueNumber(topicId, queueId)) ?? 0);
      const own = tabled.filter((one) => one.log === log);
      const judged = own.map(({ segment, queues: rows }) => {
        const compacted = compaction?.bytesOf(segment) ?? 0;
        const live = Math.max(0, liveBytes(rows, firstOf) - compacted);
        return { segment, liveBytes: live, mustGo: compacted > 0 };
      });
      for (const run of runsToClean(judged, log.segmentBytes)) {
        const before = run.reduce((sum, { entryBytes }) => sum + entryBytes, 0);
        const rows = own.flatMap(({ segment, queues: table }) =>
          run.includes(segment) ? table : [],
        );
        const forgotten = await this.#forgettable(rows, rules);
        const cleaned = await log.clean(run, cleaningOf(expired, forgotten, rules, compaction));
        cleanedSegments += run.length;
        freedBytes += before - cleaned.entryBytes;
      }
    }
    if (compaction !== undefined) await compactor!.finish(compaction, rules);
    const compactedMessages = compaction?.removedMessages ?? 0;
    return { expiredQueues: expired.size, compactedMessages, cleanedSegments, freedBytes };
  }

  /** Queues of dropped topics of which nothing is, or was, but in the rows. */
  async #forgettable(
    rows: readonly QueueRow[],
    rules: RetentionRules,
  ): Promise<ReadonlySet<number>> {
    const held = new Map<number, number>();
    for (const { topicId, queueId, firstOffset, endOffset } of rows) {
      if (rules.policy(topicId) !== undefined) continue;
      const number = queueNumber(topicId, queueId);
      held.set(number, (held.get(number) ?? 0) + endOffset - firstOffset);
    }
    const ends = await this.#options.queues.ends([...held.keys()]);
    return new Set([...held.keys()].filter((number, i) => held.get(number) === ends[i]));
  }

  async #tabled(): Promise<readonly TabledSegment[]> {
    const tabled: TabledSegment[] = [];
    for (const log of this.#options.logs) {
      for (const segment of log.segments) {
        if (!segment.isSealed) continue;
        const queues = this.#tables.get(segment) ?? (await segment.queues());
        this.#tables.set(segment, queues);
        tabled.push({ log, segment, partition: log.number, queues });
      }
    }
    return tabled;
  }
}

/**
 * Drops what lies below the queues' new first offsets, topics that are gone, and what compaction
 * has found.
 */
function cleaningOf(
  expired: ReadonlyMap<number, number>,
  forgotten: ReadonlySet<number>,
  rules: RetentionRules,
  compaction: CompactionPass | undefined,
): Cleaning {
  const firstOf = (topicId: number, queueId: number) =>
    expired.get(queueNumber(topicId, queueId)) ?? 0;
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
