import type { Block } from './block.ts';
import { type IndexRows, indexRowWidth } from './index-rows.ts';

/** Collects index rows out of blocks, up to `capacity`. */
export class RowsBuilder {
  readonly #capacity: number;
  #values: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#values = new Float64Array(Math.min(capacity, 64) * indexRowWidth);
  }

  get isFull(): boolean {
    return this.#count >= this.#capacity;
  }

  get room(): number {
    return this.#capacity - this.#count;
  }

  /**
   * Copies rows from the one with `offset` on, below `end`; returns the offset after the last, or
   * after the block when it had none.
   */
  takeFrom(block: Block, offset: number, end: number): number {
    let next = offset;
    for (let i = block.find(offset); i < block.entryCount && next < end && !this.isFull; i++) {
      if ((this.#count + 1) * indexRowWidth > this.#values.length) this.#grow();
      block.copyRow(i, this.#values, this.#count++);
      next = block.offsetOf(i) + block.countOf(i);
    }
    return this.isFull ? next : Math.max(next, block.end);
  }

  finish(): IndexRows {
    return { rowCount: this.#count, values: this.#values.slice(0, this.#count * indexRowWidth) };
  }

  #grow(): void {
    const values = new Float64Array(2 * this.#values.length);
    values.set(this.#values);
    this.#values = values;
  }
}
