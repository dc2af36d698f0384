import { MillraceError } from './errors.ts';
import type { FileHandle, Fs } from './fs.ts';

/**
 * Wraps a file system so that writes stay in this process's memory until fdatasync: killing the
 * process then loses exactly what power loss could lose. Reads through the same handle see the
 * held bytes. Another thread opens the files itself and so sees synced bytes only, which is all
 * that it may read.
 *
 * `failFdatasync`: the number of the fdatasync (from 1, over all files) that fails with IO, with
 * its held writes dropped, as a kernel may drop dirty pages after a failed sync.
 */
export function holdWritesUntilSync(inner: Fs, failFdatasync = 0): Fs {
  const syncs = { done: 0, failing: failFdatasync };
  return {
    async open(path, mode) {
      return new HeldFile(await inner.open(path, mode), syncs);
    },
    openSync: (path, mode) => inner.openSync(path, mode),
    makeDirectory: (path) => inner.makeDirectory(path),
    list: (path) => inner.list(path),
    listSync: (path) => inner.listSync(path),
    exists: (path) => inner.exists(path),
    rename: (from, to) => inner.rename(from, to),
    unlink: (path) => inner.unlink(path),
    syncDirectory: (path) => inner.syncDirectory(path),
    freeBytes: (path) => inner.freeBytes(path),
  };
}

interface Held {
  readonly position: number;
  readonly bytes: Uint8Array;
}

class HeldFile implements FileHandle {
  readonly #inner: FileHandle;
  readonly #syncs: { done: number; readonly failing: number };
  #held: Held[] = [];

  constructor(inner: FileHandle, syncs: { done: number; readonly failing: number }) {
    this.#inner = inner;
    this.#syncs = syncs;
  }

  get path(): string {
    return this.#inner.path;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.#overlay(target, position, await this.#inner.read(target, position));
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#overlay(target, position, this.#inner.readSync(target, position));
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    this.#held.push({ position, bytes: source.slice() });
  }

  async fdatasync(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#syncs.done++;
    if (this.#syncs.done === this.#syncs.failing) {
      throw new MillraceError('IO', `fdatasync failed on ${this.path}: injected`);
    }
    for (const { position, bytes } of held) await this.#inner.write(bytes, position);
    await this.#inner.fdatasync();
  }

  async writeSynced(source: Uint8Array, position: number): Promise<void> {
    await this.write(source, position);
    await this.fdatasync();
  }

  async truncate(lengthBytes: number): Promise<void> {
    this.#held = this.#held
      .filter(({ position }) => position < lengthBytes)
      .map(({ position, bytes }) => ({
        position,
        bytes: bytes.subarray(0, lengthBytes - position),
      }));
    await this.#inner.truncate(lengthBytes);
  }

  async size(): Promise<number> {
    return Math.max(await this.#inner.size(), this.#heldEnd());
  }

  sizeSync(): number {
    return Math.max(this.#inner.sizeSync(), this.#heldEnd());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Puts the held writes over the `count` bytes that the file itself had at `position`. */
  #overlay(target: Uint8Array, position: number, count: number): number {
    const end = Math.min(position + target.length, this.#heldEnd());
    if (end > position + count) target.fill(0, count, end - position);
    for (const held of this.#held) {
      const from = Math.max(position, held.position);
      const to = Math.min(end, held.position + held.bytes.length);
      if (from >= to) continue;
      target.set(held.bytes.subarray(from - held.position, to - held.position), from - position);
    }
    return Math.max(count, end - position);
  }

  #heldEnd(): number {
    return Math.max(0, ...this.#held.map(({ position, bytes }) => position + bytes.length));
  }
}
