import type { Clock } from '../platform/clock.ts';
import { liveBytes, runsToClean } from './log/clean-runs.ts';
import type { LogPartition } from './log/partition.ts';
import type { QueueRow } from './log/queue-table.ts';
import { planExpiry } from './log/retention-plan.ts';
import type { Segment } from './log/segment.ts';
import type { Cleaning } from './log/segment-cleaner.ts';
import type { ConsumeQueues } from './queues/consume-queues.ts';
import { queueNumber } from './queues/queue-number.ts';
import type { RetentionReport, RetentionRules } from './store.ts';

interface Tabled {
  readonly log: LogPartition;
  readonly segment: Segment;
  readonly partition: number;
  readonly queues: readonly QueueRow[];
}

/**
 * Lets go of what is past its retention (DESIGN section 4, Retention).
 *
 * A pass plans which offsets expire and then publishes the queues' new first offsets, some queues
 * at a time, each in the turn of the event loop in which it looks once more whether somebody holds
 * what is below. Index rows are deleted then. Segments are written anew only when the first offsets
 * are durable. After a crash in between the next pass comes to the same decision, or to a later one.
 */
export class Retention {
  readonly #logs: readonly LogPartition[];
  readonly #queues: ConsumeQueues;
  readonly #clock: Clock;
  /** Tables of segments, which never change. */
  readonly #tables = new WeakMap<Segment, readonly QueueRow[]>();

  constructor(logs: readonly LogPartition[], queues: ConsumeQueues, clock: Clock) {
    this.#logs = logs;
    this.#queues = queues;
    this.#clock = clock;
  }

  /** One pass; never two at a time. Throws IO, DISK_FULL, CORRUPTION, UNAVAILABLE (closed). */
  async run(rules: RetentionRules): Promise<RetentionReport> {
    for (const log of this.#logs) if (log.lastSegmentAgeMs >= rules.segmentAgeMs) await log.roll();
    const tabled = await this.#tabled();
    const nowMs = this.#clock.nowMs();
    const expired = await this.#queues.expire(
      planExpiry(tabled, rules, nowMs),
      ({ topicId, queueId }, first) => first <= rules.floor(topicId, queueId),
    );
    let cleanedSegments = 0;
    let freedBytes = 0;
    for (const log of this.#logs) {
      const own = tabled.filter((one) => one.log === log);
      const firstOf = ({ topicId, queueId, expiredOffset }: QueueRow) =>
        rules.policy(topicId) === undefined
          ? Infinity
          : Math.max(expiredOffset, expired.get(queueNumber(topicId, queueId)) ?? 0);
      const judged = own.map(({ segment, queues }) => ({
        segment,
        liveBytes: liveBytes(queues, firstOf),
      }));
      for (const run of runsToClean(judged, log.segmentBytes)) {
        const before = run.reduce((sum, { entryBytes }) => sum + entryBytes, 0);
        const rows = own.flatMap(({ segment, queues }) => (run.includes(segment) ? queues : []));
        const forgotten = await this.#forgettable(rows, rules);
        const cleaned = await log.clean(run, cleaningOf(expired, forgotten, rules));
        cleanedSegments += run.length;
        freedBytes += before - cleaned.entryBytes;
      }
    }
    return { expiredQueues: expired.size, cleanedSegments, freedBytes };
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
    const ends = await this.#queues.ends([...held.keys()]);
    return new Set([...held.keys()].filter((number, i) => held.get(number) === ends[i]));
  }

  async #tabled(): Promise<readonly Tabled[]> {
    const tabled: Tabled[] = [];
    for (const log of this.#logs) {
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

/** Drops what lies below the queues' new first offsets, and topics that are gone. */
function cleaningOf(
  expired: ReadonlyMap<number, number>,
  forgotten: ReadonlySet<number>,
  rules: RetentionRules,
): Cleaning {
  const firstOf = (topicId: number, queueId: number) =>
    expired.get(queueNumber(topicId, queueId)) ?? 0;
  return {
    choose({ topicId, queueId, baseOffset, count, body }) {
      const isExpired = baseOffset + count <= firstOf(topicId, queueId);
      return isExpired || rules.policy(topicId) === undefined ? undefined : body;
    },
    expiredOffset: firstOf,
    isForgotten: (topicId, queueId) => forgotten.has(queueNumber(topicId, queueId)),
  };
}
