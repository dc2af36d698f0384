import type { Clock } from '../../platform/clock.ts';

/** A power of two that float64 still resolves at 1.7e12 ms. */
const tickMs = 2 ** -10;

/**
 * Store times: the clock's, as a hybrid logical clock over all partitions, so that they order the
 * entries of the server. They never go back: a clock that was set back holds them at the highest
 * one until it catches up, after a restart too. Two entries of one partition may have the same
 * time, and their positions order them; where the partition changes within the same time, a tick
 * of 1/1024 ms tells them apart.
 */
export class StoreTimes {
  readonly #clock: Clock;
  #last: number;
  #partition = -1;

  /** `last` = the highest store time that was ever given. */
  constructor(clock: Clock, last: number) {
    this.#clock = clock;
    this.#last = last;
  }

  next(partition: number): number {
    const nowMs = this.#clock.nowMs();
    if (nowMs > this.#last) this.#last = nowMs;
    else if (partition !== this.#partition) this.#last += tickMs;
    this.#partition = partition;
    return this.#last;
  }
}
