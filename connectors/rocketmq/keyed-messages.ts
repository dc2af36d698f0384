import type { MessageKeys } from '../../engine/broker/keyed-entries.ts';
import { PackedReader, PackedWriter } from '../../engine/formats/packed-records.ts';
import { envelopeOf } from '../../engine/formats/unpack.ts';
import { entryKinds, type KeyedFormat, type KeyedMessage } from '../../storage/store.ts';
import { delimited, WireReader } from './wire.ts';

/**
 * Entries of messages as compaction sees them: a SendMessageRequest's messages (1), of these the
 * system properties (3), of these the first key (2); the body (4). A message that was taken out is
 * there as an empty one, so that the others keep their numbers.
 */
const messages: KeyedFormat = {
  *messages({ kind, body }) {
    if (kind !== entryKinds.messages) return;
    const bytes = bufferOf(body);
    const request = new WireReader(bytes);
    while (request.next()) {
      if (request.is(1)) yield keyedMessage(bytes, request.start, request.stop);
    }
  },

  without({ body }, isKept) {
    const bytes = bufferOf(body);
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

/**
 * The same of packed messages (engine/formats/packed-records.ts). None of them is a tombstone: a
 * record without a body is one that was taken out.
 */
const packed: KeyedFormat = {
  *messages({ body }) {
    const bytes = bufferOf(body);
    const { bodyStart, bodyEnd } = envelopeOf(body);
    const records = new PackedReader(body, bodyStart, bodyEnd);
    while (records.next()) {
      if (records.bodyStart === records.bodyEnd) yield undefined;
      else {
        const key = firstKey(bytes, records.systemStart, records.systemEnd);
        yield { key, isTombstone: false };
      }
    }
  },

  without({ body }, isKept) {
    const bytes = bufferOf(body);
    const parts: Buffer[] = [];
    const request = new WireReader(bytes);
    while (request.next()) {
      if (!request.is(1)) continue;
      const message = new WireReader(bytes, request.start, request.stop);
      while (message.next()) {
        const { tagStart, at, start, stop } = message;
        const isBody = message.is(4);
        parts.push(
          isBody
            ? delimited(4, [packedWithout(bytes, start, stop, isKept)])
            : bytes.subarray(tagStart, at),
        );
      }
    }
    return delimited(1, parts);
  },
};

export const messageKeys: MessageKeys = { messages, packed };

function packedWithout(bytes: Buffer, from: number, to: number, isKept: Uint8Array): Buffer {
  const records = new PackedReader(bytes, from, to);
  const writer = new PackedWriter(records.flags);
  const nothing = bytes.subarray(0, 0);
  for (let place = 0; records.next(); place++) {
    if (isKept[place] === 0) writer.add(nothing, nothing, nothing, records.number);
    else {
      writer.add(
        bytes.subarray(records.bodyStart, records.bodyEnd),
        bytes.subarray(records.systemStart, records.systemEnd),
        bytes.subarray(records.propertiesStart, records.propertiesEnd),
        records.number,
      );
    }
  }
  return writer.finish();
}

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

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
