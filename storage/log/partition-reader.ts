import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { PendingRows } from '../queues/pending-rows.ts';
import type { Entry } from '../store.ts';
import {
  claimedLength,
  decodeEntry,
  entryHeaderBytes,
  firstIdHashAt,
  tagHashAt,
} from './entry-format.ts';
import type { ScannedEntry } from './partition.ts';
import { ReadAhead } from './read-ahead.ts';
import type { RecentCommits } from './recent-commits.ts';
import { pushRow } from './row-scan.ts';
import type { Segment } from './segment.ts';
import { segmentHeaderBytes } from './segment-format.ts';
import type { SegmentList } from './segment-list.ts';

const scanBytes = 4 * 1024 * 1024;
/** Read of an entry whose length is not known. */
const readGuessBytes = 4096;

export interface ReaderParts {
  readonly partition: number;
  readonly segments: SegmentList;
  readonly recent: RecentCommits;
  readonly durableEnd: () => number;
}

/** Takes the entry at `at` of a piece of a segment; returns its length. */
type TakeEntry = (bytes: Buffer, view: DataView, at: number, position: number) => number;

/** Reads of one partition: one entry, or many in a row. Contracts: LogPartition. */
export class PartitionReader {
  readonly #parts: ReaderParts;
  readonly #ahead = new ReadAhead();

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** Position of the first entry on disk. */
  get start(): number {
    return this.#parts.segments.all[0]?.start ?? 0;
  }

  async read(position: number, length = readGuessBytes): Promise<Entry | undefined> {
    const { segments, recent, durableEnd } = this.#parts;
    assert(position < durableEnd(), 'reads stop at the durable end');
    const inMemory = recent.find(position);
    if (inMemory !== undefined) return this.#checked(inMemory.bytes, inMemory.at, position);
    const segment = segments.at(position);
    const offset = segment.map.offsetOf(position);
    if (offset === undefined) return undefined;
    return segment.pinned(async () => {
      const until = Math.min(
        segment.map.endOffset,
        segmentHeaderBytes + durableEnd() - segment.start,
      );
      const bytes = await this.#ahead.read(segment, offset, length, until);
      const claimed = claimedLength(bytes, 0);
      const isWhole = claimed <= bytes.length;
      return this.#checked(isWhole ? bytes : await segment.read(offset, claimed), 0, position);
    });
  }

  scan(from: number, visit: (entry: ScannedEntry) => void, until?: number): Promise<number> {
    return this.#scan(from, until, () => (bytes, _view, at, position) => {
      const entry = this.#checked(bytes, at, position);
      const tagHash = bytes.readUInt32LE(at + tagHashAt);
      visit({ ...entry, tagHash, firstIdHash: bytes.readUInt32LE(at + firstIdHashAt) });
      return entry.length;
    });
  }

  scanRows(from: number, rows: PendingRows, until?: number): Promise<number> {
    const { partition } = this.#parts;
    return this.#scan(from, until, async (segment) => {
      const isVerified = await segment.isIntact();
      return (bytes, view, at, position) => {
        const length = pushRow(rows, bytes, view, at, { partition, position, isVerified });
        if (length === 0) throw this.#damaged(position);
        return length;
      };
    });
  }

  async #scan(
    from: number,
    until: number | undefined,
    takerFor: (segment: Segment) => Promise<TakeEntry> | TakeEntry,
  ): Promise<number> {
    const { segments, durableEnd } = this.#parts;
    const stop = Math.min(until ?? Infinity, durableEnd());
    let position = Math.max(from, this.start);
    while (position < stop) {
      const segment = segments.at(position);
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

  /** Visits what one read brings, at least one entry; returns the position after it. */
  async #scanPiece(
    segment: Segment,
    position: number,
    stop: number,
    take: TakeEntry,
  ): Promise<number> {
    const { map, start, end } = segment;
    const durableEnd = this.#parts.durableEnd();
    const from = map.offsetFrom(position);
    const until = Math.min(map.endOffset, segmentHeaderBytes + durableEnd - start);
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
    return from + at < until ? next : Math.min(end, Math.max(next, durableEnd));
  }

  #checked(bytes: Buffer, at: number, position: number): Entry {
    const entry = decodeEntry(bytes, at, this.#parts.partition, position);
    if (entry === undefined) throw this.#damaged(position);
    return entry;
  }

  #damaged(position: number): MillraceError {
    const { partition, segments } = this.#parts;
    return new MillraceError(
      'CORRUPTION',
      `the entry at position ${position} of partition ${partition} fails its check ` +
        `(${segments.at(position).file.path})`,
    );
  }
}

/** Whether a whole entry, or something that is no entry at all, lies at `at`. */
function isWhole(bytes: Buffer, at: number): boolean {
  const length = Math.max(claimedLength(bytes, at), entryHeaderBytes);
  return bytes.length - at >= length;
}
