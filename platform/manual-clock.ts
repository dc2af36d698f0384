import type { Clock, Timer } from './clock.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Time that a test owns: timers fire inside `advance`, in order of their time. */
export class ManualClock implements Clock {
  #nowMs: number;
  /** What the wall clock shows besides the time that went by. */
  #wallOffsetMs = 0;
  #order = 0;
  #due: Due[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Somebody sets the wall clock, to any time. */
  setWall(nowMs: number): void {
    this.#wallOffsetMs = nowMs - this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    const due = { atMs: this.#nowMs + delayMs, order: this.#order++, action };
    this.#due.push(due);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== due);
      },
    };
  }

  soon(action: () => void): void {
    setImmediate(action);
  }

  /** Moves time on, firing every timer that falls due, each at its own time. */
  advance(byMs: number): void {
    const end = this.#nowMs + byMs;
    for (;;) {
      const next = this.#due
        .filter((due) => due.atMs <= end)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((due) => due !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.action();
    }
    this.#nowMs = end;
  }
}
