import type { Clock } from '../../platform/clock.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { SegmentWriter, type SegmentWriterOptions } from './segment-writer.ts';

export interface TailSegmentOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly directory: string;
  readonly partition: number;
  readonly serverId: string;
  readonly writing: SegmentWriterOptions;
}

/** The last segment as a start found it: the file is `size` bytes long, `written` of them count. */
export interface FoundSegment {
  readonly segment: Segment;
  readonly written: number;
  readonly size: number;
}

/** Where the next segment would begin. */
export interface TailPlace {
  /** Number of its first group commit. */
  readonly commit: number;
  /** Position in the stream: everything below is durable. */
  readonly start: number;
}

/**
 * The segment that takes writes, and how another takes its place. Once it is retired it takes none
 * any more, also when no other can be made: a file that was begun may come back after a crash, and
 * then cuts off what follows its start.
 */
export class TailSegment {
  readonly #options: TailSegmentOptions;
  readonly #segments: SegmentList;
  /** Writers of segments that take no more writes, and may still be at their zeros. */
  #retired: readonly SegmentWriter[] = [];
  #writer: SegmentWriter | undefined;
  #writerSinceMs: number;
  #nextSequence = 1;

  constructor(options: TailSegmentOptions, segments: SegmentList, found?: FoundSegment) {
    this.#options = options;
    this.#segments = segments;
    this.#writerSinceMs = options.clock.monotonicMs();
    if (found === undefined) return;
    const { header, file } = found.segment;
    this.#writer = new SegmentWriter(file, header, found.written, found.size, options.writing);
    this.#nextSequence = header.sequence + 1;
  }

  /** How long the segment has taken writes since the server started; 0 while it is empty. */
  get ageMs(): number {
    if (this.#writer === undefined || this.#writer.isEmpty) return 0;
    return this.#options.clock.monotonicMs() - this.#writerSinceMs;
  }

  /** Nothing was written to the segment, or there is none. */
  get isEmpty(): boolean {
    return this.#writer?.isEmpty !== false;
  }

  /** The writer for so many bytes; `undefined` when a new segment must be made for them. */
  writerWithRoom(bytes: number): SegmentWriter | undefined {
    return this.#writer?.hasRoom(bytes) === true ? this.#writer : undefined;
  }

  /**
   * Puts a new segment in place of the old one. Throws IO, DISK_FULL; then there is none, and the
   * next commit tries again.
   */
  async create({ commit, start }: TailPlace): Promise<SegmentWriter> {
    this.retire();
    const { fs, clock, directory, partition, serverId, writing } = this.#options;
    const sequence = this.#nextSequence++;
    const header = { sequence, generation: 0, firstCommit: commit, start, partition, serverId };
    const writer = await SegmentWriter.create(fs, directory, header, writing);
    this.#writerSinceMs = clock.monotonicMs();
    this.#segments.add(new Segment(header, writer.file));
    this.#writer = writer;
    return writer;
  }

  /** A commit that begins at the position of the stream is durable in the segment. */
  mark(position: number): void {
    this.#segments.at(position).mark(position);
  }

  retire(): void {
    if (this.#writer !== undefined) this.#retired = [...this.#retired, this.#writer];
    this.#writer = undefined;
  }

  /** Writes zeros ahead in the background, if it is time. */
  prepareAhead(): void {
    this.#writer?.prepareAhead();
  }

  /** Resolves when nobody writes zeros to the file of a retired segment any more. */
  async idle(file: FileHandle): Promise<void> {
    await this.#retired.find((writer) => writer.file === file)?.idle();
  }

  /** The files of retired segments are closed, or will be. */
  forget(files: readonly FileHandle[]): void {
    this.#retired = this.#retired.filter(({ file }) => !files.includes(file));
  }

  /** Resolves when nobody writes zeros any more. */
  async allIdle(): Promise<void> {
    await this.#writer?.idle();
    for (const writer of this.#retired) await writer.idle();
  }
}
