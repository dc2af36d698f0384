import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Fs } from '../../platform/fs.ts';
import { limits } from '../../platform/limits.ts';
import { Histogram } from '../histogram.ts';
import type { PendingRows } from '../queues/pending-rows.ts';
import type { Appended, AppendRequest, Entry, NamesOf } from '../store.ts';
import { FreeSpace } from './free-space.ts';
import { GroupCommits } from './group-commits.ts';
import { removeSegment } from './key-file.ts';
import type { LogPartition, PartitionStats, ScannedEntry } from './partition.ts';
import { PartitionReader } from './partition-reader.ts';
import { RecentCommits } from './recent-commits.ts';
import type { Segment } from './segment.ts';
import {
  type Cleaning,
  cleanSegments,
  openCleaned,
  type UnswappedSegment,
} from './segment-cleaner.ts';
import { indexSegment } from './segment-keys.ts';
import { SegmentList } from './segment-list.ts';
import type { Pause } from './segment-sealer.ts';
import type { SegmentWriterOptions } from './segment-writer.ts';
import { type FoundSegment, type TailPlace, TailSegment } from './tail-segment.ts';

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
  /** Names under which messages can be found; without it sealed segments get no key files. */
  readonly namesOf?: NamesOf;
  /** Rows of a key file that are sorted in memory (key-file-builder.ts). */
  readonly keyRowsInMemory?: number;
}

/** What a start found on the disk, and mended. */
export interface RecoveredLog {
  readonly segments: readonly Segment[];
  /** The last segment, which takes writes; `undefined` when there is none. */
  readonly last: FoundSegment | undefined;
  /** Where the first group commit will begin, and its number. */
  readonly first: TailPlace;
}

/** A partition in files: who writes, who reads, and the work on what was written. */
export class FilePartition implements LogPartition {
  readonly number: number;
  readonly segmentBytes: number;
  readonly #options: PartitionOptions;
  readonly #syncMs = new Histogram();
  readonly #segments: SegmentList;
  readonly #tail: TailSegment;
  readonly #space: FreeSpace;
  readonly #recent = new RecentCommits();
  readonly #commits: GroupCommits;
  readonly #reader: PartitionReader;
  #unswapped: UnswappedSegment | undefined;

  constructor(options: PartitionOptions, { segments, last, first }: RecoveredLog) {
    const { fs, clock, directory, partition } = options;
    this.#options = options;
    this.number = partition;
    this.segmentBytes = options.segmentBytes ?? limits.segmentBytes;
    this.#segments = this.#segmentList(segments);
    const writing = this.#writing();
    this.#tail = new TailSegment({ ...options, writing }, this.#segments, last);
    const reserveBytes = options.diskReserveBytes ?? limits.diskReserveBytes;
    this.#space = new FreeSpace(fs, clock, directory, reserveBytes);
    const [tail, space, recent] = [this.#tail, this.#space, this.#recent];
    this.#commits = new GroupCommits({ partition, clock, tail, space, recent, first });
    const durableEnd = () => this.#commits.durableEnd;
    this.#reader = new PartitionReader({ partition, segments: this.#segments, recent, durableEnd });
  }

  #segmentList(segments: readonly Segment[]): SegmentList {
    const { fs, clock, namesOf } = this.#options;
    return new SegmentList(segments, {
      clock,
      writerIdle: ({ file }) => this.#tail.idle(file),
      index: async (segment, pause) => {
        const rowsInMemory = this.#options.keyRowsInMemory;
        if (namesOf !== undefined)
          await indexSegment(segment, namesOf, { fs, pause, rowsInMemory });
      },
    });
  }

  #writing(): SegmentWriterOptions {
    const { clock, strideBytes = limits.preallocateStrideBytes } = this.#options;
    return { clock, strideBytes, segmentBytes: this.segmentBytes, syncMs: this.#syncMs };
  }

  /** Appends may come from here on: it is known whether there is space for them. */
  async ready(): Promise<this> {
    await this.#space.check();
    return this;
  }

  get stats(): PartitionStats {
    const { all } = this.#segments;
    const finished = all.reduce((total, { entryBytes }) => total + entryBytes, 0);
    return {
      ...this.#commits.stats,
      syncMs: this.#syncMs.snapshot(),
      segments: all.length,
      damagedSegments: all.filter(({ damage }) => damage !== undefined).length,
      logBytes: finished + this.durableEnd - (all.at(-1)?.start ?? this.durableEnd),
      isFull: !this.#space.isEnough,
    };
  }

  get durableEnd(): number {
    return this.#commits.durableEnd;
  }

  get start(): number {
    return this.#reader.start;
  }

  get isEmpty(): boolean {
    return this.segments.length === 0;
  }

  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  get pause(): Pause {
    return this.#segments.pause;
  }

  get lastSegmentAgeMs(): number {
    return this.#tail.ageMs;
  }

  segmentAt(position: number): Segment {
    return this.#segments.at(position);
  }

  ensureSegment(): Promise<void> {
    return this.#commits.ensureSegment(() => !this.isEmpty);
  }

  append(
    request: AppendRequest,
    baseOffset: number,
    storeTimeMs: number,
    mayWait = false,
  ): Appended {
    return this.#commits.append(request, baseOffset, storeTimeMs, mayWait);
  }

  durable<T>(value: T): Promise<T> {
    return this.#commits.durable(value);
  }

  onCommit(listener: (durableEnd: number) => void): void {
    this.#commits.onCommit(listener);
  }

  onAbandon(listener: () => void): void {
    this.#commits.onAbandon(listener);
  }

  read(position: number, length?: number): Promise<Entry | undefined> {
    return this.#reader.read(position, length);
  }

  scan(from: number, visit: (entry: ScannedEntry) => void, until?: number): Promise<number> {
    return this.#reader.scan(from, visit, until);
  }

  scanRows(from: number, rows: PendingRows, until?: number): Promise<number> {
    return this.#reader.scanRows(from, rows, until);
  }

  maintain(): void {
    this.#segments.maintain();
  }

  async roll(): Promise<void> {
    if (this.#commits.isClosed) return;
    await this.#commits.roll();
    await this.#segments.exclusive(async () => undefined);
  }

  clean(segments: readonly Segment[], cleaning: Cleaning): Promise<Segment> {
    return this.#segments.exclusive(async () => {
      await this.#swap();
      if (!this.#segments.holds(segments)) {
        throw new MillraceError('UNAVAILABLE', 'the segments were cleaned meanwhile');
      }
      this.#unswapped = await cleanSegments(segments, cleaning, this.#cleanerOptions());
      return (await this.#swap())!;
    });
  }

  async finishCleaning(): Promise<void> {
    await this.#segments.exclusive(() => this.#swap());
  }

  /** Puts the segment that was cleaned last, if any, in the place of the old ones. */
  async #swap(): Promise<Segment | undefined> {
    if (this.#unswapped === undefined) return undefined;
    const { old } = this.#unswapped;
    const segment = await openCleaned(this.#unswapped, this.#cleanerOptions());
    this.#unswapped = undefined;
    this.#segments.replace(old, segment);
    this.#recent.forget(segment.end);
    this.#tail.forget(old.map(({ file }) => file));
    for (const one of old) await one.release();
    this.#segments.maintain();
    // Should they come back after a crash, the next start knows them for what they are.
    for (const { file } of old.slice(1)) await removeSegment(this.#options.fs, file.path);
    return segment;
  }

  #cleanerOptions() {
    const { fs, directory } = this.#options;
    return { fs, directory, pause: this.#segments.pause };
  }

  async close(): Promise<void> {
    await this.#commits.close();
    await this.#segments.close();
    await this.#tail.allIdle();
    for (const segment of this.#segments.all) await segment.release();
  }
}
