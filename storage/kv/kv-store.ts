/**
 * An ordered key-value store for derived state. Keys compare as unsigned bytes.
 *
 * Contract
 * - `write` applies its batch atomically. It survives kill -9; it is durable against power loss
 *   only after a later `flush` returned.
 * - Opened by one thread of one process. A second opener gets DIRECTORY_LOCKED.
 * - After a failed write (DISK_FULL, IO) the store refuses writes until it was closed and reopened.
 */
export interface KvPut {
  readonly key: Uint8Array;
  /** `undefined` deletes the key. */
  readonly value: Uint8Array | undefined;
}

export interface KvRange {
  /** Inclusive lower bound. */
  readonly from: Uint8Array;
  /** Exclusive upper bound. */
  readonly to: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface KvPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface KvStore {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** One batched read; the answer has the order of `keys`. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
  write(puts: readonly KvPut[]): Promise<void>;
  deleteRange(range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void>;
  scan(range: KvRange): Promise<readonly KvPair[]>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface KvOpener {
  /** Opens or creates the store in directory `path`. Throws DIRECTORY_LOCKED, IO, CORRUPTION. */
  open(path: string): Promise<KvStore>;
}
