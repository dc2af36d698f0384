import { gunzipSync, inflateSync } from 'node:zlib';
import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { type Entry, entryKinds, holdsMessages } from '../../storage/store.ts';
import { PackedReader } from './packed-records.ts';
import { corrupt, nextAt, skip, varint } from './protobuf.ts';
import { envelopeOf, unpackedRequest } from './unpack.ts';

/**
 * Bodies of many messages over one buffer, ready for a decoder. Message i is `lengths[i]` bytes of
 * `buffer` from `starts[i]` on, at `offsets[i]` of logical queue `queues[i]`.
 */
export interface MessageBlock {
  readonly count: number;
  readonly buffer: Uint8Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly queues: Int32Array;
  readonly offsets: Float64Array;
  readonly storeTimesMs: Float64Array;
  /** The whole Message, of which the body is a part; both 0 unless `withProperties` was asked for. */
  readonly messageStarts: Int32Array;
  readonly messageEnds: Int32Array;
}

/**
 * Finds the message bodies of `messages` and `packed` entries (storage/store.ts). The bytes are a
 * SendMessageRequest: repeated Message messages = 1; of a Message, bytes body = 4. They were
 * checked when they were accepted; messages of an entry that cannot be read all the same have no
 * body and are reported as undecodable ones. Packed records are read in place, or made Messages
 * first, when more than their bodies is needed (`withProperties`).
 *
 * Compressed bodies (gzip 1f 8b, zlib 78 xx, told by their first bytes and not by body_encoding,
 * which clients set wrongly: reference rocketmq-v2, 1.12) are inflated, up to
 * limits.entryBytesMax each and limits.entryInflatedBytesMax of an entry: what is beyond stays as it
 * is, so that it depends on the entry alone.
 */
export function messageBlock(stored: readonly Entry[], withProperties = true): MessageBlock {
  const entries = withProperties ? stored.map(unpackedOrEmpty) : stored;
  let count = 0;
  for (const entry of entries) count += entry.count;
  const { buffer, bases } = joinBodies(entries);
  const block = {
    count,
    buffer,
    starts: new Int32Array(count),
    lengths: new Int32Array(count),
    queues: new Int32Array(count),
    offsets: new Float64Array(count),
    storeTimesMs: new Float64Array(count),
    messageStarts: new Int32Array(count),
    messageEnds: new Int32Array(count),
  };
  const inflated: { message: number; bytes: Uint8Array }[] = [];
  let message = 0;
  for (const [index, entry] of entries.entries()) {
    assert(holdsMessages(entry.kind), 'only message entries hold bodies');
    let inflatableBytes: number = limits.entryInflatedBytesMax;
    const isReadable = findBodies(entry, bases[index]!, block, message);
    // Those that are gone leave no place.
    for (let i = 0, from = message; i < entry.count; i++, from++) {
      // Compaction took it out: an empty message is left, or a record without a body.
      const isGone =
        entry.kind === entryKinds.packed
          ? block.lengths[from] === 0
          : block.messageStarts[from] === block.messageEnds[from];
      if (isGone && isReadable) continue;
      moveMessage(block, from, message);
      block.queues[message] = entry.queueId;
      block.offsets[message] = entry.baseOffset + i;
      block.storeTimesMs[message] = entry.storeTimeMs;
      const start = block.starts[message]!;
      if (isCompressed(buffer, start, block.lengths[message]!)) {
        const body = buffer.subarray(start, start + block.lengths[message]!);
        const { bytes, spentBytes } = inflate(
          body,
          Math.min(inflatableBytes, limits.entryBytesMax),
        );
        inflatableBytes -= spentBytes;
        if (bytes !== undefined) inflated.push({ message, bytes });
      }
      message++;
    }
  }
  const whole = message === count ? block : firstOf(block, message);
  return inflated.length === 0 ? whole : withInflated(whole, inflated);
}

/**
 * Finds the entry's bodies, from number `message` on. False when it cannot be read: its messages
 * are then there as ones without a body, which no decoder takes.
 */
function findBodies(entry: Entry, base: number, block: MessageBlock, message: number): boolean {
  const { buffer } = block;
  const end = base + entry.body.length;
  const last = message + entry.count;
  try {
    const packed = entry.kind === entryKinds.packed ? packedIn(buffer, base, end) : undefined;
    for (let at = base, to = message; to < last; to++) {
      if (packed === undefined) at = findBody(buffer, at, end, block, to);
      else nextPacked(packed, block, to);
    }
    return true;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { starts, lengths, messageStarts, messageEnds } = block;
    for (const spans of [starts, lengths, messageStarts, messageEnds]) spans.fill(0, message, last);
    return false;
  }
}

function moveMessage(block: MessageBlock, from: number, to: number): void {
  if (from === to) return;
  const { starts, lengths, messageStarts, messageEnds } = block;
  for (const spans of [starts, lengths, messageStarts, messageEnds]) spans[to] = spans[from]!;
}

/** The first `count` messages of a block. */
function firstOf(block: MessageBlock, count: number): MessageBlock {
  const { starts, lengths, queues, offsets, storeTimesMs, messageStarts, messageEnds } = block;
  return {
    count,
    buffer: block.buffer,
    starts: starts.subarray(0, count),
    lengths: lengths.subarray(0, count),
    queues: queues.subarray(0, count),
    offsets: offsets.subarray(0, count),
    storeTimesMs: storeTimesMs.subarray(0, count),
    messageStarts: messageStarts.subarray(0, count),
    messageEnds: messageEnds.subarray(0, count),
  };
}

function unpackedOrEmpty(entry: Entry): Entry {
  if (entry.kind !== entryKinds.packed) return entry;
  let body: Uint8Array = new Uint8Array(0);
  try {
    body = unpackedRequest(entry.body);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
  }
  return { ...entry, kind: entryKinds.messages, body };
}

function packedIn(buffer: Uint8Array, start: number, end: number): PackedReader {
  const request = buffer.subarray(start, end);
  const { bodyStart, bodyEnd } = envelopeOf(request);
  return new PackedReader(buffer, start + bodyStart, start + bodyEnd);
}

function nextPacked(packed: PackedReader, block: MessageBlock, message: number): void {
  if (!packed.next()) throw corrupt();
  block.starts[message] = packed.bodyStart;
  block.lengths[message] = packed.bodyEnd - packed.bodyStart;
}

/** One buffer that holds all bodies, and where each begins: theirs when they share one. */
function joinBodies(entries: readonly Entry[]): { buffer: Uint8Array; bases: number[] } {
  const first = entries[0]?.body.buffer;
  if (first !== undefined && entries.every((entry) => entry.body.buffer === first)) {
    return { buffer: new Uint8Array(first), bases: entries.map((entry) => entry.body.byteOffset) };
  }
  const buffer = new Uint8Array(entries.reduce((sum, entry) => sum + entry.body.length, 0));
  const bases: number[] = [];
  let at = 0;
  for (const { body } of entries) {
    bases.push(at);
    buffer.set(body, at);
    at += body.length;
  }
  return { buffer, bases };
}

/** Notes the body's span of the message at `at`; returns where the next one begins. */
function findBody(
  buffer: Uint8Array,
  at: number,
  end: number,
  block: MessageBlock,
  message: number,
): number {
  while (at < end) {
    const tag = varint(buffer, at, end);
    at = nextAt;
    if (tag === 0x0a) {
      const length = varint(buffer, at, end);
      const start = nextAt;
      const messageEnd = start + length;
      if (messageEnd > end) throw corrupt();
      block.messageStarts[message] = start;
      block.messageEnds[message] = messageEnd;
      // The slot may have been that of a message that is gone.
      block.starts[message] = 0;
      block.lengths[message] = 0;
      bodyIn(buffer, start, messageEnd, block.starts, block.lengths, message);
      return messageEnd;
    }
    at = skip(buffer, at, end, tag);
  }
  throw corrupt();
}

function bodyIn(
  buffer: Uint8Array,
  start: number,
  end: number,
  starts: Int32Array,
  lengths: Int32Array,
  message: number,
): void {
  for (let at = start; at < end; ) {
    const tag = varint(buffer, at, end);
    at = nextAt;
    if (tag === 0x22) {
      lengths[message] = varint(buffer, at, end);
      starts[message] = nextAt;
    }
    at = skip(buffer, at, end, tag);
  }
}

function isCompressed(buffer: Uint8Array, start: number, length: number): boolean {
  if (length < 6) return false;
  const first = buffer[start]!;
  const second = buffer[start + 1]!;
  if (first === 0x1f) return second === 0x8b;
  return first === 0x78 && (first * 256 + second) % 31 === 0;
}

/**
 * No bytes when it only looked compressed, or is too long: then the body stays as it is. What was
 * inflated before it turned out to be too long is spent all the same.
 */
function inflate(
  source: Uint8Array,
  maxOutputLength: number,
): { readonly bytes?: Uint8Array; readonly spentBytes: number } {
  if (maxOutputLength === 0) return { spentBytes: 0 };
  const options = { maxOutputLength };
  try {
    const bytes = source[0] === 0x1f ? gunzipSync(source, options) : inflateSync(source, options);
    return { bytes, spentBytes: bytes.length };
  } catch (error) {
    const isTooLong = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
    return { spentBytes: isTooLong ? maxOutputLength : 0 };
  }
}

function withInflated(
  block: MessageBlock,
  inflated: readonly { readonly message: number; readonly bytes: Uint8Array }[],
): MessageBlock {
  const extra = inflated.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const buffer = new Uint8Array(block.buffer.length + extra);
  buffer.set(block.buffer);
  let at = block.buffer.length;
  for (const { message, bytes } of inflated) {
    buffer.set(bytes, at);
    block.starts[message] = at;
    block.lengths[message] = bytes.length;
    at += bytes.length;
  }
  return { ...block, buffer };
}
