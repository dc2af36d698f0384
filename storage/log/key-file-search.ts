import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import {
  decodeKeyHead,
  isWholeKeyBlock,
  keyBlockBytes,
  keyBlockRows,
  keyFilePath,
  keyRowBytes,
} from './key-file.ts';
import type { SegmentHeader } from './segment-format.ts';

/** Where a message lies: its entry's position, its number in the entry. */
export interface Place {
  readonly position: number;
  readonly index: number;
}

/** Whether the segment's key file is there and belongs to it, as far as its head says. */
export async function hasKeyFile(
  fs: Fs,
  segmentPath: string,
  header: SegmentHeader,
): Promise<boolean> {
  const file = await KeyFile.open(fs, segmentPath, header);
  await file?.close();
  return file !== undefined;
}

/** An open key file. */
export class KeyFile {
  readonly #file: FileHandle;
  readonly #blocks: number;
  /** A block failed its check. */
  isDamaged = false;

  private constructor(file: FileHandle, rows: number) {
    this.#file = file;
    this.#blocks = Math.ceil(rows / keyBlockRows);
  }

  /** `undefined` when there is none for the segment, or none that can be trusted. Throws IO. */
  static async open(
    fs: Fs,
    segmentPath: string,
    header: SegmentHeader,
  ): Promise<KeyFile | undefined> {
    const path = keyFilePath(segmentPath);
    if (!(await fs.exists(path))) return undefined;
    const file = await fs.open(path, 'read');
    try {
      const head = await readBlock(file, 0);
      const rows = head && decodeKeyHead(head, header);
      if (rows !== undefined) return new KeyFile(file, rows);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /**
   * Places of the messages whose name has the hash, newest first: as many blocks are read as are
   * asked for. Throws CORRUPTION for a damaged block, IO.
   */
  async *newestFirst(hash: number): AsyncGenerator<Place> {
    for (let number = await this.#lastBlock(hash); number >= 1; number--) {
      const block = await this.#block(number);
      for (let i = block.readUInt32LE(4) - 1; i >= 0; i--) {
        const at = 8 + i * keyRowBytes;
        const found = block.readUInt32LE(at);
        if (found < hash) return;
        if (found > hash) continue;
        yield { index: block.readUInt32LE(at + 4), position: block.readDoubleLE(at + 8) };
      }
    }
  }

  /** The last block that begins at or below the hash; 0 when there is none. */
  async #lastBlock(hash: number): Promise<number> {
    let low = 0;
    let high = this.#blocks;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((await this.#block(middle)).readUInt32LE(8) <= hash) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  async #block(number: number): Promise<Buffer> {
    const block = await readBlock(this.#file, number);
    if (block !== undefined) return block;
    this.isDamaged = true;
    throw new MillraceError('CORRUPTION', `block ${number} of ${this.#file.path} is damaged`);
  }
}

/** `undefined` when it fails its check. */
async function readBlock(file: FileHandle, number: number): Promise<Buffer | undefined> {
  const block = Buffer.alloc(keyBlockBytes);
  const count = await file.read(block, number * keyBlockBytes);
  return count === keyBlockBytes && isWholeKeyBlock(block) ? block : undefined;
}
