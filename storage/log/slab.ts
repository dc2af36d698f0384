import type { AppendRequest } from '../store.ts';
import { encodeEntry, entryHeaderBytes } from './entry-format.ts';

/** One group commit in the making: entries back to back, and who waits for them. */
export class Slab {
  readonly commit: number;
  /** Stream position of the first byte. */
  readonly start: number;
  /** Of each who waits: what for, and how to tell. */
  readonly #values: unknown[] = [];
  readonly #resolves: ((value: unknown) => void)[] = [];
  #bytes: Buffer;
  #view: DataView;
  #length = 0;
  #entryCount = 0;
  #isAwaited = false;
  /** Of the entry that is added; one object for all of them. */
  readonly #stamp: {
    commit: number;
    commitDistance: number;
    baseOffset: number;
    storeTimeMs: number;
  };

  constructor(commit: number, start: number, sizeHint: number) {
    this.commit = commit;
    this.start = start;
    this.#stamp = { commit, commitDistance: 0, baseOffset: 0, storeTimeMs: 0 };
    // Not zeroed, and not from Node's pool: readers may keep views of it.
    this.#bytes = Buffer.allocUnsafeSlow(sizeHint);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  get end(): number {
    return this.start + this.#length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Somebody waits for one of the entries. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** Copies the entry; returns its length. */
  add(request: AppendRequest, baseOffset: number, storeTimeMs: number, mayWait: boolean): number {
    this.#reserve(entryHeaderBytes + request.body.length);
    if (!mayWait) this.#isAwaited = true;
    this.#stamp.commitDistance = this.#length;
    this.#stamp.baseOffset = baseOffset;
    this.#stamp.storeTimeMs = storeTimeMs;
    const length = encodeEntry(this.#bytes, this.#view, this.#length, request, this.#stamp);
    this.#length += length;
    this.#entryCount++;
    return length;
  }

  /**
   * Resolves with `value` when the entries are durable. One promise for each that waits, made once:
   * a promise derived from a shared one costs another turn of the microtask queue.
   */
  durable<T>(value: T): Promise<T> {
    return new Promise<T>((resolve) => {
      this.#values.push(value);
      this.#resolves.push(resolve as (value: unknown) => void);
    });
  }

  resolve(): void {
    for (let i = 0; i < this.#resolves.length; i++) this.#resolves[i]!(this.#values[i]);
  }

  reject(error: unknown): void {
    const failed = Promise.reject(error);
    // Nobody may be waiting.
    failed.catch(() => undefined);
    for (const resolve of this.#resolves) resolve(failed);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
