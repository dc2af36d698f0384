import type { Clock } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';

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
}
