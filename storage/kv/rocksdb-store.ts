import RocksDB from 'rocksdb-native';
import { type ErrorCode, MillraceError } from '../../platform/errors.ts';
import type { KvOpener, KvPair, KvPut, KvRange, KvStore } from './kv-store.ts';

/** Rows that a scan fetches in one call into the library. */
const scanCapacity = 256;
/** The index takes a few MB/s at most; a small memtable keeps memory and the last flush short. */
const writeBufferBytes = 16 * 1024 * 1024;

/**
 * RocksDB through `rocksdb-native`: one database, its default column family. The library never
 * syncs its write-ahead log, so only `flush` makes writes durable against power loss; it recovers
 * a prefix of the batches in the order of their writes. RocksDB's own LOCK file keeps a second
 * opener out, in this process or another.
 */
export const rocksDb: KvOpener = {
  async open(path) {
    const db = new RocksDB(path, { maxBackgroundJobs: 2, writeBufferSize: writeBufferBytes });
    try {
      await db.ready();
    } catch (error) {
      throw toMillraceError('open', path, error);
    }
    return new RocksDbStore(path, db);
  },
};

class RocksDbStore implements KvStore {
  readonly #path: string;
  readonly #db: RocksDB;
  /** The error of the write that failed; RocksDB takes no more until it is reopened. */
  #failed: MillraceError | undefined;
  #closing: Promise<void> | undefined;

  constructor(path: string, db: RocksDB) {
    this.#path = path;
    this.#db = db;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0];
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#checkOpen();
    if (keys.length === 0) return [];
    return this.#named('read', async () => {
      const batch = this.#db.read({ capacity: keys.length });
      try {
        const values = Promise.all(keys.map((key) => batch.get(key)));
        const [found] = await Promise.all([values, batch.flush()]);
        return found.map((value) => value ?? undefined);
      } finally {
        batch.destroy();
      }
    });
  }

  async write(puts: readonly KvPut[]): Promise<void> {
    if (puts.length === 0) return;
    await this.#apply((batch) => {
      for (const { key, value } of puts) {
        if (value === undefined) batch.tryDelete(key);
        else batch.tryPut(key, value);
      }
    }, puts.length);
  }

  async deleteRange(range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void> {
    await this.#apply((batch) => batch.tryDeleteRange(range.from, range.to), 1);
  }

  async scan({ from, to, reverse = false, limit = -1 }: KvRange): Promise<readonly KvPair[]> {
    this.#checkOpen();
    // The library takes an empty bound for none; an empty upper bound has nothing below it.
    if (to.length === 0 || limit === 0) return [];
    const capacity = limit > 0 ? Math.min(limit, scanCapacity) : scanCapacity;
    const range = { gte: from, lt: to, reverse, limit, capacity };
    return this.#named('scan', async () => {
      const pairs: KvPair[] = [];
      for await (const pair of this.#db.iterator(range)) pairs.push(pair);
      return pairs;
    });
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    await this.#named('flush', () => this.#db.flush());
  }

  close(): Promise<void> {
    this.#closing ??= this.#named('close', () => this.#db.close());
    return this.#closing;
  }

  async #apply(fill: (batch: ReturnType<RocksDB['write']>) => void, capacity: number) {
    this.#checkOpen();
    if (this.#failed !== undefined) throw this.#failed;
    const batch = this.#db.write({ capacity });
    try {
      fill(batch);
      await batch.flush();
    } catch (error) {
      this.#failed = toMillraceError('write', this.#path, error);
      throw this.#failed;
    } finally {
      batch.destroy();
    }
  }

  async #named<T>(operation: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw toMillraceError(operation, this.#path, error);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) {
      throw new MillraceError('UNAVAILABLE', `the database ${this.#path} is closed`);
    }
  }
}

/** RocksDB tells its errors apart by text alone. */
function toMillraceError(operation: string, path: string, error: unknown): MillraceError {
  const text = messagesOf(error);
  const cause = { cause: error };
  if (/lock hold by current process|While lock file.*temporarily unavailable/i.test(text)) {
    return new MillraceError('DIRECTORY_LOCKED', `${path} is open in another process`, {
      ...cause,
      hint: 'Stop the other server, or give this one its own data directory.',
    });
  }
  const code: ErrorCode = /No space left|quota exceeded/i.test(text)
    ? 'DISK_FULL'
    : /Corruption/.test(text)
      ? 'CORRUPTION'
      : 'IO';
  return new MillraceError(code, `${operation} failed on ${path}: ${text}`, cause);
}

function messagesOf(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) messages.push(at.message);
  return messages.join(': ') || String(error);
}
