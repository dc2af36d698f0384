/**
 * The file system as Millrace uses it. Three implementations: the real one (`node-fs.ts`), a
 * crashable one in memory (`memory-fs.ts`), and one that holds writes in process memory until
 * fdatasync (`held-fs.ts`), on which SIGKILL equals power loss.
 *
 * Contract
 * - A write is durable only after `fdatasync` of that file returned. A file's *name* is durable
 *   only after `syncDirectory` of its parent returned.
 * - After a failed fdatasync nothing is known about the unsynced bytes; the caller must not retry
 *   on the same file (PostgreSQL's fsync finding of 2018).
 * - Operating-system failures are thrown as MillraceError: DISK_FULL for ENOSPC and EDQUOT,
 *   NOT_FOUND for ENOENT, ALREADY_EXISTS for EEXIST, IO for the rest, naming path and operation.
 */
export interface FileHandle {
  readonly path: string;
  /** Reads at most `target.length` bytes at `position`; returns the bytes read, 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** As `read`, blocking the thread; for the dataflow worker, whose reads hit the page cache. */
  readSync(target: Uint8Array, position: number): number;
  /** Writes all of `source` at `position`, growing the file with zeros where needed. */
  write(source: Uint8Array, position: number): Promise<void>;
  fdatasync(): Promise<void>;
  /**
   * As `write` and `fdatasync` of what it wrote, with one request to the operating system where it
   * has O_DSYNC. DISK_FULL says that there was no room for the bytes; any other failure may be one
   * of the sync. What other writes left unsynced need not become durable.
   */
  writeSynced(source: Uint8Array, position: number): Promise<void>;
  truncate(lengthBytes: number): Promise<void>;
  size(): Promise<number>;
  sizeSync(): number;
  close(): Promise<void>;
}

/** `read`: must exist. `write`: must exist, read and write. `create`: must not exist. */
export type OpenMode = 'read' | 'write' | 'create';

export interface Fs {
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  openSync(path: string, mode: 'read'): FileHandle;
  /** Creates the directory and its parents; existing ones are fine. */
  makeDirectory(path: string): Promise<void>;
  /** Names in the directory, sorted. */
  list(path: string): Promise<readonly string[]>;
  listSync(path: string): readonly string[];
  exists(path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  freeBytes(path: string): Promise<number>;
}
