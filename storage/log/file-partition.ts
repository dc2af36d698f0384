import { assert } from '../../platform/assert.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import { limits } from '../../platform/limits.ts';
import { Histogram } from '../histogram.ts';
import type { PendingRows } from '../queues/pending-rows.ts';
import type { Entry, NamesOf } from '../store.ts';
import {
  claimedLength,
  decodeEntry,
  entryHeaderBytes,
  firstIdHashAt,
  tagHashAt,
} from './entry-format.ts';
import { removeSegment } from './key-file.ts';
import { type OpenSegments, openSegments } from './open-segments.ts';
import type {
  LogPartition,
  PartitionStats,
  PlacedEntry,
  PlacedRequest,
  ScannedEntry,
} from './partition.ts';
import { recoverTail, type TrustedEntry } from './recovery.ts';
import { pushRow } from './row-scan.ts';
import { Segment } from './segment.ts';
import { type Cleaning, cleanSegments } from './segment-cleaner.ts';
import { segmentHeaderBytes } from './segment-format.ts';
import { indexSegment } from './segment-keys.ts';
import { SegmentList } from './segment-list.ts';
import { SegmentWriter, type SegmentWriterOptions } from './segment-writer.ts';
import { Slab } from './slab.ts';

export interface PartitionOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly directory: string;
  readonly partition: number;
  readonly serverId: string;
  readonly segmentBytes?: number;
  readonly strideBytes?: number;
  /** Appends are refused while less is free; limits.diskReserveBytes when absent. */
  readonly diskReserveBytes?: number | undefined;
  /** The last entry that is known to have been durable; recovery reads from there on. */
  readonly trusted?: TrustedEntry;
  /** Names under which messages can be found; without it sealed segments get no key files. */
  readonly namesOf?: NamesOf;
}

/** Takes the entry at `at` of a piece of a segment; returns its length. */
type TakeEntry = (bytes: Buffer, view: DataView, at: number, position: number) => number;

const slabBytesMin = 64 * 1024;
/** A new slab is made as large as the last one was, up to this. */
const slabBytesHintMax = 4 * 1024 * 1024;
/** Newest group commits kept in memory for tail reads. */
const recentCommits = 16;
const recentBytesMax = 32 * 1024 * 1024;
/** Accepted but not yet written: above this, the disk cannot keep up and appends are refused. */
const pendingBytesMax = 256 * 1024 * 1024;
const spaceCheckIntervalMs = 1000;
const scanBytes = 4 * 1024 * 1024;
/** Read of an entry whose length is not known. */
const readGuessBytes = 4096;

/** Opens or creates the partition; recovers its tail before it returns. */
export async function openPartition(options: PartitionOptions): Promise<LogPartition> {
  const { fs, directory, serverId, partition } = options;
  await fs.makeDirectory(directory);
  const opened = await openSegments(fs, directory, serverId, partition);
  try {
    const log = new FilePartition(options, opened.segments);
    await log.recover(opened);
    return log;
  } catch (error) {
    for (const { file } of opened.segments) await file.close();
    throw error;
  }
}

/**
 * Group commit (DESIGN section 4): appends fill one slab while the other is written and synced;
 * commit n+1 is written only after commit n was synced. An append's position is its place in the
 * stream, given at once; its promise resolves after fdatasync.
 *
 * When a commit fails, so does everything placed after it: the positions are taken back, and the
 * next commit opens a new segment at the last durable position. A failed fdatasync is never
 * retried on the same file. The appends are rejected once what the commit left behind lies outside
 * every segment's range or is cut off; where neither can be done, the error says so.
 */
class FilePartition implements LogPartition {
  readonly number: number;
  readonly #counts = {
    ...{ appends: 0, appendedBytes: 0, groupCommits: 0 },
    ...{ failedCommits: 0, refusedAppends: 0 },
  };
  readonly #commitEntries = new Histogram();
  readonly #syncMs = new Histogram();
  readonly #options: PartitionOptions;
  readonly #segmentOptions: SegmentWriterOptions;
  readonly #segments: SegmentList;
  readonly #listeners: ((durableEnd: number) => void)[] = [];
  readonly #abandonListeners: (() => void)[] = [];
  /** Writers of segments that take no more writes, and may still be at their zeros. */
  #retired: readonly SegmentWriter[] = [];
  #recent: { readonly start: number; readonly bytes: Buffer }[] = [];
  #recentBytes = 0;
  #writer: SegmentWriter | undefined;
  #writerSinceMs = 0;
  #nextSequence = 1;
  #durableEnd = 0;
  #filling!: Slab;
  #flushing: Promise<void> | undefined;
  /** Who waits for a new segment to begin. */
  #rolls: (() => void)[] = [];
  /** Ends the wait for the flush interval. */
  #hurry: (() => void) | undefined;
  #closed = false;
  #spaceCheckedMs = Number.NEGATIVE_INFINITY;
  #hasSpace = true;

  constructor(options: PartitionOptions, segments: readonly Segment[]) {
    this.number = options.partition;
    this.#options = options;
    const { fs, clock, namesOf } = options;
    this.#segments = new SegmentList(segments, {
      clock,
      writerIdle: async ({ file }) => {
        await this.#retired.find((writer) => writer.file === file)?.idle();
      },
      index: async (segment, pause) => {
        if (namesOf !== undefined) await indexSegment(fs, segment, namesOf, pause);
      },
    });
    this.#segmentOptions = {
      clock,
      syncMs: this.#syncMs,
      strideBytes: options.strideBytes ?? limits.preallocateStrideBytes,
      segmentBytes: options.segmentBytes ?? limits.segmentBytes,
    };
  }

  async recover({ segments, syncedEnd }: OpenSegments): Promise<void> {
    const last = segments.at(-1);
    if (last === undefined) {
      if (syncedEnd > 0) throw this.#lost(0, syncedEnd);
      this.#filling = new Slab(1, 0, slabBytesMin);
    } else {
      await this.#recoverTail(last, syncedEnd);
    }
    await this.#checkSpace();
  }

  maintain(): void {
    this.#segments.maintain();
  }

  async #recoverTail(segment: Segment, syncedEnd: number): Promise<void> {
    const { header, file } = segment;
    const tail = await recoverTail(file, header, this.#options.trusted);
    // The index had the trusted entry, so it was durable once; nothing is cut below its end.
    const knownEnd = Math.max(syncedEnd, this.#options.trusted?.end ?? 0);
    if (tail.end < knownEnd) throw this.#lost(tail.end, knownEnd);
    if (tail.isAllChecked) segment.wasChecked();
    const written = segmentHeaderBytes + tail.end - header.start;
    // What was cut must not come back after the next crash: zero it, durably, before serving.
    // What was kept may be in the page cache only, when the process and not the machine died.
    await zeroFill(file, written, tail.tornBytes);
    await file.fdatasync();
    const size = await file.size();
    this.#writer = new SegmentWriter(file, header, written, size, this.#segmentOptions);
    this.#writerSinceMs = this.#options.clock.monotonicMs();
    this.#nextSequence = header.sequence + 1;
    this.#durableEnd = tail.end;
    this.#filling = new Slab(tail.commit + 1, tail.end, slabBytesMin);
  }

  #lost(end: number, syncedEnd: number): MillraceError {
    return new MillraceError(
      'CORRUPTION',
      `the log ${this.#options.directory} ends at position ${end}, but was synced up to ` +
        `${syncedEnd}. Nothing was changed`,
    );
  }

  get stats(): PartitionStats {
    const { all } = this.#segments;
    const finished = all.reduce((total, { entryBytes }) => total + entryBytes, 0);
    return {
      ...this.#counts,
      commitEntries: this.#commitEntries.snapshot(),
      syncMs: this.#syncMs.snapshot(),
      pendingBytes: this.#filling.end - this.#durableEnd,
      segments: all.length,
      logBytes: finished + this.#durableEnd - (all.at(-1)?.start ?? this.#durableEnd),
      isFull: !this.#hasSpace,
    };
  }

  get #reserveBytes(): number {
    return this.#options.diskReserveBytes ?? limits.diskReserveBytes;
  }

  get durableEnd(): number {
    return this.#durableEnd;
  }

  get start(): number {
    return this.#segments.all[0]?.start ?? 0;
  }

  get isEmpty(): boolean {
    return this.#segments.all.length === 0;
  }

  async ensureSegment(): Promise<void> {
    if (!this.isEmpty) return;
    while (this.#flushing !== undefined) await this.#flushing;
    if (!this.isEmpty) return;
    const creating = this.#createSegment(this.#filling.commit).then((writer) => {
      this.#writer = writer;
    });
    // Appends that come meanwhile are flushed after it.
    const flush = () => this.#flushAll();
    this.#flushing = creating.then(flush, flush);
    await creating;
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
      this.#counts.refusedAppends++;
      this.#checkSpaceSometimes();
      throw new MillraceError(
        'DISK_FULL',
        `less than ${this.#reserveBytes} bytes are free for ${this.#options.directory}; ` +
          'publishing is refused, consuming goes on',
      );
    }
    if (this.#filling.end - this.#durableEnd > pendingBytesMax) {
      this.#counts.refusedAppends++;
      throw new MillraceError('RESOURCE_LIMIT', 'the disk cannot keep up with the appends');
    }
    const position = this.#filling.end;
    const { length, durable } = this.#filling.add(request);
    if (this.#filling.isAwaited) this.#hurry?.();
    this.#flushing ??= this.#flushAll();
    return { placed: { position, length }, durable };
  }

  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  segmentAt(position: number): Segment {
    return this.#segments.at(position);
  }

  get segmentBytes(): number {
    return this.#segmentOptions.segmentBytes;
  }

  get lastSegmentAgeMs(): number {
    if (this.#writer === undefined || this.#writer.isEmpty) return 0;
    return this.#options.clock.monotonicMs() - this.#writerSinceMs;
  }

  async read(position: number, length = readGuessBytes): Promise<Entry | undefined> {
    assert(position < this.#durableEnd, 'reads stop at the durable end');
    for (const { start, bytes } of this.#recent) {
      if (position >= start && position < start + bytes.length) {
        return this.#checked(bytes, position - start, position);
      }
    }
    const segment = this.#segments.at(position);
    const offset = segment.map.offsetOf(position);
    if (offset === undefined) return undefined;
    return segment.pinned(async () => {
      const bytes = await segment.read(offset, length);
      const claimed = claimedLength(bytes, 0);
      const isWhole = claimed <= bytes.length;
      return this.#checked(isWhole ? bytes : await segment.read(offset, claimed), 0, position);
    });
  }

  async scan(
    from: number,
    visit: (entry: ScannedEntry) => void,
    until = this.#durableEnd,
  ): Promise<number> {
    return this.#scan(from, until, () => (bytes, _view, at, position) => {
      const entry = this.#checked(bytes, at, position);
      const tagHash = bytes.readUInt32LE(at + tagHashAt);
      visit({ ...entry, tagHash, firstIdHash: bytes.readUInt32LE(at + firstIdHashAt) });
      return entry.length;
    });
  }

  scanRows(from: number, rows: PendingRows, until = this.#durableEnd): Promise<number> {
    return this.#scan(from, until, async (segment) => {
      const isVerified = await segment.isIntact();
      const partition = this.number;
      return (bytes, view, at, position) => {
        const length = pushRow(rows, bytes, view, at, { partition, position, isVerified });
        if (length === 0) throw this.#damaged(position);
        return length;
      };
    });
  }

  async #scan(
    from: number,
    until: number,
    takerFor: (segment: Segment) => Promise<TakeEntry> | TakeEntry,
  ): Promise<number> {
    const stop = Math.min(until, this.#durableEnd);
    let position = Math.max(from, this.start);
    while (position < stop) {
      const segment = this.#segments.at(position);
      // Cleaning may put another in its place meanwhile: what was begun here ends here.
      position = await segment.pinned(async () => {
        const take = await takerFor(segment);
        let next = position;
        while (next < Math.min(stop, segment.end)) {
          next = await this.#scanPiece(segment, next, stop, take);
        }
        return next;
      });
    }
    return position;
  }

  async roll(): Promise<void> {
    if (this.#closed) return;
    // Appends that arrive meanwhile wait as if for a commit.
    const rolled = new Promise<void>((resolve) => this.#rolls.push(resolve));
    this.#flushing ??= this.#flushAll();
    await rolled;
    await this.#segments.exclusive(async () => undefined);
  }

  clean(segments: readonly Segment[], cleaning: Cleaning): Promise<Segment> {
    return this.#segments.exclusive(async () => {
      const { fs, directory } = this.#options;
      const { pause } = this.#segments;
      const cleaned = await cleanSegments(segments, cleaning, { fs, directory, pause });
      this.#segments.replace(segments, cleaned.segment);
      this.#forget(cleaned.segment.end);
      this.#retired = this.#retired.filter(({ file }) =>
        segments.every((one) => one.file !== file),
      );
      for (const segment of segments) await segment.release();
      this.#segments.maintain();
      for (const path of cleaned.leftovers) await removeSegment(fs, path);
      if (cleaned.leftovers.length > 0) await fs.syncDirectory(directory);
      return cleaned.segment;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hurry?.();
    await this.#flushing;
    await this.#segments.close();
    await this.#writer?.idle();
    for (const writer of this.#retired) await writer.idle();
    for (const segment of this.#segments.all) await segment.release();
  }

  /** Visits what one read brings, at least one entry; returns the position after it. */
  async #scanPiece(
    segment: Segment,
    position: number,
    stop: number,
    take: TakeEntry,
  ): Promise<number> {
    const { map, start, end } = segment;
    const from = map.offsetFrom(position);
    const until = Math.min(map.endOffset, segmentHeaderBytes + this.#durableEnd - start);
    if (from >= until) {
      assert(end > position, 'a scan moves on');
      return end;
    }
    let bytes = await segment.read(from, Math.min(scanBytes, until - from));
    const claimed = claimedLength(bytes, 0);
    if (claimed > bytes.length) bytes = await segment.read(from, claimed);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    let next = position;
    do {
      const entryPosition = map.positionOf(from + at);
      const length = take(bytes, view, at, entryPosition);
      at += length;
      next = entryPosition + length;
    } while (next < stop && isWhole(bytes, at));
    return from + at < until ? next : Math.min(end, Math.max(next, this.#durableEnd));
  }

  #checked(bytes: Buffer, at: number, position: number): Entry {
    const entry = decodeEntry(bytes, at, this.number, position);
    if (entry === undefined) throw this.#damaged(position);
    return entry;
  }

  #damaged(position: number): MillraceError {
    return new MillraceError(
      'CORRUPTION',
      `the entry at position ${position} of partition ${this.number} fails its check ` +
        `(${this.#segments.at(position).file.path})`,
    );
  }

  /**
   * Requests that arrive together share a commit: those of one turn of the event loop's queue, or,
   * while nobody waits for them, of the flush interval.
   */
  async #gather(): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => clock.soon(resolve));
    if (this.#filling.isAwaited || this.#closed || this.#filling.entryCount === 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.after(limits.flushIntervalMs, resolve);
      this.#hurry = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  async #flushAll(): Promise<void> {
    await this.#gather();
    await this.#rollIfAsked();
    while (this.#filling.entryCount > 0) {
      const slab = this.#filling;
      const sizeHint = Math.min(Math.max(slabBytesMin, slab.length), slabBytesHintMax);
      this.#filling = new Slab(slab.commit + 1, slab.end, sizeHint);
      let writer: SegmentWriter | undefined;
      try {
        writer = await this.#writerFor(slab);
        await writer.commit(slab.bytes, slab.start);
      } catch (error) {
        await this.#abandon(slab, writer, error);
        continue;
      }
      this.#onSynced(slab);
      if (!this.#filling.isAwaited) await this.#gather();
      await this.#rollIfAsked();
    }
    this.#flushing = undefined;
  }

  #onSynced(slab: Slab): void {
    this.#durableEnd = slab.end;
    this.#counts.groupCommits++;
    this.#counts.appends += slab.entryCount;
    this.#counts.appendedBytes += slab.length;
    this.#commitEntries.record(slab.entryCount);
    this.#remember(slab);
    for (const listener of this.#listeners) listener(this.#durableEnd);
    slab.resolve();
    this.#writer?.prepareAhead();
    this.#checkSpaceSometimes();
  }

  /** Fails the commit and all that was placed after it; the next one starts a new segment. */
  async #abandon(slab: Slab, writer: SegmentWriter | undefined, error: unknown): Promise<void> {
    const later = this.#filling;
    this.#counts.failedCommits++;
    this.#retire();
    this.#filling = new Slab(later.commit + 1, this.#durableEnd, slabBytesMin);
    if (error instanceof MillraceError && error.code === 'DISK_FULL') {
      this.#hasSpace = false;
      this.#spaceCheckedMs = this.#options.clock.monotonicMs();
    }
    for (const listener of this.#abandonListeners) listener();
    const isGone = writer === undefined || (await this.#startSegment()) || (await writer.cutBack());
    slab.reject(isGone ? error : fateUnknown(error));
    later.reject(error);
  }

  /** Tries to put a new segment in place of what a failed commit left; the next append may too. */
  async #startSegment(): Promise<boolean> {
    try {
      this.#writer = await this.#createSegment(this.#filling.commit);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Ends the segment that takes writes. It takes none from here on, also when no other can be made:
   * a file that was begun may come back after a crash, and then cuts off what follows its start.
   */
  async #startNext(): Promise<void> {
    this.#retire();
    await this.#startSegment();
  }

  /** Between two commits; those who asked for a new segment wait for it. */
  async #rollIfAsked(): Promise<void> {
    const rolls = this.#rolls;
    if (rolls.length === 0) return;
    this.#rolls = [];
    if (this.#writer?.isEmpty === false) await this.#startNext();
    for (const resolve of rolls) resolve();
  }

  #retire(): void {
    if (this.#writer !== undefined) this.#retired = [...this.#retired, this.#writer];
    this.#writer = undefined;
  }

  async #writerFor(slab: Slab): Promise<SegmentWriter> {
    if (this.#writer?.hasRoom(slab.length) === true) return this.#writer;
    this.#retire();
    const writer = await this.#createSegment(slab.commit);
    this.#writer = writer;
    return writer;
  }

  async #createSegment(firstCommit: number): Promise<SegmentWriter> {
    const header = {
      sequence: this.#nextSequence++,
      generation: 0,
      firstCommit,
      start: this.#durableEnd,
      partition: this.number,
      serverId: this.#options.serverId,
    };
    const { fs, directory } = this.#options;
    const writer = await SegmentWriter.create(fs, directory, header, this.#segmentOptions);
    this.#writerSinceMs = this.#options.clock.monotonicMs();
    this.#segments.add(new Segment(header, writer.file));
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

  /** Group commits that begin below the position are read from the file from now on. */
  #forget(position: number): void {
    this.#recent = this.#recent.filter(({ start }) => start >= position);
    this.#recentBytes = this.#recent.reduce((sum, { bytes }) => sum + bytes.length, 0);
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
      this.#hasSpace = free >= this.#reserveBytes;
    } catch {
      // A file system that cannot tell must not stop publishing.
      this.#hasSpace = true;
    }
  }
}

/** Whether a whole entry, or something that is no entry at all, lies at `at`. */
function isWhole(bytes: Buffer, at: number): boolean {
  const length = Math.max(claimedLength(bytes, at), entryHeaderBytes);
  return bytes.length - at >= length;
}

function fateUnknown(error: unknown): MillraceError {
  const { message } = error as Error;
  return new MillraceError('IO', `${message}; the append may appear after a restart`, {
    cause: error,
  });
}

async function zeroFill(file: FileHandle, at: number, length: number): Promise<void> {
  const piece = new Uint8Array(Math.min(length, scanBytes));
  for (let done = 0; done < length; done += piece.length) {
    await file.write(piece.subarray(0, Math.min(piece.length, length - done)), at + done);
  }
}
