import type { Appended, AppendRequest } from '../store.ts';
import { col, type IndexRows, indexRowWidth } from './index-rows.ts';

/** Index rows of entries that are placed but not yet durable, in log order. */
export class PendingRows {
  #values = new Float64Array(64 * indexRowWidth);
  #count = 0;

  get rowCount(): number {
    return this.#count;
  }

  /** The rows, oldest first, and room behind them; changes with the next `push`. */
  get values(): Float64Array {
    return this.#values;
  }

  /** Appends a row; `row` has the order of `indexColumns`. */
  push(row: ArrayLike<number>): void {
    const at = this.next() * indexRowWidth;
    this.#values.set(row, at);
  }

  /** Appends the row of an entry that was placed. */
  add(request: AppendRequest, placed: Appended): void {
    const at = this.next() * indexRowWidth;
    const values = this.#values;
    values[at + col.topicId] = request.topicId;
    values[at + col.queueId] = request.queueId;
    values[at + col.baseOffset] = placed.baseOffset;
    values[at + col.count] = request.count;
    values[at + col.partition] = placed.partition;
    values[at + col.position] = placed.position;
    values[at + col.length] = placed.length;
    values[at + col.storeTimeMs] = placed.storeTimeMs;
    values[at + col.tagHash] = request.tagHash >>> 0;
  }

  /** Appends a row that the caller fills in; its number. */
  next(): number {
    const at = this.#count * indexRowWidth;
    if (at === this.#values.length) {
      const grown = new Float64Array(2 * at);
      grown.set(this.#values);
      this.#values = grown;
    }
    return this.#count++;
  }

  /** Removes and returns the rows of the entries that lie below `position`. */
  takeBelow(position: number): IndexRows {
    let rowCount = 0;
    while (
      rowCount < this.#count &&
      this.#values[rowCount * indexRowWidth + col.position]! < position
    ) {
      rowCount++;
    }
    const values = this.#values.slice(0, rowCount * indexRowWidth);
    this.#values.copyWithin(0, values.length, this.#count * indexRowWidth);
    this.#count -= rowCount;
    return { rowCount, values };
  }

  clear(): void {
    this.#count = 0;
  }
}
