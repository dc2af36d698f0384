import { crc32 } from 'node:zlib';
import { PositionMap } from './position-map.ts';
import { encodeQueueRow, type QueueRow, queueRowBytes, StoredQueueRow } from './queue-table.ts';
import type { RowTurns } from './row-turns.ts';
import { type SegmentHeader, segmentHeaderBytes } from './segment-format.ts';

/**
 * The end of a sealed segment. A segment is sealed when the next one has been created: the file is
 * cut after its last entry and gets, back to back, its runs (position-map.ts), its queue table
 * (queue-table.ts) and this footer, the last 128 bytes. From then on the file never changes; a
 * cleaned segment is a new file. Little-endian.
 *
 * | offset | bytes | field                                                                   |
 * |--------|-------|-------------------------------------------------------------------------|
 * | 0      | 8     | magic `MILLREND`                                                        |
 * | 8      | 4     | reserved, 0; the header has the format version                          |
 * | 12     | 4     | CRC-32 of bytes 0-11 and 16-127                                         |
 * | 16     | 8     | position of the segment's first byte in the stream, float64             |
 * | 24     | 8     | position after its last byte: the next segment's start, float64         |
 * | 32     | 8     | file offset after the last entry, where the runs begin, float64         |
 * | 40     | 8     | file offset of the queue table, float64                                 |
 * | 48     | 8     | entries, float64                                                        |
 * | 56     | 8     | messages, float64                                                       |
 * | 64     | 8     | lowest store time of an entry, ms since 1970, float64; 0 without any    |
 * | 72     | 8     | highest store time likewise                                             |
 * | 80     | 8     | number of the last group commit, float64                                |
 * | 88     | 4     | CRC-32 of the file up to the footer, header included                    |
 * | 92     | 4     | CRC-32 of the runs and the queue table                                  |
 * | 96     | 32    | reserved, 0                                                             |
 *
 * A run is two float64: position in the stream, offset in the file.
 */
export const segmentFooterBytes = 128;
const magic = Buffer.from('MILLREND', 'latin1');

export interface SegmentFooter {
  readonly start: number;
  readonly end: number;
  readonly entriesEnd: number;
  readonly queuesAt: number;
  readonly entries: number;
  readonly messages: number;
  readonly lowTimeMs: number;
  readonly highTimeMs: number;
  readonly lastCommit: number;
  readonly contentCrc: number;
  readonly tablesCrc: number;
}

/** What is known of a segment's entries before it gets its footer. */
export interface SegmentContent {
  readonly header: SegmentHeader;
  /** Position after the segment in the stream. */
  readonly end: number;
  readonly map: PositionMap;
  readonly queues: readonly QueueRow[];
  readonly lastCommit: number;
  /** CRC-32 of the header and the entries, as they lie in the file. */
  readonly entriesCrc: number;
}

/** Everything that follows the last entry of a sealed segment. The content must not change. */
export async function encodeSegmentTail(
  { header, end, map, queues, lastCommit, entriesCrc }: SegmentContent,
  turns: RowTurns,
): Promise<Buffer> {
  const runs = Buffer.from(map.runs.buffer, map.runs.byteOffset, map.runs.byteLength);
  const tablesBytes = runs.length + queues.length * queueRowBytes;
  const tail = Buffer.alloc(tablesBytes + segmentFooterBytes);
  runs.copy(tail, 0);
  const crc = new TableCrc(tail, entriesCrc);
  let [entries, messages, lowTimeMs, highTimeMs] = [0, 0, Infinity, -Infinity];
  let at = runs.length;
  for (const row of queues) {
    encodeQueueRow(row, tail, at);
    at += queueRowBytes;
    entries += row.entries;
    messages += row.messages;
    if (row.entries > 0) {
      lowTimeMs = Math.min(lowTimeMs, row.lowTimeMs);
      highTimeMs = Math.max(highTimeMs, row.highTimeMs);
    }
    const waiting = turns.after(1);
    if (waiting === undefined) continue;
    crc.take(at);
    await waiting;
  }
  crc.take(tablesBytes);
  const footer: SegmentFooter = {
    start: header.start,
    end,
    entriesEnd: map.endOffset,
    queuesAt: map.endOffset + runs.length,
    entries,
    messages,
    lowTimeMs,
    highTimeMs,
    lastCommit,
    contentCrc: crc.content,
    tablesCrc: crc.tables,
  };
  encodeFooter(footer).copy(tail, tablesBytes);
  return tail;
}

/** The CRCs of runs and queue table, a part at a time. */
class TableCrc {
  readonly #bytes: Buffer;
  #at = 0;
  #tables = 0;
  #content: number;

  /** `before`: of what lies in front of the tables, as far as it counts. */
  constructor(bytes: Buffer, before = 0) {
    this.#bytes = bytes;
    this.#content = before;
  }

  /** Up to `end`. */
  take(end: number): void {
    const part = this.#bytes.subarray(this.#at, end);
    this.#tables = crc32(part, this.#tables);
    this.#content = crc32(part, this.#content);
    this.#at = end;
  }

  get tables(): number {
    return this.#tables >>> 0;
  }

  /** Of the file up to there. */
  get content(): number {
    return this.#content >>> 0;
  }
}

function encodeFooter(footer: SegmentFooter): Buffer {
  const bytes = Buffer.alloc(segmentFooterBytes);
  magic.copy(bytes, 0);
  const numbers = [footer.start, footer.end, footer.entriesEnd, footer.queuesAt, footer.entries];
  const isEmpty = footer.entries === 0;
  numbers.push(footer.messages, isEmpty ? 0 : footer.lowTimeMs, isEmpty ? 0 : footer.highTimeMs);
  numbers.push(footer.lastCommit);
  for (const [i, number] of numbers.entries()) bytes.writeDoubleLE(number, 16 + 8 * i);
  bytes.writeUInt32LE(footer.contentCrc, 88);
  bytes.writeUInt32LE(footer.tablesCrc, 92);
  bytes.writeUInt32LE(footerChecksum(bytes), 12);
  return bytes;
}

/**
 * The footer of the segment with this header, from the last bytes of its file of `fileBytes`;
 * `undefined` when it is no footer, or damaged.
 */
export function decodeSegmentFooter(
  bytes: Buffer,
  header: SegmentHeader,
  fileBytes: number,
): SegmentFooter | undefined {
  if (bytes.length !== segmentFooterBytes || !bytes.subarray(0, 8).equals(magic)) return undefined;
  if (bytes.readUInt32LE(12) !== footerChecksum(bytes)) return undefined;
  const number = (i: number) => bytes.readDoubleLE(16 + 8 * i);
  const footer: SegmentFooter = {
    start: number(0),
    end: number(1),
    entriesEnd: number(2),
    queuesAt: number(3),
    entries: number(4),
    messages: number(5),
    lowTimeMs: number(6),
    highTimeMs: number(7),
    lastCommit: number(8),
    contentCrc: bytes.readUInt32LE(88),
    tablesCrc: bytes.readUInt32LE(92),
  };
  const fits =
    footer.start === header.start &&
    segmentHeaderBytes <= footer.entriesEnd &&
    footer.entriesEnd <= footer.queuesAt &&
    footer.queuesAt <= fileBytes - segmentFooterBytes;
  return fits ? footer : undefined;
}

/**
 * The runs in the tables that lie between entries and footer; `undefined` when the tables are
 * damaged.
 */
export function decodeRuns(bytes: Buffer, footer: SegmentFooter): PositionMap | undefined {
  return crc32(bytes) >>> 0 === footer.tablesCrc ? runsOf(bytes, footer) : undefined;
}

/** The same with the queue table, which stays in `bytes`; `undefined` when they are damaged. */
export async function decodeSegmentTables(
  bytes: Buffer,
  footer: SegmentFooter,
  turns: RowTurns,
): Promise<{ readonly map: PositionMap; readonly queues: readonly QueueRow[] } | undefined> {
  const from = footer.queuesAt - footer.entriesEnd;
  if (from > bytes.length || (bytes.length - from) % queueRowBytes !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const crc = new TableCrc(bytes);
  const queues: QueueRow[] = [];
  for (let at = from; at < bytes.length; at += queueRowBytes) {
    const row = new StoredQueueRow(view, at);
    if (!row.isValid) return undefined;
    queues.push(row);
    const waiting = turns.after(1);
    if (waiting === undefined) continue;
    crc.take(at);
    await waiting;
  }
  crc.take(bytes.length);
  return crc.tables === footer.tablesCrc ? { map: runsOf(bytes, footer), queues } : undefined;
}

function runsOf(bytes: Buffer, { queuesAt, entriesEnd }: SegmentFooter): PositionMap {
  const runs = new Float64Array((queuesAt - entriesEnd) / 8);
  for (let i = 0; i < runs.length; i++) runs[i] = bytes.readDoubleLE(8 * i);
  return new PositionMap(runs, entriesEnd);
}

function footerChecksum(bytes: Buffer): number {
  return crc32(bytes.subarray(16, segmentFooterBytes), crc32(bytes.subarray(0, 12))) >>> 0;
}
