import { MillraceError } from '../../platform/errors.ts';
import type { Random } from '../../platform/random.ts';
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
  readonly #databases = new Map<string, Database>();
  readonly #open = new Set<string>();

  async open(path: string): Promise<KvStore> {
    if (this.#open.has(path)) {
      throw new MillraceError('DIRECTORY_LOCKED', `${path} is open already`);
    }
    const database = this.#databases.get(path) ?? newDatabase();
    this.#databases.set(path, database);
    this.#open.add(path);
    return new MemoryStore(database, () => this.#open.delete(path));
  }

  /** Loses the database of a path; it must not be open. */
  destroy(path: string): void {
    this.#databases.delete(path);
  }

  /** The databases as they are now, none of them open: what a killed process leaves behind. */
  clone(): MemoryKv {
    const copy = new MemoryKv();
    for (const [path, { data, flushed, batches }] of this.#databases) {
      copy.#databases.set(path, { data: new Map(data), flushed, batches: [...batches] });
    }
    return copy;
  }

  /** As after power loss: what was flushed, and some of the batches since, a prefix of them. */
  crashClone(random: Random): MemoryKv {
    const copy = new MemoryKv();
    for (const [path, { flushed, batches }] of this.#databases) {
      const data = new Map(flushed);
      const kept = batches.slice(0, random.below(batches.length + 1));
      for (const apply of kept) apply(data);
      copy.#databases.set(path, { data, flushed: new Map(data), batches: [] });
    }
    return copy;
  }
}

type Data = Map<string, Uint8Array>;

interface Database {
  readonly data: Data;
  /** The pairs at the last flush, and the changes since. */
  flushed: Data;
  batches: ((data: Data) => void)[];
}

function newDatabase(): Database {
  return { data: new Map(), flushed: new Map(), batches: [] };
}

class MemoryStore implements KvStore {
  readonly #database: Database;
  readonly #data: Data;
  readonly #release: () => void;
  #sorted: string[] | undefined;
  #closed = false;

  constructor(database: Database, release: () => void) {
    this.#database = database;
    this.#data = database.data;
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
    const copies = puts.map(
      ({ key, value }) => [textOf(key), value && Uint8Array.from(value)] as const,
    );
    this.#change((data) => {
      for (const [key, value] of copies) {
        if (value === undefined) data.delete(key);
        else data.set(key, value);
      }
    });
  }

  async deleteRange(range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void> {
    this.#checkOpen();
    const keys = this.#keysIn(range);
    this.#change((data) => {
      for (const key of keys) data.delete(key);
    });
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
    this.#database.flushed = new Map(this.#data);
    this.#database.batches = [];
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  #change(apply: (data: Data) => void): void {
    apply(this.#data);
    this.#database.batches.push(apply);
    this.#sorted = undefined;
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
