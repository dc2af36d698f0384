import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { assert } from './assert.ts';
import { MillraceError } from './errors.ts';
import type { FileHandle, Fs, OpenMode } from './fs.ts';

const read = promisify(fs.read);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);
/** The log holds secrets: nobody but the server's user reads what it makes. */
const fileMode = 0o600;
const directoryMode = 0o700;
const flags: Record<OpenMode, string> = { read: 'r', write: 'r+', create: 'wx+' };
/** `undefined` where the system has no O_DSYNC. */
const syncedFlags: number | undefined =
  fs.constants.O_DSYNC === undefined ? undefined : fs.constants.O_WRONLY | fs.constants.O_DSYNC;

/** The operating system's file system. */
export const nodeFs: Fs = {
  async open(path, mode) {
    return new NodeFile(
      path,
      await named('open', path, promisify(fs.open)(path, flags[mode], fileMode)),
    );
  },

  openSync(path, mode) {
    try {
      return new NodeFile(path, fs.openSync(path, flags[mode], fileMode));
    } catch (error) {
      throw toMillraceError('open', path, error);
    }
  },

  async makeDirectory(path) {
    await named('mkdir', path, makeDirectories(path));
  },

  async list(path) {
    return (await named('readdir', path, fs.promises.readdir(path))).sort();
  },

  listSync(path) {
    try {
      return fs.readdirSync(path).sort();
    } catch (error) {
      throw toMillraceError('readdir', path, error);
    }
  },

  exists(path) {
    return fs.promises.access(path).then(
      () => true,
      () => false,
    );
  },

  async rename(from, to) {
    await named('rename', from, fs.promises.rename(from, to));
  },

  async unlink(path) {
    await named('unlink', path, fs.promises.unlink(path));
  },

  async syncDirectory(path) {
    const handle = await named('open', path, fs.promises.open(path, 'r'));
    try {
      await named('fsync', path, handle.sync());
    } finally {
      await handle.close();
    }
  },

  async freeBytes(path) {
    const { bavail, bsize } = await named('statfs', path, fs.promises.statfs(path));
    return bavail * bsize;
  },
};

/** Not Node's `recursive`, which never returns where even the parents cannot be made (/proc/x). */
async function makeDirectories(path: string): Promise<void> {
  const make = () => fs.promises.mkdir(path, directoryMode);
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    if (code === 'ENOENT' && parent !== path && !(await isDirectory(parent))) {
      await makeDirectories(parent);
      await make();
    } else if (!(await isDirectory(path))) throw error;
  }
}

function isDirectory(path: string): Promise<boolean> {
  return fs.promises.stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

class NodeFile implements FileHandle {
  readonly path: string;
  /** `undefined` once closed: the system gives the number to another file then. */
  #openFd: number | undefined;
  /** Of the same file, opened with O_DSYNC by the first synced write. */
  #syncedFd: number | undefined;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#openFd = fd;
  }

  get #fd(): number {
    const fd = this.#openFd;
    assert(fd !== undefined, 'a file is not used after it was closed');
    return fd;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const done = read(this.#fd, target, 0, target.length, position);
    return (await named('read', this.path, done)).bytesRead;
  }

  readSync(target: Uint8Array, position: number): number {
    const fd = this.#fd;
    try {
      return fs.readSync(fd, target, 0, target.length, position);
    } catch (error) {
      throw toMillraceError('read', this.path, error);
    }
  }

  write(source: Uint8Array, position: number): Promise<void> {
    return this.#write(this.#fd, source, position);
  }

  async fdatasync(): Promise<void> {
    await named('fdatasync', this.path, fdatasync(this.#fd));
  }

  async writeSynced(source: Uint8Array, position: number): Promise<void> {
    if (syncedFlags === undefined) {
      await this.write(source, position);
      await this.fdatasync();
      return;
    }
    this.#syncedFd ??= openSynced(this.path, this.#fd, syncedFlags);
    await this.#write(this.#syncedFd, source, position);
  }

  async #write(fd: number, source: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < source.length; ) {
      const rest = source.length - done;
      const { bytesWritten } = await named(
        'write',
        this.path,
        write(fd, source, done, rest, position + done),
      );
      done += bytesWritten;
    }
  }

  async truncate(lengthBytes: number): Promise<void> {
    await named('truncate', this.path, promisify(fs.ftruncate)(this.#fd, lengthBytes));
  }

  async size(): Promise<number> {
    return (await named('stat', this.path, promisify(fs.fstat)(this.#fd))).size;
  }

  sizeSync(): number {
    const fd = this.#fd;
    try {
      return fs.fstatSync(fd).size;
    } catch (error) {
      throw toMillraceError('stat', this.path, error);
    }
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    const syncedFd = this.#syncedFd;
    this.#openFd = undefined;
    this.#syncedFd = undefined;
    if (syncedFd !== undefined) await named('close', this.path, promisify(fs.close)(syncedFd));
    await named('close', this.path, promisify(fs.close)(fd));
  }
}

/** Opens the file that is open as `fd` once more: not another that took its name meanwhile. */
function openSynced(path: string, fd: number, flags: number): number {
  try {
    const opened = fs.openSync(path, flags);
    const [own, other] = [fs.fstatSync(fd), fs.fstatSync(opened)];
    if (own.ino === other.ino && own.dev === other.dev) return opened;
    fs.closeSync(opened);
  } catch (error) {
    throw toMillraceError('open', path, error);
  }
  throw new MillraceError('IO', `${path} is no longer the file that was opened`);
}

function named<T>(operation: string, path: string, done: Promise<T>): Promise<T> {
  return done.catch((error: unknown) => {
    throw toMillraceError(operation, path, error);
  });
}

/** The operating system's error as one of ours, naming operation and path. */
export function toMillraceError(operation: string, path: string, error: unknown): MillraceError {
  const { code } = error as NodeJS.ErrnoException;
  const cause = { cause: error };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new MillraceError('DISK_FULL', `no space left for ${operation} on ${path}`, cause);
    case 'ENOENT':
      return new MillraceError('NOT_FOUND', `${path} does not exist`, cause);
    case 'EEXIST':
      return new MillraceError('ALREADY_EXISTS', `${path} exists already`, cause);
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return new MillraceError('IO', `${operation} on ${path} is not permitted (${code})`, cause);
    default:
      return new MillraceError('IO', `${operation} failed on ${path}: ${code ?? error}`, cause);
  }
}
