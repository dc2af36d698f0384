import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { homeSegments, type QueueSegment } from './queue-mapping.ts';

/**
 * Keys and values of the `index/` database. Keys are big-endian, so that their order is that of
 * the numbers; values are little-endian. 64-bit numbers in values are float64, exact to 2^53.
 *
 * | prefix | key after the prefix                            | value                            |
 * |--------|-------------------------------------------------|----------------------------------|
 * | 0      |                                                 | identity, below                  |
 * | 1      | partition BE16                                  | applied position, below          |
 * | 2      | topicId BE32, queueId BE32                      | queue, below                     |
 * | 3      | topicId BE32, queueId BE32, first offset BE64   | block of the queue, below        |
 * | 4      | key of the broker, UTF-8                        | the broker's (storage/store.ts)  |
 *
 * Identity: format version (2 bytes), server id (16 bytes).
 *
 * Applied position: the log below it is in the index.
 * | offset | bytes | field                                       |
 * |--------|-------|---------------------------------------------|
 * | 0      | 8     | position in the partition, float64          |
 * | 8      | 8     | highest store time below it, float64        |
 * | 16     | 8     | position of the last entry below it         |
 * | 24     | 8     | position after that entry; 0: there is none |
 *
 * Queue:
 * | offset      | bytes | field                                                              |
 * |-------------|-------|--------------------------------------------------------------------|
 * | 0           | 8     | one past the last offset, float64                                  |
 * | 8           | 8     | highest store time of any entry, float64                           |
 * | 16          | 8     | first offset that did not expire, float64                          |
 * | 24          | 8     | first offset of its newest block, float64                          |
 * | 32          | 8     | 1 when offsets between its newest entry and its end were cleaned   |
 * |             |       | out of the log, else 0; float64                                    |
 * | 40          | 8     | offset below which it was compacted, float64                       |
 * | 48 + 16 * i | 8     | segment i of its mapping (queue-mapping.ts): partition, float64    |
 * | + 8         | 8     | first offset, float64                                              |
 * No segments stand for the home partition from offset 0.
 *
 * Block: entries of one partition with ascending offsets, up to limits.consumeQueueBlockEntries;
 * as many as the value has room for. The header is written once, so that a block can be handed to
 * the database while later entries are appended to the same buffer.
 * | offset      | bytes | field                                                              |
 * |-------------|-------|--------------------------------------------------------------------|
 * | 0           | 2     | physical partition                                                 |
 * | 2           | 1     | 1 when offsets before it were cleaned out of the log, else 0       |
 * | 3           | 5     | reserved, 0                                                        |
 * | 8           | 8     | highest store time in the queue before this block, float64         |
 * | 16 + 32 * i | 8     | entry i: position, float64                                         |
 * | + 8         | 8     | store time, ms since 1970, float64                                 |
 * | + 16        | 4     | first offset, relative to the block's                              |
 * | + 20        | 4     | message count                                                      |
 * | + 24        | 4     | length, bytes                                                      |
 * | + 28        | 4     | tag hash                                                           |
 */
export const prefixes = {
  identity: 0,
  applied: 1,
  queue: 2,
  block: 3,
  derived: 4,
  end: 5,
} as const;
export const blockHeaderBytes = 16;
export const blockEntryBytes = 32;
const formatVersion = 6;

/** The smallest key of a prefix. */
export function prefixKey(prefix: number): Buffer {
  return Buffer.from([prefix]);
}

export function appliedKey(partition: number): Buffer {
  const key = Buffer.alloc(3);
  key[0] = prefixes.applied;
  key.writeUInt16BE(partition, 1);
  return key;
}

export function partitionOfKey(key: Uint8Array): number {
  return bufferOf(key).readUInt16BE(1);
}

export function queueStateKey(topicId: number, queueId: number): Buffer {
  return queueKey(prefixes.queue, topicId, queueId, 9);
}

export function blockKey(topicId: number, queueId: number, firstOffset: number): Buffer {
  const key = queueKey(prefixes.block, topicId, queueId, 17);
  key.writeUInt32BE(Math.floor(firstOffset / 2 ** 32), 9);
  key.writeUInt32BE(firstOffset % 2 ** 32, 13);
  return key;
}

function queueKey(prefix: number, topicId: number, queueId: number, length: number): Buffer {
  const key = Buffer.alloc(length);
  key[0] = prefix;
  key.writeUInt32BE(topicId, 1);
  key.writeUInt32BE(queueId, 5);
  return key;
}

export function queueOfKey(key: Uint8Array): {
  readonly topicId: number;
  readonly queueId: number;
} {
  const bytes = bufferOf(key);
  return { topicId: bytes.readUInt32BE(1), queueId: bytes.readUInt32BE(5) };
}

export function firstOffsetOfKey(key: Uint8Array): number {
  const bytes = bufferOf(key);
  return bytes.readUInt32BE(9) * 2 ** 32 + bytes.readUInt32BE(13);
}

/** Doubles back to back: an applied position, a queue. */
export function encodeNumbers(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeDoubleLE(number, 8 * i);
  return bytes;
}

export function decodeNumbers(value: Uint8Array): readonly number[] {
  const bytes = bufferOf(value);
  return Array.from({ length: value.length / 8 }, (_, i) => bytes.readDoubleLE(8 * i));
}

/** What the index keeps of a logical queue besides its blocks. */
export interface QueueState {
  readonly minOffset: number;
  readonly maxOffset: number;
  readonly highTimeMs: number;
  /** First offset of the newest block, when there is one. */
  readonly newestBlock: number;
  /** Offsets between its newest entry and `maxOffset` were cleaned out of the log. */
  readonly hasGap: boolean;
  /** As in QueueRange (storage/store.ts). */
  readonly compactedOffset: number;
  readonly segments: readonly QueueSegment[];
}

export function encodeQueueState(state: QueueState): Buffer {
  const { minOffset, maxOffset, highTimeMs, newestBlock, hasGap, compactedOffset } = state;
  const places =
    state.segments === homeSegments
      ? []
      : state.segments.flatMap(({ partition, firstOffset }) => [partition, firstOffset]);
  const numbers = [maxOffset, highTimeMs, minOffset, newestBlock, Number(hasGap), compactedOffset];
  return encodeNumbers(...numbers, ...places);
}

export function decodeQueueState(value: Uint8Array): QueueState {
  const [maxOffset = 0, highTimeMs = 0, minOffset = 0, newestBlock = 0, ...rest] =
    decodeNumbers(value);
  const [gap = 0, compactedOffset = 0, ...places] = rest;
  const segments: QueueSegment[] = [];
  for (let i = 0; i < places.length; i += 2) {
    segments.push({ partition: places[i]!, firstOffset: places[i + 1]! });
  }
  const hasGap = gap === 1;
  const known = { minOffset, maxOffset, highTimeMs, newestBlock, hasGap, compactedOffset };
  return { ...known, segments: segments.length === 0 ? homeSegments : segments };
}

export function encodeIdentity(serverId: string): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.writeUInt16LE(formatVersion, 0);
  bytes.write(serverId, 2, 16, 'hex');
  return bytes;
}

/** Refuses an index of an unknown version or of another server, by name. */
export function checkIdentity(value: Uint8Array, path: string, serverId: string): void {
  const bytes = bufferOf(value);
  const version = bytes.readUInt16LE(0);
  if (version !== formatVersion) {
    throw new MillraceError(
      'FORMAT_VERSION',
      `${path} has format version ${version}; this server reads version ${formatVersion}`,
    );
  }
  const owner = bytes.toString('hex', 2, 18);
  if (owner !== serverId) {
    throw new MillraceError(
      'FORMAT_VERSION',
      `${path} belongs to server ${owner}; this is server ${serverId}`,
    );
  }
}

export const blockBytesMax = blockHeaderBytes + blockEntryBytes * limits.consumeQueueBlockEntries;

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
