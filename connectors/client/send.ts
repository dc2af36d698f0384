import { MillraceError } from '../../platform/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { checkedResponse, checkStatus } from './answers.ts';
import type { Connection } from './connection.ts';

/** A SendResultEntry as decoded. */
export interface SendEntry {
  readonly offset?: number;
  readonly recall_handle?: string;
}

interface SendAnswer {
  readonly entries?: readonly (SendEntry & {
    readonly status?: { code: number; message: string };
  })[];
}

const firstPauseMs = 20;
const pauseMsMax = 1000;
const retryMs = 30_000;

/**
 * One SendMessageRequest; gives its entries, of which there is one at least. Sent again as
 * `persistently` says: the server knows a request that came twice (reference rocketmq-v2, 1.12).
 */
export function sendDurably(
  connection: Connection,
  request: Buffer,
  attempts: number | undefined,
): Promise<readonly [SendEntry, ...SendEntry[]]> {
  return persistently(attempts, async () => {
    const bytes = await connection.unary('SendMessage', request);
    const { entries = [] } = checkedResponse<SendAnswer>('SendMessage', bytes);
    for (const entry of entries) checkStatus(entry);
    const [first = {}, ...others] = entries;
    return [first, ...others];
  });
}

/**
 * Calls again when the server could not be reached or was too busy, `attempts` times in all, or for
 * 30 s unless they are given.
 */
export async function persistently<T>(
  attempts: number | undefined,
  call: () => Promise<T>,
): Promise<T> {
  const untilMs = systemClock.monotonicMs() + retryMs;
  for (let attempt = 1, pauseMs = firstPauseMs; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const isLast =
        attempts === undefined
          ? systemClock.monotonicMs() + pauseMs > untilMs
          : attempt >= attempts;
      if (isLast || !mayPass(error)) throw error;
      await pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, pauseMsMax);
    }
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  return error.code === 'UNAVAILABLE' || error.code === 'RESOURCE_LIMIT';
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}
