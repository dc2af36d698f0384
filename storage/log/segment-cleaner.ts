import { crc32 } from 'node:zlib';
import { assert } from '../../platform/assert.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { Entry } from '../store.ts';
import { type EntryHeader, entryOf, withBody } from './entry-format.ts';
import { PositionMap } from './position-map.ts';
import { QueueTable } from './queue-table.ts';
import { RowTurns } from './row-turns.ts';
import { readFooter, Segment } from './segment.ts';
import { encodeSegmentTail } from './segment-footer.ts';
import {
  draftSuffix,
  encodeSegmentHeader,
  type SegmentHeader,
  segmentFileName,
} from './segment-format.ts';
import { type Pause, readEntries } from './segment-sealer.ts';

/**
 * Writes sealed segments anew without the entries that nobody needs: expired ones, superseded
 * ones, those of dropped topics. Neighbours can be made into one file. What is kept keeps its
 * position, its offset, its group-commit number; a body may lose messages of a batch.
 *
 * The swap: the new file is written beside the first one's name, synced, and renamed over it; the
 * directory is synced; then the other files are removed. Whatever happens in between, at the next
 * start the partition has either the old files or the new one: a draft counts for nothing, and a
 * file whose range lies within that of a cleaned one is what an interrupted removal left
 * (open-segments.ts). So once the new file has its name, no other one may come to hold a part of
 * what it holds: the swap is finished before anything else is cleaned, however often that fails.
 */
export interface Cleaning {
  /**
   * What becomes of an entry: `undefined` drops it, its own body keeps it, a shorter body replaces
   * it. Asked once per entry, in the order of the log.
   */
  choose(entry: Entry): Choice | Promise<Choice>;
  /** Offset below which everything of the queue has expired; 0 when nothing has. */
  expiredOffset(topicId: number, queueId: number): number;
  /** Offset below which the queue is compacted; 0 when nothing is. */
  compactedOffset(topicId: number, queueId: number): number;
  /**
   * Whether the queue's offsets need not be remembered: its topic was dropped, and all that was ever
   * in it is in these segments. Else a lost index could not be built from what is left of it.
   */
  isForgotten(topicId: number, queueId: number): boolean;
}

type Choice = Uint8Array | undefined;

export interface CleanerOptions {
  readonly fs: Fs;
  readonly directory: string;
  readonly pause: Pause;
}

const flushBytes = 1024 * 1024;

/** A cleaned segment that has its name on the disk; the partition reads the old ones still. */
export interface UnswappedSegment {
  readonly old: readonly Segment[];
  readonly header: SegmentHeader;
  readonly map: PositionMap;
  readonly path: string;
}

/**
 * Writes the segment, sealed and synced, and gives it its name.
 *
 * Throws CORRUPTION, IO, DISK_FULL, and what `pause` throws. Then the disk is as it was, and the
 * old segments, which are open, can be read on and cleaned again.
 */
export async function cleanSegments(
  old: readonly Segment[],
  cleaning: Cleaning,
  { fs, directory, pause }: CleanerOptions,
): Promise<UnswappedSegment> {
  const first = old[0]!.header;
  const generation = 1 + Math.max(...old.map(({ header }) => header.generation));
  const header = { ...first, generation };
  const path = `${directory}/${segmentFileName(header)}`;
  const draft = path + draftSuffix;
  if (await fs.exists(draft)) await fs.unlink(draft);
  const file = await fs.open(draft, 'create');
  const turns = new RowTurns(pause);
  try {
    const output = new Output(file, encodeSegmentHeader(header));
    for (const segment of old) await copyKept(segment, cleaning, output, pause, turns);
    const { end, footer } = old.at(-1)!;
    assert(footer !== undefined, 'only sealed segments are cleaned');
    const content = { header, end, lastCommit: footer.lastCommit, ...(await output.finish(turns)) };
    const { map } = content;
    await file.write(await encodeSegmentTail(content, turns), map.endOffset);
    await file.fdatasync();
    await fs.rename(draft, path);
    return { old, header, map, path };
  } catch (error) {
    if (await fs.exists(draft)) await fs.unlink(draft).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Makes the new file durable under its name, and opens it. Throws IO; can be done again. */
export async function openCleaned(
  { header, map, path }: UnswappedSegment,
  { fs, directory }: CleanerOptions,
): Promise<Segment> {
  await fs.syncDirectory(directory);
  const file = await fs.open(path, 'read');
  try {
    const segment = new Segment(header, file);
    segment.sealed((await readFooter(file, header))!, map);
    return segment;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function copyKept(
  segment: Segment,
  cleaning: Cleaning,
  output: Output,
  pause: Pause,
  turns: RowTurns,
): Promise<void> {
  for (const row of await segment.queues(turns)) {
    const waiting = turns.after(1);
    if (waiting !== undefined) await waiting;
    const { topicId, queueId, firstOffset, endOffset } = row;
    if (cleaning.isForgotten(topicId, queueId)) continue;
    const expired = Math.min(cleaning.expiredOffset(topicId, queueId), endOffset);
    const compacted = Math.min(cleaning.compactedOffset(topicId, queueId), endOffset);
    const expiredOffset = Math.max(expired, row.expiredOffset);
    const compactedOffset = Math.max(compacted, row.compactedOffset);
    const offsets = { firstOffset, endOffset, expiredOffset, compactedOffset };
    output.queues.cover({ topicId, queueId, ...offsets });
  }
  const { partition } = segment.header;
  const pauseAndWrite = async () => {
    await output.flush();
    await pause();
  };
  await readEntries(segment, pauseAndWrite, (header, bytes, at, position) => {
    const entry = entryOf(header, bytes, at, partition, position);
    const keep = (body: Choice) => {
      if (body === undefined) return;
      const whole = bytes.subarray(at, at + header.length);
      const isSame = body.length === entry.body.length;
      output.keep(position, header, isSame ? whole : withBody(whole, body));
    };
    const choice = cleaning.choose(entry);
    return choice instanceof Promise ? choice.then(keep) : keep(choice);
  });
}

/** The entries of the new file on their way to the disk. */
export class Output {
  readonly queues = new QueueTable();
  readonly #file: FileHandle;
  readonly #runs: number[] = [];
  #waiting: Buffer[];
  #waitingBytes: number;
  #writtenEnd = 0;
  #crc = 0;
  /** Position at which the next entry continues the last run. */
  #runEnd = -1;

  constructor(file: FileHandle, header: Buffer) {
    this.#file = file;
    this.#waiting = [header];
    this.#waitingBytes = header.length;
  }

  keep(position: number, header: EntryHeader, bytes: Buffer): void {
    if (position !== this.#runEnd) this.#runs.push(position, this.#writtenEnd + this.#waitingBytes);
    this.#runEnd = position + bytes.length;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.queues.add({ ...header, length: bytes.length });
  }

  /** Writes what waits, if it is enough. */
  async flush(least = flushBytes): Promise<void> {
    if (this.#waitingBytes < least) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#crc = crc32(bytes, this.#crc);
    await this.#file.write(bytes, this.#writtenEnd);
    this.#writtenEnd += bytes.length;
  }

  async finish(turns: RowTurns) {
    await this.flush(1);
    return {
      map: new PositionMap(Float64Array.from(this.#runs), this.#writtenEnd),
      queues: await this.queues.rows(turns),
      entriesCrc: this.#crc >>> 0,
    };
  }
}
