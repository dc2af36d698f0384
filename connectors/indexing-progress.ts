import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';

const firstMs = 2000;
const everyMs = 5000;

/**
 * Says in the log how far the index is, when bringing it up to date takes long: the server answers
 * nobody before it is done. `done` and `total` are bytes of the commit log.
 */
export function indexingProgress(logger: Logger, clock: Clock) {
  const startMs = clock.monotonicMs();
  let nextMs = startMs + firstMs;
  return (done: number, total: number): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs < nextMs || total === 0) return;
    nextMs = nowMs + everyMs;
    const elapsedMs = nowMs - startMs;
    const leftSeconds = Math.ceil((elapsedMs * (total - done)) / Math.max(done, 1) / 1000);
    logger.log('warn', 'the index is brought up to date from the log; serving begins afterwards', {
      percent: Math.floor((100 * done) / total),
      doneMiB: Math.floor(done / 2 ** 20),
      totalMiB: Math.ceil(total / 2 ** 20),
      ...(done === 0 ? {} : { leftSeconds }),
    });
  };
}
