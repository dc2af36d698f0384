/** The part of rocksdb-native (Holepunch, 3.18; it ships no types) that `storage/kv` uses. */
declare module 'rocksdb-native' {
  export interface RocksDBOptions {
    readonly maxBackgroundJobs?: number;
    readonly writeBufferSize?: number;
  }

  export interface Range {
    readonly gte?: Uint8Array;
    readonly lt?: Uint8Array;
    readonly reverse?: boolean;
    /** Rows at most; negative or absent: all. */
    readonly limit?: number;
    /** Rows that one call into the library fetches. */
    readonly capacity?: number;
  }

  export interface Pair {
    readonly key: Buffer;
    readonly value: Buffer;
  }

  /** Keys and values are read on another thread until `flush` resolved: do not change them. */
  export interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    /** From inclusive, to exclusive. */
    tryDeleteRange(from: Uint8Array, to: Uint8Array): void;
    /** Applies the operations atomically, without a sync. */
    flush(): Promise<void>;
    destroy(): void;
  }

  export interface ReadBatch {
    /** Resolves, with null where there is no such key, once the batch was flushed. */
    get(key: Uint8Array): Promise<Buffer | null>;
    flush(): Promise<void>;
    destroy(): void;
  }

  export default class RocksDB {
    constructor(path: string, options?: RocksDBOptions);
    ready(): Promise<void>;
    read(options?: { readonly capacity?: number }): ReadBatch;
    write(options?: { readonly capacity?: number }): WriteBatch;
    iterator(range: Range): AsyncIterable<Pair>;
    /** Writes the memtable to a file and syncs it. */
    flush(): Promise<void>;
    close(): Promise<void>;
  }
}
