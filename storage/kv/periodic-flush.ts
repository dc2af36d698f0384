import type { Clock, Timer } from '../../platform/clock.ts';
import type { KvPut, KvRange, KvStore } from './kv-store.ts';

/**
 * A key-value store that is flushed at the latest so long after a write. The database flushes by
 * itself only what fills its memory: with little traffic a power loss would cost all that was
 * written since the start, and the next one would read the log from there.
 */
export class PeriodicFlush implements KvStore {
  readonly #store: KvStore;
  readonly #clock: Clock;
  readonly #everyMs: number;
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #isClosed = false;

  constructor(store: KvStore, clock: Clock, everyMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(key);
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#store.getMany(keys);
  }

  scan(range: KvRange) {
    return this.#store.scan(range);
  }

  async write(puts: readonly KvPut[]): Promise<void> {
    await this.#store.write(puts);
    this.#flushLater();
  }

  async deleteRange(range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void> {
    await this.#store.deleteRange(range);
    this.#flushLater();
  }

  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#store.flush();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#flushing;
    await this.#store.close();
  }

  /** A flush that fails is tried again after the time: what was written is in the log, too. */
  #flushLater(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    const flush = () => {
      this.#timer = undefined;
      this.#flushing = this.#store.flush().catch(() => this.#flushLater());
    };
    this.#timer = this.#clock.after(this.#everyMs, flush, { background: true });
  }
}
