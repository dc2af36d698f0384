import type { KvOpener, KvPair, KvPut, KvRange, KvStore } from './kv-store.ts';

/**
 * A key-value store that is closed and reopened before the next write after one that failed, as
 * RocksDB wants it (ENOSPC: reference node-craft, C). The failed write itself is the caller's to
 * repeat. Reads wait for a reopening.
 */
export async function openReopening(opener: KvOpener, path: string): Promise<KvStore> {
  return new ReopeningStore(opener, path, await opener.open(path));
}

class ReopeningStore implements KvStore {
  readonly #opener: KvOpener;
  readonly #path: string;
  #store: KvStore;
  #hasFailed = false;
  #reopening: Promise<void> | undefined;

  constructor(opener: KvOpener, path: string, store: KvStore) {
    this.#opener = opener;
    this.#path = path;
    this.#store = store;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#reopening;
    return this.#store.get(key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    await this.#reopening;
    return this.#store.getMany(keys);
  }

  async scan(range: KvRange): Promise<readonly KvPair[]> {
    await this.#reopening;
    return this.#store.scan(range);
  }

  async write(puts: readonly KvPut[]): Promise<void> {
    await this.#change((store) => store.write(puts));
  }

  async deleteRange(range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void> {
    await this.#change((store) => store.deleteRange(range));
  }

  async flush(): Promise<void> {
    await this.#change((store) => store.flush());
  }

  async close(): Promise<void> {
    await this.#reopening?.catch(() => undefined);
    await this.#store.close();
  }

  async #change(run: (store: KvStore) => Promise<void>): Promise<void> {
    if (this.#hasFailed) {
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined;
      });
    }
    await this.#reopening;
    try {
      await run(this.#store);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #reopen(): Promise<void> {
    await this.#store.close().catch(() => undefined);
    this.#store = await this.#opener.open(this.#path);
    this.#hasFailed = false;
  }
}
