import type { TabledSegment } from './compaction/due-topics.ts';
import type { LogCut } from './compaction/ordered-entries.ts';
import type { LogPartition } from './log/partition.ts';
import type { QueueRow } from './log/queue-table.ts';

/**
 * Finds out when nothing is left in the log of topics that were dropped, and nothing can come.
 *
 * What was on its way to a topic when it was dropped has arrived one pass later. So all of it lies
 * in front of the ends that the logs have then; and it is gone when every segment that begins there
 * is sealed and has no row for the topic in its queue table, not even one without entries, which a
 * lost index would be built from.
 */
export class LeavingTopics {
  /** Log ends by topic; `undefined` for one that was met in the last pass for the first time. */
  readonly #ends = new Map<number, LogCut | undefined>();

  /**
   * Once per pass: which of the dropped topics are gone. `tabled`: the sealed segments whose tables
   * could be read; `endOf`: ends of the logs, at or before the time at which `tabled` was made.
   */
  gone(
    dropped: readonly number[],
    logs: readonly LogPartition[],
    tabled: readonly TabledSegment[],
    endOf: LogCut,
  ): readonly number[] {
    const isTabled = new Set(tabled.map(({ segment }) => segment));
    const known = new Map(
      logs.map((log) => {
        const first = log.segments.find((segment) => !isTabled.has(segment));
        return [log.number, first?.start ?? Infinity];
      }),
    );
    const gone: number[] = [];
    const before = new Map(this.#ends);
    this.#ends.clear();
    for (const topicId of dropped) {
      const ends = before.get(topicId) ?? (before.has(topicId) ? endOf : undefined);
      const isKnown =
        ends !== undefined && logs.every(({ number }) => known.get(number)! >= ends.get(number)!);
      if (isKnown && !tabled.some(({ queues }) => hasTopic(queues, topicId))) gone.push(topicId);
      else this.#ends.set(topicId, ends);
    }
    return gone;
  }
}

/** The rows are in the order of topics. */
function hasTopic(rows: readonly QueueRow[], topicId: number): boolean {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.topicId < topicId) low = middle + 1;
    else high = middle;
  }
  return rows[low]?.topicId === topicId;
}
