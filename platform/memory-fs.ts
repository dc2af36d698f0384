import { assert } from './assert.ts';
import { MillraceError } from './errors.ts';
import type { FileHandle, Fs, OpenMode } from './fs.ts';
import type { Random } from './random.ts';

/**
 * A file system in memory that can lose power.
 *
 * - A file is two byte arrays: what the process sees, and what the disk surely has. A write marks
 *   the 512-byte sectors it touches as unsynced; fdatasync copies them to the disk's side.
 * - A directory is two maps of names likewise; `syncDirectory` copies the names. Creating,
 *   renaming and unlinking are unsynced until then, and so is the creation of a directory in it.
 * - `crashClone(random)` is the disk after power loss: each unsynced sector is kept or lost by
 *   itself (so writes tear and reorder), each unsynced name likewise. A file is as long as its last
 *   kept sector makes it; an unsynced truncation is kept or lost, too. The original stays usable,
 *   so that one run serves many crashes.
 * - `killClone()` is what a killed process leaves: all that it wrote, still unsynced.
 *
 * Operations that change the disk are numbered from 1 over all files; tests crash before, or fail,
 * operation N for every N.
 */
export type MemoryFsOperation =
  | 'create'
  | 'write'
  | 'fdatasync'
  | 'truncate'
  | 'rename'
  | 'unlink'
  | 'syncDirectory';

export interface MemoryFsOptions {
  /**
   * Called before operation number `n` is done. Throwing fails it and leaves the disk unchanged,
   * but for a write, of which the first half is done: real ones fail half-way too.
   */
  readonly onOperation?: (n: number, operation: MemoryFsOperation, path: string) => void;
}

const sectorBytes = 512;

interface File {
  /** What reads see. */
  live: Uint8Array;
  /** What surely survives. */
  synced: Uint8Array;
  /** Sectors in which the two may differ. */
  readonly unsynced: Set<number>;
  /**
   * What reads saw before an unsynced truncation: the disk may have been given it already, and the
   * truncation may be lost.
   */
  beforeCut?: Uint8Array | undefined;
}

interface Directory {
  readonly live: Map<string, File>;
  readonly synced: Map<string, File>;
  /** Its own name survives in its parent. */
  isNamed: boolean;
}

export class MemoryFs implements Fs {
  readonly #directories = new Map<string, Directory>();
  readonly #counts = new Map<MemoryFsOperation, number>();
  readonly #onOperation: NonNullable<MemoryFsOptions['onOperation']>;
  #operations = 0;
  /** What `freeBytes` answers. */
  free = Number.MAX_SAFE_INTEGER;

  constructor(options: MemoryFsOptions = {}) {
    this.#directories.set('/', { live: new Map(), synced: new Map(), isNamed: true });
    this.#onOperation = options.onOperation ?? (() => undefined);
  }

  /** Operations begun so far: all, or of one kind. */
  operations(kind?: MemoryFsOperation): number {
    return kind === undefined ? this.#operations : (this.#counts.get(kind) ?? 0);
  }

  /** The disk after power loss now; each unsynced sector and name survives by the coin. */
  crashClone(random: Random, options: MemoryFsOptions = {}): MemoryFs {
    const namesLeft = ({ live, synced, isNamed }: Directory): Directory | undefined => {
      if (!isNamed && random.below(2) === 0) return undefined;
      const names = new Map(synced);
      for (const name of new Set([...synced.keys(), ...live.keys()])) {
        const file = live.get(name);
        if (synced.get(name) === file || random.below(2) === 0) continue;
        if (file === undefined) names.delete(name);
        else names.set(name, file);
      }
      return { live: names, synced: names, isNamed: true };
    };
    return this.#clone(options, namesLeft, (file) => crashedFile(file, random));
  }

  /** The disk as a process leaves it that is killed now. */
  killClone(options: MemoryFsOptions = {}): MemoryFs {
    return this.#clone(
      options,
      (directory) => directory,
      ({ live, synced, unsynced, beforeCut }) => ({
        live: live.slice(),
        synced: synced.slice(),
        unsynced: new Set(unsynced),
        beforeCut,
      }),
    );
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    if (mode !== 'create') return this.#opened(path);
    const { directory, name } = this.#locate(path);
    if (directory.live.has(name))
      throw new MillraceError('ALREADY_EXISTS', `${path} exists already`);
    this.#begin('create', path);
    directory.live.set(name, {
      live: new Uint8Array(0),
      synced: new Uint8Array(0),
      unsynced: new Set(),
    });
    return this.#opened(path);
  }

  openSync(path: string): FileHandle {
    return this.#opened(path);
  }

  async makeDirectory(path: string): Promise<void> {
    for (let at = path; !this.#directories.has(at); at = parentOf(at)) {
      this.#directories.set(at, { live: new Map(), synced: new Map(), isNamed: false });
    }
  }

  async list(path: string): Promise<readonly string[]> {
    return this.listSync(path);
  }

  listSync(path: string): readonly string[] {
    const files = this.#directory(path).live.keys();
    const children = [...this.#directories.keys()].filter(
      (other) => other !== '/' && parentOf(other) === path,
    );
    return [...children.map(nameOf), ...files].sort();
  }

  async exists(path: string): Promise<boolean> {
    if (this.#directories.has(path)) return true;
    return this.#directories.get(parentOf(path))?.live.has(nameOf(path)) === true;
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#locate(from);
    const target = this.#locate(to);
    const file = source.directory.live.get(source.name);
    if (file === undefined) throw notFound(from);
    this.#begin('rename', from);
    source.directory.live.delete(source.name);
    target.directory.live.set(target.name, file);
  }

  async unlink(path: string): Promise<void> {
    const { directory, name } = this.#locate(path);
    if (!directory.live.has(name)) throw notFound(path);
    this.#begin('unlink', path);
    directory.live.delete(name);
  }

  async syncDirectory(path: string): Promise<void> {
    const { live, synced } = this.#directory(path);
    this.#begin('syncDirectory', path);
    synced.clear();
    for (const [name, file] of live) synced.set(name, file);
    for (const [other, directory] of this.#directories) {
      if (other !== '/' && parentOf(other) === path) directory.isNamed = true;
    }
  }

  async freeBytes(): Promise<number> {
    return this.free;
  }

  #clone(
    options: MemoryFsOptions,
    /** `undefined`: the directory is lost, with all that is in it. */
    copyNames: (directory: Directory) => Directory | undefined,
    copyFile: (file: File) => File,
  ): MemoryFs {
    const clone = new MemoryFs(options);
    const copies = new Map<File, File>();
    const copyOf = (file: File): File => {
      const copy = copies.get(file) ?? copyFile(file);
      copies.set(file, copy);
      return copy;
    };
    const copyMap = (names: ReadonlyMap<string, File>) =>
      new Map([...names].map(([name, file]) => [name, copyOf(file)]));
    // Parents come first: a directory whose parent is lost is lost, too.
    const paths = [...this.#directories.keys()].sort();
    for (const path of paths) {
      if (path !== '/' && !clone.#directories.has(parentOf(path))) continue;
      const copied = copyNames(this.#directories.get(path)!);
      if (copied === undefined) continue;
      const { live, synced, isNamed } = copied;
      clone.#directories.set(path, { live: copyMap(live), synced: copyMap(synced), isNamed });
    }
    clone.free = this.free;
    return clone;
  }

  #opened(path: string): FileHandle {
    const { directory, name } = this.#locate(path);
    const file = directory.live.get(name);
    if (file === undefined) throw notFound(path);
    return new MemoryFile(path, file, (operation) => this.#begin(operation, path));
  }

  #begin(operation: MemoryFsOperation, path: string): void {
    this.#operations++;
    this.#counts.set(operation, (this.#counts.get(operation) ?? 0) + 1);
    this.#onOperation(this.#operations, operation, path);
  }

  #locate(path: string): { readonly directory: Directory; readonly name: string } {
    return { directory: this.#directory(parentOf(path)), name: nameOf(path) };
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw notFound(path);
    return directory;
  }
}

class MemoryFile implements FileHandle {
  readonly path: string;
  readonly #openFile: File;
  #isClosed = false;
  readonly #begin: (operation: MemoryFsOperation) => void;

  constructor(path: string, file: File, begin: (operation: MemoryFsOperation) => void) {
    this.path = path;
    this.#openFile = file;
    this.#begin = begin;
  }

  get #file(): File {
    assert(!this.#isClosed, 'a file is not used after it was closed');
    return this.#openFile;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position);
  }

  readSync(target: Uint8Array, position: number): number {
    const part = this.#file.live.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    try {
      this.#begin('write');
    } catch (error) {
      this.#put(source.subarray(0, source.length >> 1), position);
      throw error;
    }
    this.#put(source, position);
  }

  async fdatasync(): Promise<void> {
    const file = this.#file;
    this.#begin('fdatasync');
    if (file.synced.length !== file.live.length) {
      file.synced = resized(file.synced, file.live.length);
    }
    for (const sector of file.unsynced) copySector(file.live, file.synced, sector);
    file.unsynced.clear();
    file.beforeCut = undefined;
  }

  /** Two operations that change the disk. */
  async writeSynced(source: Uint8Array, position: number): Promise<void> {
    await this.write(source, position);
    await this.fdatasync();
  }

  async truncate(lengthBytes: number): Promise<void> {
    const file = this.#file;
    this.#begin('truncate');
    const from = Math.min(lengthBytes, file.live.length);
    const to = Math.max(lengthBytes, file.live.length);
    if (lengthBytes < file.live.length) file.beforeCut = file.live;
    file.live = resized(file.live, lengthBytes);
    for (let sector = sectorOf(from); sector * sectorBytes < to; sector++) {
      file.unsynced.add(sector);
    }
  }

  async size(): Promise<number> {
    return this.sizeSync();
  }

  sizeSync(): number {
    return this.#file.live.length;
  }

  async close(): Promise<void> {
    assert(!this.#isClosed, 'a file is closed once');
    this.#isClosed = true;
  }

  #put(source: Uint8Array, position: number): void {
    const file = this.#file;
    const end = position + source.length;
    // A write past the end makes zeros in between; those sectors are as unsynced as the rest.
    const from = Math.min(position, file.live.length);
    if (end > file.live.length) file.live = resized(file.live, end);
    file.live.set(source, position);
    for (let sector = sectorOf(from); sector * sectorBytes < end; sector++) {
      file.unsynced.add(sector);
    }
  }
}

/** The file's bytes after power loss. */
function crashedFile(file: File, random: Random): File {
  const longest = Math.max(file.synced.length, file.beforeCut?.length ?? 0);
  const isCut = file.live.length < longest && random.below(2) === 1;
  let bytes = resized(file.synced, isCut ? file.live.length : file.synced.length);
  const { beforeCut } = file;
  for (const sector of beforeCut === undefined || isCut ? [] : file.unsynced) {
    const end = Math.min((sector + 1) * sectorBytes, beforeCut!.length);
    if (end <= file.live.length || random.below(2) === 0) continue;
    if (end > bytes.length) bytes = resized(bytes, end);
    copySector(beforeCut!, bytes, sector);
  }
  for (const sector of file.unsynced) {
    const end = Math.min((sector + 1) * sectorBytes, file.live.length);
    if (end <= sector * sectorBytes || random.below(2) === 0) continue;
    if (end > bytes.length) bytes = resized(bytes, end);
    copySector(file.live, bytes, sector);
  }
  return { live: bytes, synced: bytes.slice(), unsynced: new Set() };
}

function copySector(from: Uint8Array, to: Uint8Array, sector: number): void {
  const start = sector * sectorBytes;
  const part = from.subarray(start, start + sectorBytes);
  if (start < to.length) to.set(part.subarray(0, to.length - start), start);
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes.slice(0, length);
  const grown = new Uint8Array(length);
  grown.set(bytes);
  return grown;
}

function sectorOf(position: number): number {
  return Math.floor(position / sectorBytes);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function notFound(path: string): MillraceError {
  return new MillraceError('NOT_FOUND', `${path} does not exist`);
}
