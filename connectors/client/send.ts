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
 * One SendMessageRequest; gives its first entry. Sent again, as it is, when the server could not
 * be reached or was too busy, `attempts` times in all, or for 30 s unless they are given: it knows a
 * request that came twice (reference rocketmq-v2, 1.12).
 */
export async function sendDurably(
  connection: Connection,
  request: Buffer,
  attempts: number | undefined,
): Promise<SendEntry> {
  const untilMs = systemClock.monotonicMs() + retryMs;
  for (let attempt = 1, pauseMs = firstPauseMs; ; attempt++) {
    try {
      const bytes = await connection.unary('SendMessage', request);
      const { entries = [] } = checkedResponse<SendAnswer>('SendMessage', bytes);
      for (const entry of entries) checkStatus(entry);
      return entries[0] ?? {};
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
