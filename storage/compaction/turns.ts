import type { Clock } from '../../platform/clock.ts';
import type { Pause } from '../log/segment-sealer.ts';

/** The main thread runs no loop longer than 2 ms (DESIGN section 3). */
const turnMs = 1;

/** Divides a long loop into turns of the event loop: `if (turns.isOver) await turns.next()`. */
export class Turns {
  readonly #clock: Clock;
  readonly #pause: Pause;
  #sinceMs: number;

  constructor(clock: Clock, pause: Pause) {
    this.#clock = clock;
    this.#pause = pause;
    this.#sinceMs = clock.monotonicMs();
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() - this.#sinceMs >= turnMs;
  }

  async next(): Promise<void> {
    await this.#pause();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
