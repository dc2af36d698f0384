import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle } from '../../platform/fs.ts';
import { PositionMap } from './position-map.ts';
import type { QueueRow } from './queue-table.ts';
import type { RowTurns } from './row-turns.ts';
import {
  decodeRuns,
  decodeSegmentFooter,
  decodeSegmentTables,
  type SegmentFooter,
  segmentFooterBytes,
} from './segment-footer.ts';
import { type SegmentHeader, segmentHeaderBytes } from './segment-format.ts';

/** Read at a time when a whole segment is checked. */
const checkBytes = 4 * 1024 * 1024;
/** Between two marks, by which a segment can be read from its end. */
const markBytes = 1024 * 1024;

/** One open segment file of a partition and what is known of it. */
export class Segment {
  readonly header: SegmentHeader;
  readonly file: FileHandle;
  #end = Infinity;
  #map: PositionMap;
  #footer: SegmentFooter | undefined;
  #pins = 0;
  #isReleased = false;
  #isClosed = false;
  #isIntact: Promise<boolean> | undefined;
  #damage: MillraceError | undefined;
  /** Where entries begin, every markBytes or more: of those written since the start. */
  readonly #marks: number[] = [];

  constructor(header: SegmentHeader, file: FileHandle) {
    this.header = header;
    this.file = file;
    this.#map = PositionMap.whole(header.start);
  }

  get start(): number {
    return this.header.start;
  }

  /** Where the next segment starts; Infinity while this one takes writes. */
  get end(): number {
    return this.#end;
  }

  get map(): PositionMap {
    return this.#map;
  }

  get footer(): SegmentFooter | undefined {
    return this.#footer;
  }

  get isSealed(): boolean {
    return this.#footer !== undefined;
  }

  /** Bytes of entries that the file holds; of a segment that takes writes, 0. */
  get entryBytes(): number {
    return Number.isFinite(this.#end) ? this.#map.endOffset - segmentHeaderBytes : 0;
  }

  /** It takes no more writes: what it holds ends at `end`. */
  finish(end: number): void {
    this.#end = end;
    this.#map = PositionMap.whole(this.start, end);
  }

  sealed(footer: SegmentFooter, map = PositionMap.whole(this.start, footer.end)): void {
    this.#end = footer.end;
    this.#map = map;
    this.#footer = footer;
  }

  /** The file stays open until `unpin`, whatever is cleaned. Throws UNAVAILABLE once it is closed. */
  pin(): void {
    if (this.#isClosed) {
      throw new MillraceError('UNAVAILABLE', `the segment ${this.file.path} is closed`);
    }
    this.#pins++;
  }

  async unpin(): Promise<void> {
    this.#pins--;
    await this.#closeUnlessUsed();
  }

  /** The result of `use`, during which the segment is pinned. */
  async pinned<T>(use: () => Promise<T>): Promise<T> {
    this.pin();
    try {
      return await use();
    } finally {
      await this.unpin();
    }
  }

  /** Up to `length` bytes of the file from `offset` on; fewer where it ends. As `pin`, and IO. */
  read(offset: number, length: number): Promise<Buffer> {
    return this.pinned(async () => {
      const bytes = Buffer.allocUnsafeSlow(Math.max(0, length));
      return bytes.subarray(0, await this.file.read(bytes, offset));
    });
  }

  /** An entry begins at the position, which is past all that were marked. */
  mark(position: number): void {
    if (position - (this.#marks.at(-1) ?? this.start) >= markBytes) this.#marks.push(position);
  }

  /** Positions [start, until) in parts that begin with an entry, the newest one first. */
  partsBelow(until: number): readonly { readonly from: number; readonly to: number }[] {
    const starts = [this.start, ...this.#marks].filter((start) => start < until);
    return starts.map((from, i) => ({ from, to: starts[i + 1] ?? until })).reverse();
  }

  /** Every entry was just read and checked. */
  wasChecked(): void {
    this.#isIntact = Promise.resolve(true);
  }

  /**
   * What a check found wrong with the file, if one did. Such a file is not written anew until the
   * next start: nothing that a repair could need goes.
   */
  get damage(): MillraceError | undefined {
    return this.#damage;
  }

  /** A check failed on the file; returns the error for the caller to throw. */
  foundDamaged(error: MillraceError): MillraceError {
    this.#damage ??= error;
    return error;
  }

  /** Whether all of a sealed segment is as it was sealed; read once. Throws IO. */
  isIntact(): Promise<boolean> {
    this.#isIntact ??= this.pinned(() => this.#check());
    return this.#isIntact;
  }

  async #check(): Promise<boolean> {
    const footer = this.#footer;
    if (footer === undefined) return false;
    const end = (await this.file.size()) - segmentFooterBytes;
    let crc = 0;
    for (let at = 0; at < end; ) {
      const bytes = await this.read(at, Math.min(checkBytes, end - at));
      if (bytes.length === 0) return false;
      crc = crc32(bytes, crc);
      at += bytes.length;
    }
    return crc >>> 0 === footer.contentCrc;
  }

  /** The queue table. Throws CORRUPTION; as `pin`, IO, and as `turns`. */
  async queues(turns: RowTurns): Promise<readonly QueueRow[]> {
    try {
      return (await this.pinned(() => readTables(this.file, this.#footer!, turns))).queues;
    } catch (error) {
      const isDamage = error instanceof MillraceError && error.code === 'CORRUPTION';
      throw isDamage ? this.foundDamaged(error) : error;
    }
  }

  /** Closes the file as soon as nobody reads it. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await this.#closeUnlessUsed();
  }

  async #closeUnlessUsed(): Promise<void> {
    if (!this.#isReleased || this.#isClosed || this.#pins > 0) return;
    this.#isClosed = true;
    await this.file.close();
  }
}

/** The footer at the end of the file; `undefined` when there is none. */
export async function readFooter(
  file: FileHandle,
  header: SegmentHeader,
): Promise<SegmentFooter | undefined> {
  const size = await file.size();
  if (size < segmentHeaderBytes + segmentFooterBytes) return undefined;
  const bytes = Buffer.alloc(segmentFooterBytes);
  const count = await file.read(bytes, size - segmentFooterBytes);
  return decodeSegmentFooter(bytes.subarray(0, count), header, size);
}

/** Runs and queue table of a sealed segment. Throws CORRUPTION, IO, and as `turns`. */
export async function readTables(
  file: FileHandle,
  footer: SegmentFooter,
  turns: RowTurns,
): Promise<{ readonly map: PositionMap; readonly queues: readonly QueueRow[] }> {
  const tables = await decodeSegmentTables(await tableBytes(file, footer), footer, turns);
  return tables ?? damagedTables(file, footer);
}

/** The runs alone. Throws CORRUPTION, also when the queue table is damaged; IO. */
export async function readRuns(file: FileHandle, footer: SegmentFooter): Promise<PositionMap> {
  return decodeRuns(await tableBytes(file, footer), footer) ?? damagedTables(file, footer);
}

async function tableBytes(file: FileHandle, { entriesEnd }: SegmentFooter): Promise<Buffer> {
  const bytes = Buffer.alloc((await file.size()) - segmentFooterBytes - entriesEnd);
  return bytes.subarray(0, await file.read(bytes, entriesEnd));
}

function damagedTables(file: FileHandle, { entriesEnd }: SegmentFooter): never {
  throw new MillraceError('CORRUPTION', `${file.path} has damaged tables at byte ${entriesEnd}`);
}
