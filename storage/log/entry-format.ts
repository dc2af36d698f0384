import { crc32 } from 'node:zlib';
import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';
import type { AppendRequest, Entry, EntryKind } from '../store.ts';
import { checksum } from './checksum.ts';
import { crcOfTwoWords, joinedCrc } from './crc-chain.ts';

/**
 * An entry of the commit log: a header of 64 bytes, then the body. Little-endian.
 *
 * | offset | bytes | field                                                                    |
 * |--------|-------|--------------------------------------------------------------------------|
 * | 0      | 4     | magic `MLRE`                                                             |
 * | 4      | 4     | CRC-32 of the bytes from 8 to the end                                    |
 * | 8      | 4     | total length: header and body                                            |
 * | 12     | 1     | format version, 2                                                        |
 * | 13     | 1     | kind (storage/store.ts, entryKinds)                                      |
 * | 14     | 2     | 1 when compaction took messages out of the body, else 0                  |
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
const entryMagicNumber = 0x45524c4d;
const formatVersion = 2;

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

/**
 * Writes header and body at `at` of `bytes`, which have room; `target` views the same bytes. Returns
 * the entry's length.
 */
export function encodeEntry(
  bytes: Uint8Array,
  target: DataView,
  at: number,
  request: AppendRequest,
  stamp: EntryStamp,
): number {
  const length = entryHeaderBytes + request.body.length;
  assert(length <= limits.entryBytesMax + entryHeaderBytes, 'entry within its limit');
  target.setUint32(at, entryMagicNumber, true);
  target.setUint32(at + 8, length, true);
  target.setUint8(at + 12, formatVersion);
  target.setUint8(at + 13, request.kind);
  target.setUint16(at + 14, 0, true);
  target.setFloat64(at + 16, stamp.commit, true);
  target.setUint32(at + 24, stamp.commitDistance, true);
  target.setUint32(at + 28, request.topicId, true);
  target.setUint32(at + 32, request.queueId, true);
  target.setUint32(at + 36, request.count, true);
  target.setFloat64(at + 40, stamp.baseOffset, true);
  target.setFloat64(at + 48, stamp.storeTimeMs, true);
  target.setUint32(at + firstIdHashAt, request.firstIdHash, true);
  target.setUint32(at + tagHashAt, request.tagHash, true);
  bytes.set(request.body, at + entryHeaderBytes);
  target.setUint32(at + 4, checksum(bytes, at + 8, at + length), true);
  return length;
}

/** Total length that the header at `at` claims; 0 when no header of our version begins there. */
export function claimedLength(bytes: Buffer, at: number): number {
  if (at + entryHeaderBytes > bytes.length) return 0;
  if (bytes.readUInt32LE(at) !== entryMagicNumber || bytes[at + 12] !== formatVersion) return 0;
  const length = bytes.readUInt32LE(at + 8);
  if (length < entryHeaderBytes || length > limits.entryBytesMax + entryHeaderBytes) return 0;
  return length;
}

/** The checked header at `at`; `undefined` when bytes [at, end) do not begin with a whole entry. */
export function decodeHeader(bytes: Buffer, at: number): EntryHeader | undefined {
  const length = checkedLength(bytes, at);
  if (length === 0) return undefined;
  return {
    kind: bytes[at + 13] as EntryKind,
    length,
    commit: bytes.readDoubleLE(at + 16),
    commitDistance: bytes.readUInt32LE(at + 24),
    topicId: bytes.readUInt32LE(at + 28),
    queueId: bytes.readUInt32LE(at + 32),
    count: bytes.readUInt32LE(at + 36),
    baseOffset: bytes.readDoubleLE(at + 40),
    storeTimeMs: bytes.readDoubleLE(at + 48),
    firstIdHash: bytes.readUInt32LE(at + firstIdHashAt),
    tagHash: bytes.readUInt32LE(at + tagHashAt),
    isThinned: bytes.readUInt16LE(at + 14) === 1,
  };
}

/** Total length of the whole entry at `at`; 0 when there is none, or it fails its check. */
export function checkedLength(bytes: Buffer, at: number): number {
  const length = claimedLength(bytes, at);
  if (length === 0 || at + length > bytes.length) return 0;
  return bytes.readUInt32LE(at + 4) === checksum(bytes, at + 8, at + length) ? length : 0;
}

/** The checked entry at `at`, its body a view; `undefined` as for `decodeHeader`. */
export function decodeEntry(
  bytes: Buffer,
  at: number,
  partition: number,
  position: number,
): Entry | undefined {
  const length = checkedLength(bytes, at);
  if (length === 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return uncheckedEntry(bytes, view, at, partition, position);
}

/** The entry at `at`, which was checked, or is yet to be with others; its body a view. */
export function uncheckedEntry(
  bytes: Buffer,
  view: DataView,
  at: number,
  partition: number,
  position: number,
): Entry {
  const length = view.getUint32(at + 8, true);
  return {
    kind: view.getUint8(at + 13) as EntryKind,
    topicId: view.getUint32(at + 28, true),
    queueId: view.getUint32(at + 32, true),
    baseOffset: view.getFloat64(at + 40, true),
    count: view.getUint32(at + 36, true),
    storeTimeMs: view.getFloat64(at + 48, true),
    partition,
    position,
    length,
    isThinned: view.getUint16(at + 14, true) === 1,
    body: bodyOf(bytes, at, length),
  };
}

/**
 * Whether `bytes` are whole entries back to back that pass their checks. One call of `crc32` for all
 * of them: what is wrong with one entry shows as surely as in its own check, for the rest of the way
 * changes no difference to none; of several, one case in 2^32 does not.
 */
export function areIntact(bytes: Buffer, view: DataView): boolean {
  let crc = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = claimedLength(bytes, at);
    if (length === 0 || at + length > bytes.length) return false;
    const own = view.getInt32(at + 4, true);
    crc = joinedCrc(crcOfTwoWords(crc, entryMagicNumber, own), own, length - 8);
    at += length;
  }
  return crc >>> 0 === crc32(bytes);
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
  const body = bodyOf(bytes, at, length);
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

function bodyOf(bytes: Buffer, at: number, length: number): Buffer {
  return bytes.subarray(at + entryHeaderBytes, at + length);
}

/** The bytes of an entry with another body, from which messages were taken out. */
export function withBody(entry: Buffer, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(entryHeaderBytes + body.length);
  entry.copy(bytes, 0, 0, entryHeaderBytes);
  bytes.writeUInt16LE(1, 14);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.set(body, entryHeaderBytes);
  bytes.writeUInt32LE(checksum(bytes, 8, bytes.length), 4);
  return bytes;
}
