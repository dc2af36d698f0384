import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { NameKind } from '../store.ts';
import { draftSuffix, type SegmentHeader } from './segment-format.ts';
import type { Pause } from './segment-sealer.ts';

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
const blockBytes = 4096;
const rowBytes = 16;
const blockRows = ((blockBytes - 8) / rowBytes) | 0;
const magic = Buffer.from('MILLRKEY', 'latin1');
const formatVersion = 1;

/** 32 bits of a message's id or key within its topic. */
export function nameHash(topicId: number, kind: NameKind, name: string): number {
  return crc32(`${topicId}/${kind}/${name}`) >>> 0;
}

/** Where a message lies: its entry's position, its number in the entry. */
export interface Place {
  readonly position: number;
  readonly index: number;
}

/** Gathers the rows of one segment, in the order of the log, and writes them sorted. */
export class KeyFileBuilder {
  #hashes = new Uint32Array(1024);
  #indexes = new Uint32Array(1024);
  #positions = new Float64Array(1024);
  #count = 0;

  add(hash: number, position: number, index: number): void {
    if (this.#count === this.#hashes.length) this.#grow();
    this.#hashes[this.#count] = hash;
    this.#positions[this.#count] = position;
    this.#indexes[this.#count++] = index;
  }

  /** Writes the file for the segment at `path`: first beside its name, then under it. */
  async write(fs: Fs, path: string, header: SegmentHeader, pause: Pause): Promise<void> {
    const target = keyFilePath(path);
    const draft = target + draftSuffix;
    if (await fs.exists(draft)) await fs.unlink(draft);
    const order = await this.#sorted(pause);
    const file = await fs.open(draft, 'create');
    try {
      await file.write(headBlock(header, this.#count), 0);
      for (let from = 0, at = blockBytes; from < this.#count; ) {
        const blocks = Math.min(64, Math.ceil((this.#count - from) / blockRows));
        const bytes = Buffer.alloc(blocks * blockBytes);
        for (let block = 0; block < blocks; block++, from += blockRows) {
          this.#fillBlock(
            bytes.subarray(block * blockBytes, (block + 1) * blockBytes),
            order,
            from,
          );
        }
        await file.write(bytes, at);
        at += bytes.length;
        await pause();
      }
      await file.fdatasync();
      await file.close();
    } catch (error) {
      await file.close();
      await fs.unlink(draft).catch(() => undefined);
      throw error;
    }
    await fs.rename(draft, target);
    await fs.syncDirectory(target.slice(0, target.lastIndexOf('/')));
  }

  #fillBlock(block: Buffer, order: Uint32Array, from: number): void {
    const rows = Math.min(blockRows, this.#count - from);
    block.writeUInt32LE(rows, 4);
    for (let i = 0; i < rows; i++) {
      const row = order[from + i]!;
      const at = 8 + i * rowBytes;
      block.writeUInt32LE(this.#hashes[row]!, at);
      block.writeUInt32LE(this.#indexes[row]!, at + 4);
      block.writeDoubleLE(this.#positions[row]!, at + 8);
    }
    block.writeUInt32LE(crc32(block.subarray(4)) >>> 0, 0);
  }

  /** Row numbers by hash, stable: two passes of a radix sort, in slices. */
  async #sorted(pause: Pause): Promise<Uint32Array> {
    const sliceRows = 65_536;
    let order = new Uint32Array(this.#count);
    for (let row = 0; row < this.#count; row++) order[row] = row;
    for (const shift of [0, 16]) {
      const next = new Uint32Array(65_537);
      for (let row = 0; row < this.#count; row++) {
        next[((this.#hashes[row]! >>> shift) & 0xffff) + 1]!++;
        if (row % sliceRows === sliceRows - 1) await pause();
      }
      for (let digit = 0; digit < 65_536; digit++) next[digit + 1]! += next[digit]!;
      const sorted = new Uint32Array(this.#count);
      for (let i = 0; i < this.#count; i++) {
        const row = order[i]!;
        sorted[next[(this.#hashes[row]! >>> shift) & 0xffff]!++] = row;
        if (i % sliceRows === sliceRows - 1) await pause();
      }
      order = sorted;
    }
    return order;
  }

  #grow(): void {
    const size = 2 * this.#count;
    const hashes = new Uint32Array(size);
    const indexes = new Uint32Array(size);
    const positions = new Float64Array(size);
    hashes.set(this.#hashes);
    indexes.set(this.#indexes);
    positions.set(this.#positions);
    this.#hashes = hashes;
    this.#indexes = indexes;
    this.#positions = positions;
  }
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

/**
 * Places of the messages whose name has the hash, in the order of the log; `undefined` when there
 * is no such file for the segment, or none that can be trusted. Throws IO.
 */
export async function findInKeyFile(
  fs: Fs,
  segmentPath: string,
  header: SegmentHeader,
  hash: number,
): Promise<readonly Place[] | undefined> {
  const path = keyFilePath(segmentPath);
  if (!(await fs.exists(path))) return undefined;
  const file = await fs.open(path, 'read');
  try {
    return await search(file, header, hash);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'CORRUPTION') return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

/** Whether the segment's key file is there and belongs to it, as far as its head says. */
export async function hasKeyFile(
  fs: Fs,
  segmentPath: string,
  header: SegmentHeader,
): Promise<boolean> {
  return (await findInKeyFile(fs, segmentPath, header, 0)) !== undefined;
}

async function search(
  file: FileHandle,
  header: SegmentHeader,
  hash: number,
): Promise<readonly Place[] | undefined> {
  const rows = rowCount(await readBlock(file, 0), header);
  if (rows === undefined) return undefined;
  const blocks = Math.ceil(rows / blockRows);
  // The last block that begins below the hash: the first one that can hold it.
  let low = 1;
  let high = blocks;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((await readBlock(file, middle)).readUInt32LE(8) < hash) low = middle;
    else high = middle - 1;
  }
  const places: Place[] = [];
  for (let number = low; number <= blocks; number++) {
    const block = await readBlock(file, number);
    for (let i = 0; i < block.readUInt32LE(4); i++) {
      const at = 8 + i * rowBytes;
      const found = block.readUInt32LE(at);
      if (found > hash) return places;
      if (found < hash) continue;
      places.push({ index: block.readUInt32LE(at + 4), position: block.readDoubleLE(at + 8) });
    }
  }
  return places;
}

/** A block that passed its check. Throws CORRUPTION. */
async function readBlock(file: FileHandle, number: number): Promise<Buffer> {
  const block = Buffer.alloc(blockBytes);
  const count = await file.read(block, number * blockBytes);
  const isWhole = count === blockBytes && block.readUInt32LE(0) === crc32(block.subarray(4)) >>> 0;
  if (isWhole) return block;
  throw new MillraceError('CORRUPTION', `block ${number} of ${file.path} is damaged`);
}

function headBlock(header: SegmentHeader, rows: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  magic.copy(block, 4);
  block.writeUInt16LE(formatVersion, 12);
  block.write(header.serverId, 16, 16, 'hex');
  block.writeDoubleLE(header.start, 32);
  block.writeDoubleLE(header.generation, 40);
  block.writeDoubleLE(rows, 48);
  block.writeUInt32LE(crc32(block.subarray(4)) >>> 0, 0);
  return block;
}

/** `undefined` when the file is another segment's, or of another version. */
function rowCount(block: Buffer, header: SegmentHeader): number | undefined {
  const fits =
    block.subarray(4, 12).equals(magic) &&
    block.readUInt16LE(12) === formatVersion &&
    block.toString('hex', 16, 32) === header.serverId &&
    block.readDoubleLE(32) === header.start &&
    block.readDoubleLE(40) === header.generation;
  return fits ? block.readDoubleLE(48) : undefined;
}
