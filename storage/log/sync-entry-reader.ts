import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { Entry } from '../store.ts';
import { decodeEntry } from './entry-format.ts';
import { parseSegmentFileName, type SegmentName, segmentHeaderBytes } from './segment-format.ts';

interface Segment extends SegmentName {
  readonly path: string;
  /** Where the next segment starts. */
  readonly end: number;
}

/**
 * Reads durable entries of one partition on another thread than its writer's: blocking reads of
 * the segment files, which the page cache serves. Finds segments by their names alone.
 */
export class SyncEntryReader {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #partition: number;
  #segments: readonly Segment[] = [];
  readonly #files = new Map<string, FileHandle>();

  constructor(fs: Fs, directory: string, partition: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#partition = partition;
  }

  /**
   * The entries of [position, end), which begins and ends at entry boundaries below the durable
   * end; it may run over several segments. Bodies share one new buffer. Throws CORRUPTION, IO.
   */
  readRange(position: number, end: number): readonly Entry[] {
    const bytes = Buffer.allocUnsafeSlow(end - position);
    const entries: Entry[] = [];
    for (let local = 0; local < bytes.length; ) {
      const segment = this.#segmentOf(position + local);
      const length = Math.min(end, segment.end) - (position + local);
      this.#readPart(segment, position + local, bytes.subarray(local, local + length), entries);
      local += length;
    }
    return entries;
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
    this.#files.clear();
  }

  #readPart(segment: Segment, position: number, bytes: Buffer, entries: Entry[]): void {
    const at = segmentHeaderBytes + position - segment.start;
    let done = 0;
    while (done < bytes.length) {
      const count = this.#fileOf(segment.path).readSync(bytes.subarray(done), at + done);
      if (count === 0) break;
      done += count;
    }
    for (let local = 0; local < bytes.length; ) {
      const entry = decodeEntry(bytes.subarray(0, done), local, this.#partition, position + local);
      if (entry === undefined) {
        throw new MillraceError(
          'CORRUPTION',
          `the entry at position ${position + local} fails its check (${segment.path})`,
        );
      }
      entries.push(entry);
      local += entry.length;
    }
  }

  #segmentOf(position: number): Segment {
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
  }

  /** The last segment, by sequence, that begins at or before the position. */
  #find(position: number): Segment | undefined {
    return this.#segments.findLast(({ start }) => start <= position);
  }

  #fileOf(path: string): FileHandle {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = this.#fs.openSync(path, 'read');
      this.#files.set(path, file);
    }
    return file;
  }
}
