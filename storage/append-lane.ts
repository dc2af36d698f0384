import type { LogPartition } from './log/partition.ts';
import { col, indexRowWidth } from './queues/index-rows.ts';
import { PendingRows } from './queues/pending-rows.ts';

/** A physical partition, and the index rows of what was placed on it and is not durable yet. */
export class AppendLane {
  readonly log: LogPartition;
  readonly pending = new PendingRows();

  constructor(log: LogPartition) {
    this.log = log;
  }

  /** Store time of the oldest entry that is not durable; Infinity when there is none. */
  get oldestPendingMs(): number {
    return this.pending.rowCount === 0 ? Infinity : this.pending.values[col.storeTimeMs]!;
  }

  /** Topic and queue of each pending entry. */
  *pendingQueues(): Iterable<readonly [number, number]> {
    const { values, rowCount } = this.pending;
    for (let at = 0; at < rowCount * indexRowWidth; at += indexRowWidth) {
      yield [values[at + col.topicId]!, values[at + col.queueId]!];
    }
  }
}
