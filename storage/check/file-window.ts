import type { FileHandle } from '../../platform/fs.ts';

const blockBytes = 4 * 1024 * 1024;

/** Reads a file forwards in large blocks, up to `end`. */
export class FileWindow {
  readonly #file: FileHandle;
  readonly #end: number;
  #bytes = Buffer.alloc(0);
  #start = 0;

  /** `end`: bytes from there on do not count, whatever the file's size. */
  constructor(file: FileHandle, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /**
   * The bytes from `at` on: at least `least` of them where the file has as many, else all it has.
   * The view stays valid until the next call.
   */
  async from(at: number, least: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(least, this.#end - at));
    const local = at - this.#start;
    if (local < 0 || this.#bytes.length - local < wanted) await this.#fill(at, wanted);
    return this.#bytes.subarray(at - this.#start);
  }

  async #fill(at: number, wanted: number): Promise<void> {
    const length = Math.max(0, Math.min(Math.max(wanted, blockBytes), this.#end - at));
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = await this.#file.read(bytes.subarray(done), at + done);
      if (count === 0) break;
      done += count;
    }
    this.#bytes = bytes.subarray(0, done);
    this.#start = at;
  }
}
