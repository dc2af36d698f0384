import type { Clock } from './clock.ts';

/** The machine's time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action, options = {}) {
    const timer = setTimeout(action, delayMs);
    if (options.background === true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (action) => {
    setImmediate(action);
  },
};
