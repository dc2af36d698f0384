import type { ServerWritableStream } from '@grpc/grpc-js';

/**
 * Writes messages as fast as the client takes them and ends the stream. A cancelled call ends the
 * source too (its `finally` runs) and is not an error here: nobody listens any more.
 */
export async function sendAll(
  call: ServerWritableStream<Buffer, Buffer>,
  messages: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of messages) {
    if (signal.aborted) return;
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
