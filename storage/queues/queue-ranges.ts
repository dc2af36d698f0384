import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';

/**
 * What is known of every logical queue, idle ones too: two numbers in columns and one map entry,
 * under 100 bytes each.
 */
export class QueueRanges {
  readonly #slots = new Map<number, number>();
  #maxOffset = new Float64Array(16);
  #highTimeMs = new Float64Array(16);

  /** One past the last durable offset. */
  maxOffset(topicId: number, queueId: number): number {
    const slot = this.#slots.get(queueNumber(topicId, queueId));
    return slot === undefined ? 0 : this.#maxOffset[slot]!;
  }

  /** Highest store time of the queue's entries; 0 when there are none. */
  highTimeMs(topicId: number, queueId: number): number {
    const slot = this.#slots.get(queueNumber(topicId, queueId));
    return slot === undefined ? 0 : this.#highTimeMs[slot]!;
  }

  set(topicId: number, queueId: number, maxOffset: number, highTimeMs: number): void {
    const number = queueNumber(topicId, queueId);
    let slot = this.#slots.get(number);
    if (slot === undefined) {
      slot = this.#slots.size;
      this.#slots.set(number, slot);
      if (slot === this.#maxOffset.length) this.#grow();
    }
    this.#maxOffset[slot] = maxOffset;
    this.#highTimeMs[slot] = highTimeMs;
  }

  #grow(): void {
    const maxOffset = new Float64Array(2 * this.#maxOffset.length);
    const highTimeMs = new Float64Array(maxOffset.length);
    maxOffset.set(this.#maxOffset);
    highTimeMs.set(this.#highTimeMs);
    this.#maxOffset = maxOffset;
    this.#highTimeMs = highTimeMs;
  }
}

/** One number for topic and queue; a small integer for all but huge topic ids. */
export function queueNumber(topicId: number, queueId: number): number {
  assert(queueId >= 0 && queueId < limits.topicQueuesMax, 'a queue id within its limit');
  return topicId * limits.topicQueuesMax + queueId;
}
