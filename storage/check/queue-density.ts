import { queueNumber } from '../queues/queue-number.ts';
import type { WalkedEntry } from './walk-partition.ts';

/** Follows the offsets of every queue through the log: dense, in order, each once. */
export class QueueDensity {
  readonly #next = new Map<number, number>();

  get queueCount(): number {
    return this.#next.size;
  }

  /** One past the last offset that was seen of the queue; `undefined` when none was. */
  next(topicId: number, queueId: number): number | undefined {
    return this.#next.get(queueNumber(topicId, queueId));
  }

  /**
   * What is wrong with the entry's offsets, if something is. `first`: what the queue begins with
   * when this is its first entry. `mayLack`: entries before this one were taken out on purpose.
   */
  take({ header, position }: WalkedEntry, first: number, mayLack: boolean): string | undefined {
    const { topicId, queueId, baseOffset, count } = header;
    const expected = this.next(topicId, queueId) ?? first;
    this.skipTo(topicId, queueId, baseOffset + count);
    if (baseOffset === expected || (mayLack && baseOffset > expected)) return undefined;
    const queue = `topic ${topicId}, queue ${queueId}`;
    return baseOffset > expected
      ? `offsets ${expected} to ${baseOffset - 1} of ${queue} are missing before position ${position}`
      : `the entry at position ${position} has offset ${baseOffset} of ${queue}, where ${expected} follows`;
  }

  /** Offsets below `offset` have been given, whether or not entries with them are left. */
  skipTo(topicId: number, queueId: number, offset: number): void {
    const number = queueNumber(topicId, queueId);
    this.#next.set(number, Math.max(this.#next.get(number) ?? 0, offset));
  }
}
