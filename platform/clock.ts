export interface Timer {
  cancel(): void;
}

/** Time as a parameter, so that tests can own it. */
export interface Clock {
  /** Wall clock, ms since 1970. May jump either way. */
  nowMs(): number;
  /** Never goes back; fractions of a ms; origin unspecified. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`. Does not keep the process alive when `background`. */
  after(delayMs: number, action: () => void, options?: { readonly background?: boolean }): Timer;
  /** Runs `action` after pending I/O callbacks had their turn. */
  soon(action: () => void): void;
}

/** Resolves after `delayMs`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
