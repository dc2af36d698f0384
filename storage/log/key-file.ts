import { crc32 } from 'node:zlib';
import type { Fs } from '../../platform/fs.ts';
import type { NameKind } from '../store.ts';
import type { SegmentHeader } from './segment-format.ts';

/**
 * The index of one sealed segment by message id and message key: a file beside it, with the
 * extension `.keys`, of blocks of 4,096 bytes. Little-endian. The first block:
 *
 * | offset | bytes | field                                                              |
 * |--------|-------|--------------------------------------------------------------------|
 * | 0      | 4     | CRC-32 of bytes 4-4095                                             |
 * | 4      | 8     | magic `MILLRKEY`                                                   |
 * | 12     | 2     | format version, 1                                                  |
 * | 14     | 2     | reserved, 0                                                        |
 * | 16     | 16    | server id                                                          |
 * | 32     | 8     | position of the segment's first byte, float64                      |
 * | 40     | 8     | how often the segment was cleaned, float64                         |
 * | 48     | 8     | rows, float64                                                      |
 *
 * Each other block, all but the last one full:
 *
 * | offset     | bytes | field                                                          |
 * |------------|-------|----------------------------------------------------------------|
 * | 0          | 4     | CRC-32 of bytes 4-4095                                         |
 * | 4          | 4     | rows in the block, up to 255                                   |
 * | 8 + 16 * i | 4     | row i: hash of topic and name (nameHash)                       |
 * | + 4        | 4     | number of the message in its entry                             |
 * | + 8        | 8     | position of the entry, float64                                 |
 *
 * Rows are in the order of hash, position, number. A hash only says where to look: the entry has
 * the name itself. The file is derived: one that is lost or damaged is built again.
 */
export const keyFileExtension = '.keys';
export const keyBlockBytes = 4096;
export const keyRowBytes = 16;
export const keyBlockRows = ((keyBlockBytes - 8) / keyRowBytes) | 0;
const magic = Buffer.from('MILLRKEY', 'latin1');
const formatVersion = 1;

/** 32 bits of a message's id or key within its topic. */
export function nameHash(topicId: number, kind: NameKind, name: string): number {
  return crc32(`${topicId}/${kind}/${name}`) >>> 0;
}

/** Path of the key file of a segment file. */
export function keyFilePath(segmentPath: string): string {
  return segmentPath.slice(0, segmentPath.lastIndexOf('.')) + keyFileExtension;
}

/** Removes a segment file and its key file. */
export async function removeSegment(fs: Fs, segmentPath: string): Promise<void> {
  const keys = keyFilePath(segmentPath);
  if (await fs.exists(keys)) await fs.unlink(keys);
  await fs.unlink(segmentPath);
}

/** The first block. */
export function encodeKeyHead(header: SegmentHeader, rows: number): Buffer {
  const block = Buffer.alloc(keyBlockBytes);
  magic.copy(block, 4);
  block.writeUInt16LE(formatVersion, 12);
  block.write(header.serverId, 16, 16, 'hex');
  block.writeDoubleLE(header.start, 32);
  block.writeDoubleLE(header.generation, 40);
  block.writeDoubleLE(rows, 48);
  sealKeyBlock(block);
  return block;
}

/** The rows of the file, from its first block; `undefined` when it is another segment's. */
export function decodeKeyHead(block: Buffer, header: SegmentHeader): number | undefined {
  const fits =
    block.subarray(4, 12).equals(magic) &&
    block.readUInt16LE(12) === formatVersion &&
    block.toString('hex', 16, 32) === header.serverId &&
    block.readDoubleLE(32) === header.start &&
    block.readDoubleLE(40) === header.generation;
  return fits ? block.readDoubleLE(48) : undefined;
}

/** Writes the check of a block that is filled. */
export function sealKeyBlock(block: Buffer): void {
  block.writeUInt32LE(crc32(block.subarray(4)) >>> 0, 0);
}

export function isWholeKeyBlock(block: Buffer): boolean {
  return block.readUInt32LE(0) === crc32(block.subarray(4)) >>> 0;
}
