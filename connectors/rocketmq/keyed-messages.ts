import { entryKinds, type KeyedFormat, type KeyedMessage } from '../../storage/store.ts';
import { delimited, WireReader } from './wire.ts';

/**
 * Entries of messages as compaction sees them: a SendMessageRequest's messages (1), of these the
 * system properties (3), of these the first key (2); the body (4). A message that was taken out is
 * there as an empty one, so that the others keep their numbers.
 */
export const keyedMessages: KeyedFormat = {
  *messages({ kind, body }) {
    if (kind !== entryKinds.messages) return;
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const request = new WireReader(bytes);
    while (request.next()) {
      if (request.is(1)) yield keyedMessage(bytes, request.start, request.stop);
    }
  },

  without({ body }, isKept) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const empty = delimited(1, []);
    const parts: Buffer[] = [];
    const request = new WireReader(bytes);
    let index = 0;
    while (request.next()) {
      const isGone = request.is(1) && isKept[index++] === 0;
      parts.push(isGone ? empty : bytes.subarray(request.tagStart, request.at));
    }
    return Buffer.concat(parts);
  },
};

function keyedMessage(bytes: Buffer, start: number, end: number): KeyedMessage | undefined {
  if (start === end) return undefined;
  const message = new WireReader(bytes, start, end);
  let key: Buffer | undefined;
  let bodyBytes = 0;
  while (message.next()) {
    if (message.is(3)) key = firstKey(bytes, message.start, message.stop);
    else if (message.is(4)) bodyBytes = message.stop - message.start;
  }
  return { key, isTombstone: key !== undefined && bodyBytes === 0 };
}

function firstKey(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const system = new WireReader(bytes, start, end);
  while (system.next()) {
    if (system.is(2)) return bytes.subarray(system.start, system.stop);
  }
  return undefined;
}
