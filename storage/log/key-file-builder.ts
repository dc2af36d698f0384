import type { FileHandle, Fs } from '../../platform/fs.ts';
import {
  encodeKeyHead,
  keyBlockBytes,
  keyBlockRows,
  keyFilePath,
  keyRowBytes,
  sealKeyBlock,
} from './key-file.ts';
import { draftSuffix, type SegmentHeader } from './segment-format.ts';
import type { Pause } from './segment-sealer.ts';
import { SortedRun } from './sorted-run.ts';

/** Rows that are sorted in memory, 48 bytes each while they are. */
export const keyRowsInMemory = 1_000_000;
/** Rows that one turn of the event loop handles. */
const sliceRows = 32_768;
/** Blocks that are written at once. */
const writtenBlocks = 32;

export interface KeyFileOptions {
  readonly fs: Fs;
  readonly pause: Pause;
  readonly rowsInMemory?: number | undefined;
}

export interface KeyFileTarget extends KeyFileOptions {
  readonly segmentPath: string;
  readonly header: SegmentHeader;
}

/**
 * Gathers the rows of one segment, in the order of the log, and writes them sorted. What memory
 * does not hold is sorted in parts, which lie in a draft beside the file until they are merged.
 */
export class KeyFileBuilder {
  readonly #target: KeyFileTarget;
  readonly #rowsInMemory: number;
  #hashes = new Uint32Array(1024);
  #indexes = new Uint32Array(1024);
  #positions = new Float64Array(1024);
  #count = 0;
  #total = 0;
  #partsFile: FileHandle | undefined;
  readonly #partEnds: number[] = [];

  constructor(target: KeyFileTarget) {
    this.#target = target;
    this.#rowsInMemory = target.rowsInMemory ?? keyRowsInMemory;
  }

  add(hash: number, position: number, index: number): void {
    if (this.#count === this.#hashes.length) this.#grow();
    this.#hashes[this.#count] = hash;
    this.#positions[this.#count] = position;
    this.#indexes[this.#count++] = index;
    this.#total++;
  }

  /** Memory should hold no more: `spill` before the next entry. */
  get isFull(): boolean {
    return this.#count >= this.#rowsInMemory;
  }

  /** Sorts what is in memory and puts it aside. Throws IO, DISK_FULL. */
  async spill(): Promise<void> {
    const rows = await this.#sorted();
    this.#partsFile ??= await this.#create(this.#partsPath);
    const at = this.#partEnds.at(-1) ?? 0;
    for (let from = 0; from < rows.length; from += sliceRows * keyRowBytes) {
      await this.#partsFile.write(rows.subarray(from, from + sliceRows * keyRowBytes), at + from);
    }
    this.#partEnds.push(at + rows.length);
    this.#count = 0;
  }

  /** Writes the file: first beside its name, then under it. Throws IO, DISK_FULL. */
  async write(): Promise<void> {
    const { fs, segmentPath } = this.#target;
    const path = keyFilePath(segmentPath);
    const draft = path + draftSuffix;
    if (this.#partsFile !== undefined) await this.spill();
    const file = await this.#create(draft);
    try {
      await this.#writeTo(file);
      await file.fdatasync();
      await file.close();
    } catch (error) {
      await file.close();
      await fs.unlink(draft).catch(() => undefined);
      throw error;
    }
    await fs.rename(draft, path);
    await fs.syncDirectory(path.slice(0, path.lastIndexOf('/')));
  }

  /** Also after a failure: removes what was put aside. */
  async close(): Promise<void> {
    if (this.#partsFile === undefined) return;
    await this.#partsFile.close();
    await this.#target.fs.unlink(this.#partsPath);
  }

  get #partsPath(): string {
    return `${keyFilePath(this.#target.segmentPath)}.parts${draftSuffix}`;
  }

  async #create(draft: string): Promise<FileHandle> {
    const { fs } = this.#target;
    if (await fs.exists(draft)) await fs.unlink(draft);
    return fs.open(draft, 'create');
  }

  async #writeTo(file: FileHandle): Promise<void> {
    const runs = await this.#runs();
    await file.write(encodeKeyHead(this.#target.header, this.#total), 0);
    for (let done = 0, at = keyBlockBytes; done < this.#total; ) {
      const blocks = Math.min(writtenBlocks, Math.ceil((this.#total - done) / keyBlockRows));
      const bytes = Buffer.alloc(blocks * keyBlockBytes);
      for (let block = 0; block < blocks; block++) {
        const rows = Math.min(keyBlockRows, this.#total - done);
        const from = block * keyBlockBytes;
        await fillBlock(bytes.subarray(from, from + keyBlockBytes), rows, runs);
        done += rows;
      }
      await file.write(bytes, at);
      at += bytes.length;
      await this.#target.pause();
    }
  }

  /** In the order of the log. */
  async #runs(): Promise<readonly SortedRun[]> {
    const parts = this.#partsFile;
    if (parts === undefined) return [SortedRun.inMemory(await this.#sorted())];
    const starts = [0, ...this.#partEnds];
    return this.#partEnds.map((end, i) => SortedRun.inFile(parts, starts[i]!, end));
  }

  /** The rows in memory, as in a block, by hash; stable: two passes of a radix sort, in slices. */
  async #sorted(): Promise<Buffer> {
    const { pause } = this.#target;
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
    const rows = Buffer.allocUnsafeSlow(this.#count * keyRowBytes);
    for (let i = 0; i < this.#count; i++) {
      const row = order[i]!;
      rows.writeUInt32LE(this.#hashes[row]!, i * keyRowBytes);
      rows.writeUInt32LE(this.#indexes[row]!, i * keyRowBytes + 4);
      rows.writeDoubleLE(this.#positions[row]!, i * keyRowBytes + 8);
      if (i % sliceRows === sliceRows - 1) await pause();
    }
    return rows;
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

async function fillBlock(block: Buffer, rows: number, runs: readonly SortedRun[]): Promise<void> {
  block.writeUInt32LE(rows, 4);
  for (let i = 0; i < rows; i++) {
    let least = runs[0]!;
    for (const run of runs) {
      if (!run.isLoaded) await run.load();
      // Of equal hashes the run that came first has the lower positions.
      if (run.hash < least.hash) least = run;
    }
    least.moveTo(block, 8 + i * keyRowBytes);
  }
  sealKeyBlock(block);
}
