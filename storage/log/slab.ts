import { encodeEntry, entryHeaderBytes } from './entry-format.ts';
import type { PlacedRequest } from './partition.ts';

/** One group commit in the making: entries back to back, and who waits for them. */
export class Slab {
  readonly commit: number;
  /** Stream position of the first byte. */
  readonly start: number;
  readonly #resolves: (() => void)[] = [];
  readonly #rejects: ((error: unknown) => void)[] = [];
  #bytes: Buffer;
  #length = 0;
  #isAwaited = false;

  constructor(commit: number, start: number, sizeHint: number) {
    this.commit = commit;
    this.start = start;
    // Not zeroed, and not from Node's pool: readers may keep views of it.
    this.#bytes = Buffer.allocUnsafeSlow(sizeHint);
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
    return this.#resolves.length;
  }

  add(request: PlacedRequest): { length: number; durable: Promise<void> } {
    this.#reserve(entryHeaderBytes + request.body.length);
    if (request.mayWait !== true) this.#isAwaited = true;
    const length = encodeEntry(this.#bytes, this.#length, request, {
      commit: this.commit,
      commitDistance: this.#length,
      baseOffset: request.baseOffset,
      storeTimeMs: request.storeTimeMs,
    });
    this.#length += length;
    const durable = new Promise<void>((resolve, reject) => {
      this.#resolves.push(resolve);
      this.#rejects.push(reject);
    });
    return { length, durable };
  }

  resolve(): void {
    for (const resolve of this.#resolves) resolve();
  }

  reject(error: unknown): void {
    for (const reject of this.#rejects) reject(error);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
