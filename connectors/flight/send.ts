import type { ServerWritableStream } from '@grpc/grpc-js';
import { MillraceError } from '../../platform/errors.ts';

/**
 * Writes messages as fast as the client takes them and ends the stream. Rejects with CANCELLED
 * when `signal` aborts; the source is ended then (its `finally` runs).
 */
export async function sendAll(
  call: ServerWritableStream<Buffer, Buffer>,
  messages: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of messages) {
    if (signal.aborted) throw new MillraceError('CANCELLED', 'the statement was cancelled');
    if (!call.write(message)) await drained(call, signal);
  }
  call.end();
}

function drained(call: ServerWritableStream<Buffer, Buffer>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    if (signal.aborted) return resolve();
    call.once('drain', done);
    signal.addEventListener('abort', done);
  });
}
