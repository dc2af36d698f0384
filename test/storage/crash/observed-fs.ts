import type { FileHandle, Fs, OpenMode } from '../../../platform/fs.ts';
import type { MemoryFsOperation } from '../../../platform/memory-fs.ts';
import type { KvOpener } from '../../../storage/kv/kv-store.ts';
import { callingPlace, type DiskOperation, placeBeyondKv } from './call-sites.ts';

export interface Operation {
  readonly operation: DiskOperation;
  /** As in `CallSite`; `undefined` for a call from outside `storage/`. */
  readonly place: string | undefined;
  readonly path: string;
}

/**
 * Called before each operation that changes the disk. Throwing fails it; `'skip'` leaves it out,
 * silently.
 */
export type Observer = (operation: Operation) => 'skip' | undefined;

/** A file system that tells an observer who is about to change what. */
export class ObservedFs implements Fs {
  readonly #inner: Fs;
  readonly #observe: Observer;

  constructor(inner: Fs, observe: Observer) {
    this.#inner = inner;
    this.#observe = observe;
  }

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    // Read now: after the first await the caller is no longer on the stack.
    const place = callingPlace(this.open);
    return this.#opened(path, mode, place);
  }

  openSync(path: string, mode: 'read'): FileHandle {
    return this.#inner.openSync(path, mode);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#inner.makeDirectory(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#inner.list(path);
  }

  listSync(path: string): readonly string[] {
    return this.#inner.listSync(path);
  }

  exists(path: string): Promise<boolean> {
    return this.#inner.exists(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const place = callingPlace(this.rename);
    if (this.#skips('rename', place, from)) return;
    await this.#inner.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    const place = callingPlace(this.unlink);
    if (this.#skips('unlink', place, path)) return;
    await this.#inner.unlink(path);
  }

  async syncDirectory(path: string): Promise<void> {
    const place = callingPlace(this.syncDirectory);
    if (this.#skips('syncDirectory', place, path)) return;
    await this.#inner.syncDirectory(path);
  }

  freeBytes(path: string): Promise<number> {
    return this.#inner.freeBytes(path);
  }

  async #opened(path: string, mode: OpenMode, place: string | undefined): Promise<FileHandle> {
    if (mode === 'create') this.#skips('create', place, path);
    const file = await this.#inner.open(path, mode);
    return new ObservedFile(file, (operation, at) => this.#skips(operation, at, path));
  }

  #skips(operation: MemoryFsOperation, place: string | undefined, path: string): boolean {
    return this.#observe({ operation, place, path }) === 'skip';
  }
}

class ObservedFile implements FileHandle {
  readonly #inner: FileHandle;
  readonly #skips: (operation: MemoryFsOperation, place: string | undefined) => boolean;

  constructor(
    inner: FileHandle,
    skips: (operation: MemoryFsOperation, place: string | undefined) => boolean,
  ) {
    this.#inner = inner;
    this.#skips = skips;
  }

  get path(): string {
    return this.#inner.path;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#inner.read(target, position);
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#inner.readSync(target, position);
  }

  write(source: Uint8Array, position: number): Promise<void> {
    return this.#write(source, position, callingPlace(this.write));
  }

  /** Two operations at one place. */
  async writeSynced(source: Uint8Array, position: number): Promise<void> {
    const place = callingPlace(this.writeSynced);
    await this.#write(source, position, place);
    await this.#fdatasync(place);
  }

  async #write(source: Uint8Array, position: number, place: string | undefined): Promise<void> {
    try {
      if (this.#skips('write', place)) return;
    } catch (error) {
      // Real writes fail half-way, too.
      await this.#inner.write(source.subarray(0, source.length >> 1), position);
      throw error;
    }
    await this.#inner.write(source, position);
  }

  fdatasync(): Promise<void> {
    return this.#fdatasync(callingPlace(this.fdatasync));
  }

  async #fdatasync(place: string | undefined): Promise<void> {
    if (this.#skips('fdatasync', place)) return;
    await this.#inner.fdatasync();
  }

  async truncate(lengthBytes: number): Promise<void> {
    const place = callingPlace(this.truncate);
    if (this.#skips('truncate', place)) return;
    await this.#inner.truncate(lengthBytes);
  }

  size(): Promise<number> {
    return this.#inner.size();
  }

  sizeSync(): number {
    return this.#inner.sizeSync();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A database of which the observer is told when it is about to be made durable. */
export function observedKv(kv: KvOpener, observe: Observer): KvOpener {
  return {
    async open(path) {
      const store = await kv.open(path);
      const flush = async () => {
        const place = placeBeyondKv(flush);
        if (observe({ operation: 'flush', place, path }) !== 'skip') await store.flush();
      };
      return {
        flush,
        get: (key) => store.get(key),
        getMany: (keys) => store.getMany(keys),
        scan: (range) => store.scan(range),
        write: (puts) => store.write(puts),
        deleteRange: (range) => store.deleteRange(range),
        close: () => store.close(),
      };
    },
  };
}
