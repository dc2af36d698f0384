import { MillraceError } from '../../platform/errors.ts';
import type { KvOpener, KvPair, KvPut, KvRange, KvStore } from './kv-store.ts';

/**
 * The key-value store in memory, with the contract of the real one: ordered by unsigned bytes,
 * atomic batches, locked while open. The opener is the disk: what was written to a path is there
 * when the path is opened again, and `destroy` loses it.
 *
 * Keys are held as Latin-1 strings, whose order is the order of the bytes. A sorted key list is
 * made when a scan first needs one after a change.
 */
export class MemoryKv implements KvOpener {
  readonly #databases = new Map<string, Map<string, Uint8Array>>();
  readonly #open = new Set<string>();

  async open(path: string): Promise<KvStore> {
    if (this.#open.has(path)) {
      throw new MillraceError('DIRECTORY_LOCKED', `${path} is open already`);
    }
    const data = this.#databases.get(path) ?? new Map<string, Uint8Array>();
    this.#databases.set(path, data);
    this.#open.add(path);
    return new MemoryStore(data, () => this.#open.delete(path));
  }

  /** Loses the database of a path; it must not be open. */
  destroy(path: string): void {
    this.#databases.delete(path);
  }

  /** The databases as they are now, none of them open: what a killed process leaves behind. */
  clone(): MemoryKv {
    const copy = new MemoryKv();
    for (const [path, data] of this.#databases) copy.#databases.set(path, new Map(data));
    return copy;
  }
}

class MemoryStore implements KvStore {
  readonly #data: Map<string, Uint8Array>;
  readonly #release: () => void;
  #sorted: string[] | undefined;
  #closed = false;

  constructor(data: Map<string, Uint8Array>, release: () => void) {
    this.#data = data;
    this.#release = release;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.#data.get(textOf(key));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#checkOpen();
    return keys.map((key) => this.#data.get(textOf(key)));
  }

  async write(puts: readonly KvPut[]): Promise<void> {
    this.#checkOpen();
    for (const { key, value } of puts) {
      if (value === undefined) this.#data.delete(textOf(key));
      else this.#data.set(textOf(key), value.slice());
    }
    this.#sorted = undefined;
  }

  async deleteRange(range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void> {
    this.#checkOpen();
    for (const key of this.#keysIn(range)) this.#data.delete(key);
    this.#sorted = undefined;
  }

  async scan(range: KvRange): Promise<readonly KvPair[]> {
    this.#checkOpen();
    const keys = this.#keysIn(range);
    if (range.reverse === true) keys.reverse();
    return keys
      .slice(0, range.limit ?? keys.length)
      .map((key) => ({ key: Buffer.from(key, 'latin1'), value: this.#data.get(key)! }));
  }

  async flush(): Promise<void> {
    this.#checkOpen();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  #keysIn({ from, to }: { readonly from: Uint8Array; readonly to: Uint8Array }): string[] {
    this.#sorted ??= [...this.#data.keys()].sort(compare);
    return this.#sorted.slice(
      lowerBound(this.#sorted, textOf(from)),
      lowerBound(this.#sorted, textOf(to)),
    );
  }

  #checkOpen(): void {
    if (this.#closed) throw new MillraceError('UNAVAILABLE', 'the key-value store is closed');
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Index of the first key that is not below `bound`. */
function lowerBound(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
