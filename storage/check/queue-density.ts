import { queueNumber } from '../queues/queue-ranges.ts';
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

  /** What is wrong with the entry's offsets, if something is. */
  take({ header, position }: WalkedEntry, first: number): string | undefined {
    const { topicId, queueId, baseOffset, count } = header;
    const number = queueNumber(topicId, queueId);
    const expected = this.#next.get(number) ?? first;
    this.#next.set(number, Math.max(expected, baseOffset + count));
    if (baseOffset === expected) return undefined;
    const queue = `topic ${topicId}, queue ${queueId}`;
    return baseOffset > expected
      ? `offsets ${expected} to ${baseOffset - 1} of ${queue} are missing before position ${position}`
      : `the entry at position ${position} has offset ${baseOffset} of ${queue}, where ${expected} follows`;
  }
}
