import { col, type IndexRows, indexRowWidth } from './queues/index-rows.ts';
import { PendingRows } from './queues/pending-rows.ts';

interface Held {
  readonly rows: IndexRows;
  next: number;
}

interface Waiter {
  readonly storeTimeMs: number;
  readonly resolve: () => void;
}

/**
 * Durable rows of several partitions, put into the one order of their store times (store-times.ts).
 * A row is held until no partition has an older entry under way. The order depends on the entries
 * alone, not on which disk was faster, so a replay finds the same one.
 */
export class OrderedRows {
  readonly #held: Held[] = [];
  #waiters: Waiter[] = [];

  /** Rows of one partition, in its order. */
  add(rows: IndexRows): void {
    if (rows.rowCount > 0) this.#held.push({ rows, next: 0 });
  }

  /** Releases the rows up to `storeTimeMs`, the time of the oldest entry that is under way. */
  release(storeTimeMs: number): IndexRows {
    const released = new PendingRows();
    for (;;) {
      const first = this.#oldest();
      if (first === undefined || timeOf(first) > storeTimeMs) break;
      const at = first.next++ * indexRowWidth;
      released.push(first.rows.values.subarray(at, at + indexRowWidth));
      if (first.next === first.rows.rowCount) this.#held.splice(this.#held.indexOf(first), 1);
    }
    this.#settle();
    return { rowCount: released.rowCount, values: released.values };
  }

  /** Resolves when every row held now was released; `undefined` when there is none. */
  released(): Promise<void> | undefined {
    const last = this.#newestMs();
    if (last === undefined) return undefined;
    return new Promise((resolve) => this.#waiters.push({ storeTimeMs: last, resolve }));
  }

  /** Within a partition rows are held in their order: only its first part counts. */
  #oldest(): Held | undefined {
    let oldest: Held | undefined;
    for (const held of this.#held) {
      if (oldest === undefined || timeOf(held) < timeOf(oldest)) oldest = held;
    }
    return oldest;
  }

  #newestMs(): number | undefined {
    if (this.#held.length === 0) return undefined;
    return Math.max(...this.#held.map(({ rows }) => timeAt(rows, rows.rowCount - 1)));
  }

  #settle(): void {
    const first = this.#oldest();
    const oldestMs = first === undefined ? Infinity : timeOf(first);
    const done = this.#waiters.filter(({ storeTimeMs }) => storeTimeMs < oldestMs);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter(({ storeTimeMs }) => storeTimeMs >= oldestMs);
    for (const { resolve } of done) resolve();
  }
}

function timeOf({ rows, next }: Held): number {
  return timeAt(rows, next);
}

function timeAt({ values }: IndexRows, row: number): number {
  return values[row * indexRowWidth + col.storeTimeMs]!;
}
