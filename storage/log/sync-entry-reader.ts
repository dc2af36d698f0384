import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { Entry } from '../store.ts';
import { areIntact, decodeEntry, uncheckedEntry } from './entry-format.ts';
import { PositionMap } from './position-map.ts';
import { decodeRuns, decodeSegmentFooter, segmentFooterBytes } from './segment-footer.ts';
import {
  decodeSegmentHeader,
  parseSegmentFileName,
  type SegmentName,
  segmentHeaderBytes,
} from './segment-format.ts';

interface Segment extends SegmentName {
  readonly path: string;
  /** Where the next segment starts. */
  readonly end: number;
}

interface OpenSegment {
  /** Where the next segment started when the file was opened. */
  readonly end: number;
  readonly file: FileHandle;
  readonly map: PositionMap;
}

/**
 * Reads durable entries of one partition on another thread than its writer's: blocking reads of
 * the segment files, which the page cache serves. Finds segments by their names. A segment that
 * was cleaned meanwhile is read on in the file as it was, until `refresh`.
 */
export class SyncEntryReader {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #partition: number;
  #segments: readonly Segment[] = [];
  readonly #open = new Map<string, OpenSegment>();

  constructor(fs: Fs, directory: string, partition: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#partition = partition;
  }

  /**
   * The entries of [position, end) that are still there; the range begins and ends at entry
   * boundaries below the durable end and may run over several segments. Bodies from one segment
   * share one new buffer. Throws CORRUPTION, IO.
   */
  readRange(position: number, end: number): readonly Entry[] {
    const entries: Entry[] = [];
    for (let at = position; at < end; ) {
      const segment = this.#segmentOf(at);
      const until = Math.min(end, segment.end);
      this.#readPart(this.#open.get(segment.path)!, at, until, entries);
      at = until;
    }
    return entries;
  }

  /** Segments were replaced: lets go of their old files. */
  async refresh(): Promise<void> {
    this.#segments = [];
    await this.close();
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { file } of open) await file.close();
  }

  #readPart({ file, map }: OpenSegment, position: number, end: number, entries: Entry[]): void {
    const from = map.offsetFrom(position);
    const length = map.offsetFrom(end) - from;
    const buffer = Buffer.allocUnsafeSlow(length);
    const bytes = buffer.subarray(0, readFully(file, buffer, from));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isChecked = bytes.length === length && areIntact(bytes, view);
    for (let local = 0; local < length; ) {
      const at = map.positionOf(from + local);
      const entry = isChecked
        ? uncheckedEntry(bytes, view, local, this.#partition, at)
        : decodeEntry(bytes, local, this.#partition, at);
      if (entry === undefined) {
        throw new MillraceError(
          'CORRUPTION',
          `the entry at position ${at} fails its check (${file.path})`,
        );
      }
      entries.push(entry);
      local += entry.length;
    }
  }

  /** A segment whose file is there, or was when it was opened. */
  #segmentOf(position: number): Segment {
    const segment = this.#listed(position);
    if (this.#open.has(segment.path)) return segment;
    try {
      this.#open.set(segment.path, openSegment(this.#fs, segment));
      return segment;
    } catch (error) {
      // Cleaning may have made one file of several since they were listed.
      if (!(error instanceof MillraceError && error.code === 'NOT_FOUND')) throw error;
      this.#list();
      const again = this.#listed(position);
      if (!this.#open.has(again.path)) this.#open.set(again.path, openSegment(this.#fs, again));
      return again;
    }
  }

  #listed(position: number): Segment {
    let found = this.#find(position);
    // A position in the newest known segment may belong to one created since.
    if (found === undefined || found === this.#segments.at(-1)) {
      this.#list();
      found = this.#find(position);
    }
    if (found === undefined) {
      throw new MillraceError('CORRUPTION', `no segment of ${this.#directory} holds ${position}`);
    }
    return found;
  }

  #list(): void {
    const names = this.#fs.listSync(this.#directory).flatMap((name) => {
      const parsed = parseSegmentFileName(name);
      return parsed === undefined ? [] : [{ ...parsed, path: `${this.#directory}/${name}` }];
    });
    this.#segments = names.map((name, i) => ({ ...name, end: names[i + 1]?.start ?? Infinity }));
    // A file that now covers another range is another file.
    const ends = new Map(this.#segments.map(({ path, end }) => [path, end]));
    for (const [path, { file, end }] of this.#open) {
      if (ends.get(path) === end) continue;
      this.#open.delete(path);
      file.close().catch(() => undefined);
    }
  }

  /** The last segment, by sequence, that begins at or before the position. */
  #find(position: number): Segment | undefined {
    return this.#segments.findLast(({ start }) => start <= position);
  }
}

function openSegment(fs: Fs, { path, start, end }: Segment): OpenSegment {
  const file = fs.openSync(path, 'read');
  const bytes = Buffer.alloc(segmentHeaderBytes);
  const header = decodeSegmentHeader(bytes.subarray(0, readFully(file, bytes, 0)), path);
  if (header?.generation === 0) return { end, file, map: PositionMap.whole(start) };
  const size = file.sizeSync();
  const last = Buffer.alloc(Math.min(size, segmentFooterBytes));
  readFully(file, last, size - last.length);
  const footer = header && decodeSegmentFooter(last, header, size);
  if (footer !== undefined) {
    const tables = Buffer.alloc(size - segmentFooterBytes - footer.entriesEnd);
    readFully(file, tables, footer.entriesEnd);
    const map = decodeRuns(tables, footer);
    if (map !== undefined) return { end, file, map };
  }
  throw new MillraceError('CORRUPTION', `${path} has a damaged header or footer`);
}

/** Fills `bytes` from `position` on; returns how many there were. */
function readFully(file: FileHandle, bytes: Uint8Array, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const count = file.readSync(bytes.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
