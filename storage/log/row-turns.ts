import type { Pause } from './segment-sealer.ts';

/** What is done with so many rows of queue tables takes at most a few ms. */
const rowsPerTurn = 2048;

/**
 * Divides a loop over rows of queue tables into turns of the event loop, of which a segment with
 * 100,000 queues needs many. After each row, or some of them:
 * `const waiting = turns.after(rows); if (waiting !== undefined) await waiting;`
 */
export class RowTurns {
  readonly #pause: Pause;
  readonly #rows: number;
  #left: number;

  constructor(pause: Pause, rows = rowsPerTurn) {
    this.#pause = pause;
    this.#rows = rows;
    this.#left = rows;
  }

  /** Resolves in a later turn, or rejects as `pause`; `undefined` while this turn goes on. */
  after(rows: number): Promise<void> | undefined {
    this.#left -= rows;
    if (this.#left > 0) return undefined;
    this.#left = this.#rows;
    return this.#pause();
  }
}

/** For work that no event loop waits for: all of it in one turn. */
export const oneTurn = new RowTurns(async () => undefined, Infinity);
