import type { FileHandle } from '../../platform/fs.ts';
import { keyRowBytes } from './key-file.ts';

const pieceRows = 4096;

/** Rows of a key file (key-file.ts) in their order, in memory or in a file; read once. */
export class SortedRun {
  #rows: Buffer;
  /** Of the row that is next. */
  #at = 0;
  readonly #file: FileHandle | undefined;
  /** Bytes of the file that were not read yet. */
  #from = 0;
  #end = 0;

  private constructor(rows: Buffer, file?: FileHandle, from = 0, end = 0) {
    this.#rows = rows;
    this.#file = file;
    this.#from = from;
    this.#end = end;
  }

  static inMemory(rows: Buffer): SortedRun {
    return new SortedRun(rows);
  }

  /** Bytes [from, end) of the file. */
  static inFile(file: FileHandle, from: number, end: number): SortedRun {
    return new SortedRun(Buffer.alloc(0), file, from, end);
  }

  /** The next row is in memory, or there is none. */
  get isLoaded(): boolean {
    return this.#at < this.#rows.length || this.#from === this.#end;
  }

  async load(): Promise<void> {
    const rows = Buffer.alloc(Math.min(pieceRows * keyRowBytes, this.#end - this.#from));
    await this.#file!.read(rows, this.#from);
    this.#from += rows.length;
    this.#rows = rows;
    this.#at = 0;
  }

  /** Hash of the next row; Infinity when there is none. */
  get hash(): number {
    return this.#at < this.#rows.length ? this.#rows.readUInt32LE(this.#at) : Infinity;
  }

  moveTo(target: Buffer, at: number): void {
    this.#rows.copy(target, at, this.#at, this.#at + keyRowBytes);
    this.#at += keyRowBytes;
  }
}
