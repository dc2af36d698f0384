import type { QueueRow } from './log/queue-table.ts';
import type { ConsumeQueues } from './queues/consume-queues.ts';
import type { LogicalQueue } from './queues/logical-queue.ts';
import { partitionOf } from './queues/queue-mapping.ts';
import { queueNumber, queueOfNumber } from './queues/queue-number.ts';

/** One stay of a queue in the segment: a row of its queue table (log/queue-table.ts). */
interface Stay {
  readonly firstOffset: number;
  readonly endOffset: number;
  readonly expiredOffset: number;
  readonly compactedOffset: number;
  /** Entries that are left of it and were not met yet. */
  left: number;
}

/**
 * Which offsets are missing in a cleaned segment on purpose, as its queue table tells. Met while
 * the segment is read to bring the index up to date (catch-up.ts): what a stay lacks between two of
 * its entries, the queue passes over with the later one; what it lacks after the last one, or all
 * of it, when the stay is covered.
 */
export class CleanedOffsets {
  readonly #stays = new Map<number, Stay[]>();

  constructor(rows: readonly QueueRow[] = []) {
    for (const row of rows) {
      const number = queueNumber(row.topicId, row.queueId);
      const stays = this.#stays.get(number) ?? [];
      const { firstOffset, endOffset, expiredOffset, compactedOffset, entries: left } = row;
      stays.push({ firstOffset, endOffset, expiredOffset, compactedOffset, left });
      this.#stays.set(number, stays);
    }
  }

  /** Every stay was covered. */
  get isCovered(): boolean {
    return this.#stays.size === 0;
  }

  /** The queues that are not covered. */
  get queueNames() {
    return Array.from(this.#stays.keys(), queueOfNumber);
  }

  /** The entry that has the offset was met. */
  met(queue: number, offset: number): void {
    const stay = this.#find(queue, offset);
    if (stay !== undefined) stay.left--;
  }

  /** The queue's offsets from `from` on are missing on purpose, up to the entry at `to`. */
  areMissing(queue: number, from: number, to: number): boolean {
    return (this.#find(queue, to)?.firstOffset ?? Infinity) <= from;
  }

  /**
   * Covers the stays whose entries were all met and before which everything of their queue was
   * taken in; the queues are in memory. Says whether there were any.
   *
   * A stay is covered up to where its queue leaves the partition, as far as that is known. What is
   * past that waits: the queue may have come back before it got another entry, or an entry of
   * unknown fate lies there, which is elsewhere, too (`dropStrays`).
   */
  cover(queues: ConsumeQueues, partition: number): boolean {
    return this.#settle(queues, (queue, stay) => {
      const { firstOffset, endOffset, expiredOffset, compactedOffset } = stay;
      const { segments, maxOffset } = queue;
      if (stay.left > 0 || maxOffset < firstOffset) return stay;
      if (partitionOf(segments, firstOffset) !== partition) return stay;
      const leaves = segments.find(
        (segment) => segment.firstOffset > firstOffset && segment.partition !== partition,
      );
      const end = Math.min(endOffset, leaves?.firstOffset ?? Infinity);
      queues.cover(queue, Math.min(expiredOffset, end), Math.min(compactedOffset, end), end);
      return end === endOffset ? undefined : { ...stay, firstOffset: end };
    });
  }

  /** Gives up stays that are not where their queue has them; says whether there were any. */
  dropStrays(queues: ConsumeQueues, partition: number): boolean {
    return this.#settle(queues, ({ segments }, stay) =>
      partitionOf(segments, stay.firstOffset) === partition ? stay : undefined,
    );
  }

  /** `settle` says what is left of a stay: all, a part, nothing. Says whether any lost something. */
  #settle(
    queues: ConsumeQueues,
    settle: (queue: LogicalQueue, stay: Stay) => Stay | undefined,
  ): boolean {
    let hasMoved = false;
    for (const [number, stays] of this.#stays) {
      const { topicId, queueId } = queueOfNumber(number);
      const queue = queues.active.get(topicId, queueId)!;
      const left: Stay[] = [];
      for (const stay of stays) {
        const rest = settle(queue, stay);
        if (rest !== stay) hasMoved = true;
        if (rest !== undefined) left.push(rest);
      }
      if (left.length === 0) this.#stays.delete(number);
      else this.#stays.set(number, left);
    }
    return hasMoved;
  }

  #find(queue: number, offset: number): Stay | undefined {
    const has = (stay: Stay) => stay.firstOffset <= offset && offset < stay.endOffset;
    return this.#stays.get(queue)?.find(has);
  }
}
