import { crc32 } from 'node:zlib';
import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';
import type { AppendRequest, Entry, EntryKind } from '../store.ts';

/**
 * An entry of the commit log: a header of 64 bytes, then the body. Little-endian.
 *
 * | offset | bytes | field                                                                    |
 * |--------|-------|--------------------------------------------------------------------------|
 * | 0      | 4     | magic `MLRE`                                                             |
 * | 4      | 1     | format version, 1                                                        |
 * | 5      | 1     | kind (storage/store.ts, entryKinds)                                      |
 * | 6      | 2     | 1 when compaction took messages out of the body, else 0                  |
 * | 8      | 4     | total length: header and body                                            |
 * | 12     | 4     | CRC-32 of bytes 0-11 and 16-end                                          |
 * | 16     | 8     | group-commit number, float64                                             |
 * | 24     | 4     | bytes from the group commit's first byte to this entry                   |
 * | 28     | 4     | topic id                                                                 |
 * | 32     | 4     | queue id                                                                 |
 * | 36     | 4     | message count                                                            |
 * | 40     | 8     | base logical offset, float64                                             |
 * | 48     | 8     | store time, ms since 1970, float64                                       |
 * | 56     | 4     | hash of the first message id                                             |
 * | 60     | 4     | hash of the tag that all messages share (storage/store.ts)               |
 *
 * 64-bit numbers are float64: exact to 2^53, and read without BigInt. The distance to the group
 * commit's start tells recovery whether bytes before an entry had been synced (recovery.ts).
 */
export const entryHeaderBytes = 64;
/** Where the tag hash lies in the header. */
export const firstIdHashAt = 56;
export const tagHashAt = 60;
export const entryMagic = Uint8Array.of(0x4d, 0x4c, 0x52, 0x45);
const formatVersion = 1;

export interface EntryHeader {
  readonly kind: EntryKind;
  readonly length: number;
  readonly commit: number;
  readonly commitDistance: number;
  readonly topicId: number;
  readonly queueId: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly storeTimeMs: number;
  readonly firstIdHash: number;
  readonly tagHash: number;
  /** Compaction took messages out of the body. */
  readonly isThinned: boolean;
}

export interface EntryStamp {
  readonly commit: number;
  readonly commitDistance: number;
  readonly baseOffset: number;
  readonly storeTimeMs: number;
}

/** Writes header and body at `at`; `target` has room. Returns the entry's length. */
export function encodeEntry(
  target: Buffer,
  at: number,
  request: AppendRequest,
  stamp: EntryStamp,
): number {
  const length = entryHeaderBytes + request.body.length;
  assert(length <= limits.entryBytesMax + entryHeaderBytes, 'entry within its limit');
  target.set(entryMagic, at);
  target[at + 4] = formatVersion;
  target[at + 5] = request.kind;
  target.writeUInt16LE(0, at + 6);
  target.writeUInt32LE(length, at + 8);
  target.writeDoubleLE(stamp.commit, at + 16);
  target.writeUInt32LE(stamp.commitDistance, at + 24);
  target.writeUInt32LE(request.topicId, at + 28);
  target.writeUInt32LE(request.queueId, at + 32);
  target.writeUInt32LE(request.count, at + 36);
  target.writeDoubleLE(stamp.baseOffset, at + 40);
  target.writeDoubleLE(stamp.storeTimeMs, at + 48);
  target.writeUInt32LE(request.firstIdHash >>> 0, at + 56);
  target.writeUInt32LE(request.tagHash >>> 0, at + tagHashAt);
  target.set(request.body, at + entryHeaderBytes);
  target.writeUInt32LE(checksum(target, at, length), at + 12);
  return length;
}

function checksum(bytes: Buffer, at: number, length: number): number {
  const head = crc32(bytes.subarray(at, at + 12));
  return crc32(bytes.subarray(at + 16, at + length), head) >>> 0;
}

/** Total length that the header at `at` claims; 0 when no header of our version begins there. */
export function claimedLength(bytes: Buffer, at: number): number {
  if (at + entryHeaderBytes > bytes.length) return 0;
  for (let i = 0; i < 4; i++) if (bytes[at + i] !== entryMagic[i]) return 0;
  if (bytes[at + 4] !== formatVersion) return 0;
  const length = bytes.readUInt32LE(at + 8);
  if (length < entryHeaderBytes || length > limits.entryBytesMax + entryHeaderBytes) return 0;
  return length;
}

/** The checked header at `at`; `undefined` when bytes [at, end) do not begin with a whole entry. */
export function decodeHeader(bytes: Buffer, at: number): EntryHeader | undefined {
  const length = claimedLength(bytes, at);
  if (length === 0 || at + length > bytes.length) return undefined;
  if (bytes.readUInt32LE(at + 12) !== checksum(bytes, at, length)) return undefined;
  return {
    kind: bytes[at + 5] as EntryKind,
    length,
    commit: bytes.readDoubleLE(at + 16),
    commitDistance: bytes.readUInt32LE(at + 24),
    topicId: bytes.readUInt32LE(at + 28),
    queueId: bytes.readUInt32LE(at + 32),
    count: bytes.readUInt32LE(at + 36),
    baseOffset: bytes.readDoubleLE(at + 40),
    storeTimeMs: bytes.readDoubleLE(at + 48),
    firstIdHash: bytes.readUInt32LE(at + 56),
    tagHash: bytes.readUInt32LE(at + tagHashAt),
    isThinned: bytes.readUInt16LE(at + 6) === 1,
  };
}

/** The checked entry at `at`, its body a view; `undefined` as for `decodeHeader`. */
export function decodeEntry(
  bytes: Buffer,
  at: number,
  partition: number,
  position: number,
): Entry | undefined {
  const header = decodeHeader(bytes, at);
  return header && entryOf(header, bytes, at, partition, position);
}

/** The entry at `at`, whose header was decoded already. */
export function entryOf(
  header: EntryHeader,
  bytes: Buffer,
  at: number,
  partition: number,
  position: number,
): Entry {
  const { kind, topicId, queueId, baseOffset, count, storeTimeMs, length, isThinned } = header;
  const body = bytes.subarray(at + entryHeaderBytes, at + length);
  return {
    kind,
    topicId,
    queueId,
    baseOffset,
    count,
    storeTimeMs,
    partition,
    position,
    length,
    isThinned,
    body,
  };
}

/** The bytes of an entry with another body, from which messages were taken out. */
export function withBody(entry: Buffer, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(entryHeaderBytes + body.length);
  entry.copy(bytes, 0, 0, entryHeaderBytes);
  bytes.writeUInt16LE(1, 6);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.set(body, entryHeaderBytes);
  bytes.writeUInt32LE(checksum(bytes, 0, bytes.length), 12);
  return bytes;
}
