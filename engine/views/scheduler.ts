import type { Clock } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';

/**
 * Shares the worker's one thread between steps and background work (replay, ad-hoc queries).
 * Steps come first; background work runs in units, as many as fit in limits.sliceMs, round robin
 * over its owners. Between turns the event loop delivers messages.
 */
export class Scheduler {
  readonly #clock: Clock;
  /** Runs one step; says whether more input is ready. */
  readonly #step: () => boolean;
  readonly #units: (() => void)[] = [];
  #turnIsDue = false;
  #stopped = false;

  constructor(clock: Clock, step: () => boolean) {
    this.#clock = clock;
    this.#step = step;
  }

  /** Input for a step may be ready. */
  wake(): void {
    if (this.#turnIsDue || this.#stopped) return;
    this.#turnIsDue = true;
    this.#clock.soon(() => this.#turn());
  }

  /**
   * Runs `unit` between two steps and resolves with its result. A unit is synchronous and short:
   * one chunk or one block of rows. Resolving is by a microtask, so whoever awaits goes on before
   * the next unit or step: what it does until its next await is one consistent moment.
   */
  slice<T>(unit: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#units.push(() => {
        try {
          resolve(unit());
        } catch (error) {
          reject(error);
        }
      });
      this.wake();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  async #turn(): Promise<void> {
    this.#turnIsDue = false;
    if (this.#stopped) return;
    let more = this.#step();
    const start = this.#clock.monotonicMs();
    while (this.#units.length > 0) {
      this.#units.shift()?.();
      // Lets the unit's owner go on, and perhaps queue its next unit, within this slice.
      await undefined;
      if (this.#clock.monotonicMs() - start > limits.sliceMs) break;
    }
    more ||= this.#units.length > 0;
    if (more) this.wake();
  }
}
