import { assert } from '../../platform/assert.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import { limits } from '../../platform/limits.ts';
import type { Entry } from '../store.ts';
import { claimedLength, decodeEntry, entryHeaderBytes } from './entry-format.ts';
import type { LogPartition, PlacedEntry, PlacedRequest, ScannedEntry } from './partition.ts';
import { recoverTail } from './recovery.ts';
import {
  checkSegmentOwner,
  decodeSegmentHeader,
  parseSegmentFileName,
  type SegmentHeader,
  segmentHeaderBytes,
} from './segment-format.ts';
import { SegmentWriter } from './segment-writer.ts';
import { Slab } from './slab.ts';

export interface PartitionOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly directory: string;
  readonly partition: number;
  readonly serverId: string;
  readonly segmentBytes?: number;
  readonly strideBytes?: number;
}

interface Segment {
  readonly start: number;
  readonly file: FileHandle;
}

const slabBytesMin = 64 * 1024;
/** Newest group commits kept in memory for tail reads. */
const recentCommits = 16;
const recentBytesMax = 32 * 1024 * 1024;
/** Accepted but not yet written: above this, the disk cannot keep up and appends are refused. */
const pendingBytesMax = 256 * 1024 * 1024;
const spaceCheckIntervalMs = 1000;
const scanBytes = 4 * 1024 * 1024;

/** Opens or creates the partition; recovers its tail before it returns. */
export async function openPartition(options: PartitionOptions): Promise<LogPartition> {
  const { fs, directory, serverId, partition } = options;
  await fs.makeDirectory(directory);
  const names = (await fs.list(directory)).flatMap((name) => {
    const parsed = parseSegmentFileName(name);
    return parsed === undefined ? [] : [{ ...parsed, path: `${directory}/${name}` }];
  });
  const segments: Segment[] = [];
  let last: { header: SegmentHeader; file: FileHandle } | undefined;
  for (const [index, name] of names.entries()) {
    const file = await fs.open(name.path, 'write');
    const bytes = Buffer.alloc(segmentHeaderBytes + entryHeaderBytes);
    await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, segmentHeaderBytes), name.path);
    if (header === undefined) {
      const isTornCreation =
        index === names.length - 1 && claimedLength(bytes, segmentHeaderBytes) === 0;
      await file.close();
      if (!isTornCreation) {
        throw new MillraceError('CORRUPTION', `${name.path} has a damaged header`);
      }
      // Its creation was interrupted: no entry was ever written to it.
      await fs.unlink(name.path);
      await fs.syncDirectory(directory);
      continue;
    }
    checkSegmentOwner(header, name.path, serverId, partition);
    segments.push({ start: header.start, file });
    last = { header, file };
  }
  const log = new FilePartition(options, segments);
  await log.recover(last);
  return log;
}

/**
 * Group commit (DESIGN section 4): appends fill one slab while the other is written and synced;
 * commit n+1 is written only after commit n was synced. An append's position is its place in the
 * stream, given at once; its promise resolves after fdatasync.
 *
 * When a commit fails, so does everything placed after it: the positions are taken back, and the
 * next commit opens a new segment at the last durable position. A failed fdatasync is never
 * retried on the same file.
 */
class FilePartition implements LogPartition {
  readonly number: number;
  readonly stats = { appends: 0, appendedBytes: 0, groupCommits: 0 };
  readonly #options: PartitionOptions;
  readonly #segmentOptions: { readonly strideBytes: number; readonly segmentBytes: number };
  readonly #segments: Segment[];
  readonly #listeners: ((durableEnd: number) => void)[] = [];
  readonly #abandonListeners: (() => void)[] = [];
  /** Writers of segments that take no more writes; closed with the log. */
  readonly #retired: SegmentWriter[] = [];
  #recent: { readonly start: number; readonly bytes: Buffer }[] = [];
  #recentBytes = 0;
  #writer: SegmentWriter | undefined;
  #nextSequence = 1;
  #durableEnd = 0;
  #filling!: Slab;
  #flushing: Promise<void> | undefined;
  #closed = false;
  #spaceCheckedMs = Number.NEGATIVE_INFINITY;
  #hasSpace = true;

  constructor(options: PartitionOptions, segments: Segment[]) {
    this.number = options.partition;
    this.#options = options;
    this.#segments = segments;
    this.#segmentOptions = {
      strideBytes: options.strideBytes ?? limits.preallocateStrideBytes,
      segmentBytes: options.segmentBytes ?? limits.segmentBytes,
    };
  }

  async recover(last: { header: SegmentHeader; file: FileHandle } | undefined): Promise<void> {
    if (last === undefined) {
      this.#filling = new Slab(1, 0, slabBytesMin);
      return;
    }
    const { header, file } = last;
    const tail = await recoverTail(file, header);
    const written = segmentHeaderBytes + tail.end - header.start;
    if (tail.tornBytes > 0) {
      // What was cut must not come back after the next crash: zero it, durably, before serving.
      await zeroFill(file, written, tail.tornBytes);
      await file.fdatasync();
    }
    const size = await file.size();
    this.#writer = new SegmentWriter(file, header, written, size, this.#segmentOptions);
    this.#nextSequence = header.sequence + 1;
    this.#durableEnd = tail.end;
    this.#filling = new Slab(tail.commit + 1, tail.end, slabBytesMin);
    await this.#checkSpace();
  }

  get durableEnd(): number {
    return this.#durableEnd;
  }

  get start(): number {
    return this.#segments[0]?.start ?? 0;
  }

  onCommit(listener: (durableEnd: number) => void): void {
    this.#listeners.push(listener);
  }

  onAbandon(listener: () => void): void {
    this.#abandonListeners.push(listener);
  }

  append(request: PlacedRequest): { placed: PlacedEntry; durable: Promise<void> } {
    if (this.#closed) throw new MillraceError('UNAVAILABLE', 'the log is closed');
    if (request.body.length > limits.entryBytesMax) {
      throw new MillraceError(
        'MESSAGE_TOO_LARGE',
        `an entry of ${request.body.length} bytes; the limit is ${limits.entryBytesMax}`,
      );
    }
    if (!this.#hasSpace) {
      this.#checkSpaceSometimes();
      throw new MillraceError(
        'DISK_FULL',
        `less than ${limits.diskReserveBytes} bytes are free for ${this.#options.directory}; ` +
          'publishing is refused, consuming goes on',
      );
    }
    if (this.#filling.end - this.#durableEnd > pendingBytesMax) {
      throw new MillraceError('RESOURCE_LIMIT', 'the disk cannot keep up with the appends');
    }
    const position = this.#filling.end;
    const storeTimeMs = this.#options.clock.nowMs();
    const { length, durable } = this.#filling.add(request, storeTimeMs);
    this.#flushing ??= this.#flushAll();
    return { placed: { position, length, storeTimeMs }, durable };
  }

  async read(position: number, length: number): Promise<Entry> {
    const end = position + length;
    assert(end <= this.#durableEnd, 'reads stop at the durable end');
    for (const { start, bytes } of this.#recent) {
      if (position >= start && end <= start + bytes.length) {
        return this.#checked(bytes, position - start, position);
      }
    }
    const { file, start } = this.#segmentOf(position);
    const bytes = Buffer.allocUnsafeSlow(length);
    const count = await file.read(bytes, segmentHeaderBytes + position - start);
    return this.#checked(bytes.subarray(0, count), 0, position);
  }

  async scan(from: number, visit: (entry: ScannedEntry) => void): Promise<void> {
    let position = Math.max(from, this.start);
    while (position < this.#durableEnd) {
      const index = this.#segmentIndexOf(position);
      const { file, start } = this.#segments[index]!;
      const end = Math.min(this.#segments[index + 1]?.start ?? Infinity, this.#durableEnd);
      position = await this.#scanSegment(file, start, position, end, visit);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#flushing;
    if (this.#writer !== undefined) this.#retired.push(this.#writer);
    for (const writer of this.#retired) await writer.close();
    const closed = new Set(this.#retired.map((writer) => writer.file));
    for (const { file } of this.#segments) if (!closed.has(file)) await file.close();
  }

  async #scanSegment(
    file: FileHandle,
    start: number,
    from: number,
    end: number,
    visit: (entry: ScannedEntry) => void,
  ): Promise<number> {
    let position = from;
    while (position < end) {
      let bytes = Buffer.allocUnsafeSlow(Math.min(scanBytes, end - position));
      await file.read(bytes, segmentHeaderBytes + position - start);
      const claimed = claimedLength(bytes, 0);
      if (claimed > bytes.length) {
        bytes = Buffer.allocUnsafeSlow(claimed);
        await file.read(bytes, segmentHeaderBytes + position - start);
      }
      let at = 0;
      while (at < bytes.length) {
        const length = claimedLength(bytes, at);
        const isCutByRead = bytes.length - at < Math.max(length, entryHeaderBytes);
        if (at > 0 && isCutByRead) break;
        const entry = this.#checked(bytes, at, position + at);
        const tagHash = bytes.readUInt32LE(at + 60);
        visit({ ...entry, tagHash });
        at += entry.length;
      }
      position += at;
    }
    return position;
  }

  #checked(bytes: Buffer, at: number, position: number): Entry {
    const entry = decodeEntry(bytes, at, this.number, position);
    if (entry !== undefined) return entry;
    throw new MillraceError(
      'CORRUPTION',
      `the entry at position ${position} of partition ${this.number} fails its check ` +
        `(${this.#segmentOf(position).file.path})`,
    );
  }

  #segmentOf(position: number): Segment {
    return this.#segments[this.#segmentIndexOf(position)]!;
  }

  /** The last segment that begins at or before the position. */
  #segmentIndexOf(position: number): number {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#segments[middle]!.start <= position) low = middle;
      else high = middle - 1;
    }
    assert(this.#segments[low] !== undefined, 'a position lies in a segment');
    return low;
  }

  async #flushAll(): Promise<void> {
    // One turn of the event loop's queue: requests that arrived together share a commit.
    await new Promise<void>((resolve) => this.#options.clock.soon(resolve));
    while (this.#filling.entryCount > 0) {
      const slab = this.#filling;
      this.#filling = new Slab(slab.commit + 1, slab.end, Math.max(slabBytesMin, slab.length));
      try {
        const writer = await this.#writerFor(slab);
        await writer.commit(slab.bytes, slab.start);
      } catch (error) {
        await this.#abandon(slab, error);
        continue;
      }
      this.#onSynced(slab);
    }
    this.#flushing = undefined;
  }

  #onSynced(slab: Slab): void {
    this.#durableEnd = slab.end;
    this.stats.groupCommits++;
    this.stats.appends += slab.entryCount;
    this.stats.appendedBytes += slab.length;
    this.#remember(slab);
    for (const listener of this.#listeners) listener(this.#durableEnd);
    slab.resolve();
    this.#writer?.prepareAhead();
    this.#checkSpaceSometimes();
  }

  /** Fails the commit and all that was placed after it; the next one starts a new segment. */
  async #abandon(slab: Slab, error: unknown): Promise<void> {
    const later = this.#filling;
    this.#retire();
    this.#filling = new Slab(later.commit + 1, this.#durableEnd, slabBytesMin);
    for (const listener of this.#abandonListeners) listener();
    // So that no reader and no restart ever meets the bytes of the failed commit.
    try {
      this.#writer = await this.#createSegment();
    } catch {
      // Tried again by the next append.
    }
    slab.reject(error);
    later.reject(error);
    if (error instanceof MillraceError && error.code === 'DISK_FULL') {
      this.#hasSpace = false;
      this.#spaceCheckedMs = this.#options.clock.monotonicMs();
    }
  }

  #retire(): void {
    if (this.#writer !== undefined) this.#retired.push(this.#writer);
    this.#writer = undefined;
  }

  async #writerFor(slab: Slab): Promise<SegmentWriter> {
    if (this.#writer?.hasRoom(slab.length) === true) return this.#writer;
    this.#retire();
    const writer = await this.#createSegment();
    this.#writer = writer;
    return writer;
  }

  async #createSegment(): Promise<SegmentWriter> {
    const header = {
      sequence: this.#nextSequence++,
      start: this.#durableEnd,
      partition: this.number,
      serverId: this.#options.serverId,
    };
    const { fs, directory } = this.#options;
    const writer = await SegmentWriter.create(fs, directory, header, this.#segmentOptions);
    this.#segments.push({ start: header.start, file: writer.file });
    return writer;
  }

  #remember(slab: Slab): void {
    this.#recent.unshift({ start: slab.start, bytes: slab.bytes });
    this.#recentBytes += slab.length;
    while (
      this.#recent.length > recentCommits ||
      (this.#recentBytes > recentBytesMax && this.#recent.length > 1)
    ) {
      this.#recentBytes -= this.#recent.pop()!.bytes.length;
    }
  }

  #checkSpaceSometimes(): void {
    const now = this.#options.clock.monotonicMs();
    if (now - this.#spaceCheckedMs < spaceCheckIntervalMs) return;
    this.#spaceCheckedMs = now;
    void this.#checkSpace();
  }

  async #checkSpace(): Promise<void> {
    try {
      const free = await this.#options.fs.freeBytes(this.#options.directory);
      this.#hasSpace = free >= limits.diskReserveBytes;
    } catch {
      // A file system that cannot tell must not stop publishing.
      this.#hasSpace = true;
    }
  }
}

async function zeroFill(file: FileHandle, at: number, length: number): Promise<void> {
  const piece = new Uint8Array(Math.min(length, scanBytes));
  for (let done = 0; done < length; done += piece.length) {
    await file.write(piece.subarray(0, Math.min(piece.length, length - done)), at + done);
  }
}
