import { limits } from '../../platform/limits.ts';
import { queueNumber } from '../queues/queue-number.ts';
import type { EntryHeader } from './entry-format.ts';
import type { RowTurns } from './row-turns.ts';

/**
 * What a sealed segment holds of one logical queue without a break: a row of its queue table.
 * Little-endian, rows in the order of topic, queue and offset. A queue that was elsewhere in between
 * has a row for each stay: between the end of one and the first offset of the next nothing was here.
 *
 * | offset | bytes | field                                                                     |
 * |--------|-------|---------------------------------------------------------------------------|
 * | 0      | 4     | topic id                                                                  |
 * | 4      | 4     | queue id                                                                  |
 * | 8      | 8     | the first offset that the segment ever held, float64                      |
 * | 16     | 8     | one past the last offset that the segment ever held, float64              |
 * | 24     | 8     | bytes of its entries, float64                                             |
 * | 32     | 4     | entries                                                                   |
 * | 36     | 4     | messages                                                                  |
 * | 40     | 8     | lowest store time of its entries, ms since 1970, float64; 0 without any   |
 * | 48     | 8     | highest store time likewise                                               |
 * | 56     | 8     | offset below which the queue had expired when it was cleaned, float64     |
 * | 64     | 8     | offset below which it had been compacted likewise, float64                |
 *
 * The table outlives the entries: it is what tells, after the index was lost, where a queue
 * begins whose older entries expired, and where it ends when all of them did.
 */
export const queueRowBytes = 72;

/** A row; one that was read has no fields of its own to copy with a spread. */
export interface QueueRow {
  readonly topicId: number;
  readonly queueId: number;
  readonly firstOffset: number;
  readonly endOffset: number;
  readonly bytes: number;
  readonly entries: number;
  readonly messages: number;
  readonly lowTimeMs: number;
  readonly highTimeMs: number;
  readonly expiredOffset: number;
  readonly compactedOffset: number;
}

/** One that is being gathered. */
type GrowingRow = { -readonly [field in keyof QueueRow]: QueueRow[field] };

/** Offsets of a queue without the entries. */
export type QueueRange = Pick<
  QueueRow,
  'topicId' | 'queueId' | 'firstOffset' | 'endOffset' | 'expiredOffset' | 'compactedOffset'
>;

/** Gathers a segment's queue table, entry by entry in the order of the log. */
export class QueueTable {
  /** By queue number; of one queue in the order of offsets, with a break between two. */
  readonly #rows = new Map<number, GrowingRow[]>();

  /** In the order of topic, queue and offset. Nothing is added until it has resolved. */
  async rows(turns: RowTurns): Promise<readonly QueueRow[]> {
    const rows: QueueRow[] = [];
    // Numbers without a comparison function: 100,000 take less than 10 ms.
    for (const number of Float64Array.from(this.#rows.keys()).sort()) {
      const own = this.#rows.get(number)!;
      for (const row of own) rows.push(row);
      const waiting = turns.after(own.length);
      if (waiting !== undefined) await waiting;
    }
    return rows;
  }

  add(entry: EntryHeader): void {
    const { topicId, queueId, baseOffset: firstOffset, count, storeTimeMs } = entry;
    const endOffset = firstOffset + count;
    const row = this.#cover({
      topicId,
      queueId,
      firstOffset,
      endOffset,
      expiredOffset: 0,
      compactedOffset: 0,
    });
    row.lowTimeMs = row.entries === 0 ? storeTimeMs : Math.min(row.lowTimeMs, storeTimeMs);
    row.highTimeMs = row.entries === 0 ? storeTimeMs : Math.max(row.highTimeMs, storeTimeMs);
    row.bytes += entry.length;
    row.entries++;
    row.messages += count;
  }

  /** What a segment held of a queue, before `add` sees the entries that are left of it. */
  cover(range: QueueRange): void {
    this.#cover(range);
  }

  /** The row that has the range, made out of those that it touches. */
  #cover(range: QueueRange): GrowingRow {
    const rows = this.#rowsOf(range);
    let at = rows.length;
    while (at > 0 && rows[at - 1]!.firstOffset > range.endOffset) at--;
    let row = rows[at - 1];
    if (row === undefined || row.endOffset < range.firstOffset) {
      row = newRow(range);
      rows.splice(at, 0, row);
      return row;
    }
    widen(row, range);
    for (at -= 2; at >= 0 && rows[at]!.endOffset >= row.firstOffset; at--) {
      take(row, rows[at]!);
      rows.splice(at, 1);
    }
    return row;
  }

  #rowsOf({ topicId, queueId }: Pick<QueueRow, 'topicId' | 'queueId'>): GrowingRow[] {
    const number = queueNumber(topicId, queueId);
    let rows = this.#rows.get(number);
    if (rows === undefined) {
      rows = [];
      this.#rows.set(number, rows);
    }
    return rows;
  }
}

function widen(row: GrowingRow, range: QueueRange): void {
  row.firstOffset = Math.min(row.firstOffset, range.firstOffset);
  row.endOffset = Math.max(row.endOffset, range.endOffset);
  row.expiredOffset = Math.max(row.expiredOffset, range.expiredOffset);
  row.compactedOffset = Math.max(row.compactedOffset, range.compactedOffset);
}

/** Makes one row of two; both have entries only where a segment was given them in two parts. */
function take(row: GrowingRow, other: GrowingRow): void {
  widen(row, other);
  if (other.entries === 0) return;
  const isFirst = row.entries === 0;
  row.lowTimeMs = isFirst ? other.lowTimeMs : Math.min(row.lowTimeMs, other.lowTimeMs);
  row.highTimeMs = isFirst ? other.highTimeMs : Math.max(row.highTimeMs, other.highTimeMs);
  row.bytes += other.bytes;
  row.entries += other.entries;
  row.messages += other.messages;
}

/** One literal: V8 makes slow objects of a spread that gets many properties more. */
function newRow(range: QueueRange): GrowingRow {
  return {
    topicId: range.topicId,
    queueId: range.queueId,
    firstOffset: range.firstOffset,
    endOffset: range.endOffset,
    bytes: 0,
    entries: 0,
    messages: 0,
    lowTimeMs: 0,
    highTimeMs: 0,
    expiredOffset: range.expiredOffset,
    compactedOffset: range.compactedOffset,
  };
}

/** Writes the row to `bytes` at `at`. */
export function encodeQueueRow(row: QueueRow, bytes: Buffer, at: number): void {
  bytes.writeUInt32LE(row.topicId, at);
  bytes.writeUInt32LE(row.queueId, at + 4);
  bytes.writeDoubleLE(row.firstOffset, at + 8);
  bytes.writeDoubleLE(row.endOffset, at + 16);
  bytes.writeDoubleLE(row.bytes, at + 24);
  bytes.writeUInt32LE(row.entries, at + 32);
  bytes.writeUInt32LE(row.messages, at + 36);
  bytes.writeDoubleLE(row.lowTimeMs, at + 40);
  bytes.writeDoubleLE(row.highTimeMs, at + 48);
  bytes.writeDoubleLE(row.expiredOffset, at + 56);
  bytes.writeDoubleLE(row.compactedOffset, at + 64);
}

/**
 * A row of a table that was read, in the table's bytes: numbers in 100,000 objects with as many
 * fields as a row has would keep the garbage collector busy for many ms at a time.
 */
export class StoredQueueRow implements QueueRow {
  readonly #bytes: DataView;
  readonly #at: number;

  constructor(bytes: DataView, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** False when the bytes are no row. */
  get isValid(): boolean {
    return this.queueId < limits.topicQueuesMax;
  }

  get topicId(): number {
    return this.#bytes.getUint32(this.#at, true);
  }

  get queueId(): number {
    return this.#bytes.getUint32(this.#at + 4, true);
  }

  get firstOffset(): number {
    return this.#bytes.getFloat64(this.#at + 8, true);
  }

  get endOffset(): number {
    return this.#bytes.getFloat64(this.#at + 16, true);
  }

  get bytes(): number {
    return this.#bytes.getFloat64(this.#at + 24, true);
  }

  get entries(): number {
    return this.#bytes.getUint32(this.#at + 32, true);
  }

  get messages(): number {
    return this.#bytes.getUint32(this.#at + 36, true);
  }

  get lowTimeMs(): number {
    return this.#bytes.getFloat64(this.#at + 40, true);
  }

  get highTimeMs(): number {
    return this.#bytes.getFloat64(this.#at + 48, true);
  }

  get expiredOffset(): number {
    return this.#bytes.getFloat64(this.#at + 56, true);
  }

  get compactedOffset(): number {
    return this.#bytes.getFloat64(this.#at + 64, true);
  }
}
