import type { Clock, Timer } from '../../platform/clock.ts';
import type { KvStore } from '../kv/kv-store.ts';
import type { DerivedKeys } from '../store.ts';
import { prefixes, prefixKey } from './index-format.ts';

const retryMs = 1000;

/**
 * `DerivedKeys` on the `index/` database. Puts of one turn, and those made while a write runs, go
 * out as one batch; the last value of a key wins. A batch that failed is merged into the next one.
 */
export class DerivedKeyWriter implements DerivedKeys {
  readonly #kv: KvStore;
  readonly #clock: Clock;
  #pending = new Map<string, Uint8Array | undefined>();
  /** The batch that carries `#pending`, not yet begun. */
  #next: Promise<void> | undefined;
  /** The batch begun last. */
  #current: Promise<void> = Promise.resolve();
  #retryTimer: Timer | undefined;
  #isClosed = false;

  constructor(kv: KvStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  put(key: string, value: Uint8Array): void {
    // Not `slice`: of a Buffer that is a view.
    this.#pending.set(key, Uint8Array.from(value));
    this.#writeSoon();
  }

  delete(key: string): void {
    this.#pending.set(key, undefined);
    this.#writeSoon();
  }

  load(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const from = databaseKey(prefix);
    const to = Buffer.from(from);
    // The first key past the prefix: no byte of UTF-8 is 255.
    to[to.length - 1]!++;
    return this.#scan(from, to);
  }

  scan(from: string, to: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#scan(databaseKey(from), databaseKey(to));
  }

  async #scan(from: Buffer, to: Buffer): Promise<ReadonlyMap<string, Uint8Array>> {
    await this.settled();
    const pairs = await this.#kv.scan({ from, to });
    return new Map(
      pairs.map(({ key, value }) => [Buffer.from(key.subarray(1)).toString('utf8'), value]),
    );
  }

  settled(): Promise<void> {
    return this.#next ?? this.#current;
  }

  /** Writes what waits, for the last time; later puts are ignored. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    if (this.#next === undefined && this.#pending.size > 0) {
      this.#next = this.#writeAfter(this.#current);
    }
    await this.settled();
  }

  #writeSoon(): void {
    if (this.#next !== undefined || this.#isClosed) return;
    this.#next = this.#writeAfter(this.#current);
    this.#next.catch(() => this.#retryLater());
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    const retry = () => {
      this.#retryTimer = undefined;
      if (this.#pending.size > 0) this.#writeSoon();
    };
    this.#retryTimer ??= this.#clock.after(retryMs, retry, { background: true });
  }

  async #writeAfter(previous: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    await previous.catch(() => undefined);
    const batch = this.#pending;
    this.#pending = new Map();
    this.#current = this.#next!;
    this.#next = undefined;
    try {
      await this.#kv.write([...batch].map(([key, value]) => ({ key: databaseKey(key), value })));
    } catch (error) {
      this.#pending = new Map([...batch, ...this.#pending]);
      throw error;
    }
  }
}

function databaseKey(key: string): Buffer {
  return Buffer.concat([prefixKey(prefixes.derived), Buffer.from(key, 'utf8')]);
}
