import type { Clock } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { sliceBatch } from '../../sql/columns/gather.ts';

/** Rows of an input's first portion; later ones fit the time that they take. */
const firstRows = 64;

/**
 * Cuts one long piece of work (a query, a fill, a backlog of steps, a checkpoint) into slices of
 * limits.sliceMs; between two slices messages arrive and other work has its turn
 * (DESIGN section 7). Use: `if (slices.isOver) await slices.next();`.
 */
export class Slices {
  readonly #clock: Clock;
  #endMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endMs = clock.monotonicMs() + limits.sliceMs;
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs;
  }

  /** Resolves when the next slice begins. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(() => {
        this.#endMs = this.#clock.monotonicMs() + limits.sliceMs;
        resolve();
      });
    });
  }

  /**
   * The batches of one input in portions that take about a slice each to work on, however much
   * comes of a row.
   */
  async *portions(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
    let rows = firstRows;
    for await (const batch of batches) {
      for (let from = 0; from < batch.rowCount; ) {
        const count = Math.min(rows, batch.rowCount - from);
        const startMs = this.#clock.monotonicMs();
        yield count === batch.rowCount ? batch : sliceBatch(batch, from, count);
        const tookMs = this.#clock.monotonicMs() - startMs;
        if (tookMs > limits.sliceMs) {
          rows = Math.max(1, Math.floor((count * limits.sliceMs) / tookMs));
        } else if (2 * tookMs < limits.sliceMs) {
          rows = Math.min(2 * rows, limits.stepRowsMax);
        }
        from += count;
        if (this.isOver) await this.next();
      }
    }
  }
}
