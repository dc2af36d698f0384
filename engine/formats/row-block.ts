import { MillraceError } from '../../platform/errors.ts';
import type { Batch, Column, DecimalColumn } from '../../sql/columns/batch.ts';
import { type Field, layoutOf } from '../../sql/columns/types.ts';
import { emptyArena, wideByte } from '../../sql/columns/wide-decimal.ts';

/**
 * A batch as bytes. It is the body of a `rows` entry, the resolved rows of one DML statement
 * (DESIGN section 6, Tables), where weight +1 puts the row under its key and -1 deletes the key,
 * in order; and it is how checkpoints keep the rows of a chunk (dataflow/row-table.ts).
 *
 * | bytes | field                                                                  |
 * |-------|------------------------------------------------------------------------|
 * | 1     | format version: 2 when a numeric cell is wide, else 1                  |
 * | 1     | reserved, 0                                                            |
 * | 2     | column count, little-endian as everything here                         |
 * | 4     | row count                                                              |
 * | 4*n   | weights, int32                                                         |
 * | ...   | columns in table order                                                 |
 *
 * Bytes behind the columns are not read here: entries that a sink wrote have its origin there
 * (formats/sink-entry.ts).
 *
 * Each column:
 *
 * | bytes  | field                                                                 |
 * |--------|-----------------------------------------------------------------------|
 * | 1      | layout: 1 bool, 2 i32, 3 i64, 4 f64, 5 decimal, 6 bytes, 7 interval   |
 * | 1      | 1 when a null mark per row follows                                    |
 * | n      | null marks, 1 = NULL                                                  |
 * | ...    | bool n bytes; i32 4n; i64 8n; f64 8n; interval 16n; decimal 16n words, n scales, then the digits of the wide cells (sql/columns/wide-decimal.ts; their start is 0 here) back to back; bytes n lengths of 4 bytes, then all values back to back |
 */
const formatVersion = 1;
/** The same with wide cells: software that does not know them refuses the block. */
const wideVersion = 2;
const layoutCodes = { bool: 1, i32: 2, i64: 3, f64: 4, decimal: 5, bytes: 6, interval: 7 } as const;

export function encodeRows(batch: Batch): Uint8Array {
  const rows = batch.rowCount;
  const parts: Uint8Array[] = [];
  const head = new DataView(new ArrayBuffer(8));
  head.setUint8(
    0,
    batch.columns.some((column) => hasWide(column, rows)) ? wideVersion : formatVersion,
  );
  head.setUint16(2, batch.columns.length, true);
  head.setUint32(4, rows, true);
  parts.push(new Uint8Array(head.buffer), bytesOf(batch.weights.subarray(0, rows)));
  for (const column of batch.columns) {
    const nulls = column.nulls;
    parts.push(Uint8Array.of(layoutCodes[column.layout], nulls === undefined ? 0 : 1));
    if (nulls !== undefined) parts.push(nulls.subarray(0, rows));
    parts.push(...columnParts(column, rows));
  }
  return concatenate(parts);
}

function hasWide(column: Column, rows: number): boolean {
  if (column.layout !== 'decimal' || column.arena.length === 0) return false;
  return column.scales.subarray(0, rows).includes(wideByte);
}

function decimalParts({ words, scales, arena }: DecimalColumn, rows: number): Uint8Array[] {
  const cells = words.slice(0, 4 * rows);
  const digits: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    if (scales[row] !== wideByte) continue;
    const start = words[4 * row]!;
    digits.push(arena.subarray(start, start + words[4 * row + 1]!));
    cells[4 * row] = 0;
  }
  return [bytesOf(cells), scales.subarray(0, rows), ...digits];
}

function columnParts(column: Column, rows: number): Uint8Array[] {
  switch (column.layout) {
    case 'bool':
      return [column.values.subarray(0, rows)];
    case 'i32':
    case 'f64':
      return [bytesOf(column.values.subarray(0, rows))];
    case 'i64':
      return [bytesOf(column.words.subarray(0, 2 * rows))];
    case 'interval':
      return [bytesOf(column.words.subarray(0, 4 * rows))];
    case 'decimal':
      if (hasWide(column, rows)) return decimalParts(column, rows);
      return [bytesOf(column.words.subarray(0, 4 * rows)), column.scales.subarray(0, rows)];
    case 'bytes': {
      const parts = [bytesOf(column.lengths.subarray(0, rows))];
      for (let row = 0; row < rows; row++) {
        const start = column.starts[row]!;
        parts.push(column.arena.subarray(start, start + column.lengths[row]!));
      }
      return parts;
    }
  }
}

export function columnCountOf(body: Uint8Array): number {
  return body[2]! + 256 * body[3]!;
}

/** `fields` are the columns to expect. Throws CORRUPTION when the bytes do not fit them. */
export function decodeRows(body: Uint8Array, fields: readonly Field[]): Batch {
  // Copied: typed arrays need alignment, and the columns outlive the entry.
  const reader = new Reader(body);
  const version = reader.byte();
  if (version !== formatVersion && version !== wideVersion) throw corrupt('unknown format version');
  reader.byte();
  const columnCount = reader.byte() + 256 * reader.byte();
  if (columnCount !== fields.length) {
    throw corrupt(`${columnCount} columns, ${fields.length} are declared`);
  }
  const [rowCount] = new Uint32Array(reader.take(4).buffer);
  const rows = rowCount!;
  const weights = new Int32Array(reader.take(4 * rows).buffer);
  const columns = fields.map((field) => decodeColumn(reader, field, rows));
  return { rowCount: rows, columns, weights };
}

function decodeColumn(reader: Reader, field: Field, rows: number): Column {
  const layout = layoutOf(field.type);
  if (reader.byte() !== layoutCodes[layout]) {
    throw corrupt(`column "${field.name}" has another layout`);
  }
  const nulls = reader.byte() === 1 ? reader.take(rows) : undefined;
  const base = { type: field.type, nulls };
  switch (layout) {
    case 'bool':
      return { ...base, layout, values: reader.take(rows) };
    case 'i32':
      return { ...base, layout, values: new Int32Array(reader.take(4 * rows).buffer) };
    case 'f64':
      return { ...base, layout, values: new Float64Array(reader.take(8 * rows).buffer) };
    case 'i64':
      return { ...base, layout, words: new Int32Array(reader.take(8 * rows).buffer) };
    case 'interval':
      return { ...base, layout, words: new Int32Array(reader.take(16 * rows).buffer) };
    case 'decimal': {
      const words = new Int32Array(reader.take(16 * rows).buffer);
      const scales = reader.take(rows);
      return { ...base, layout, words, scales, arena: takeWide(reader, field, words, scales) };
    }
    case 'bytes': {
      const lengths = new Int32Array(reader.take(4 * rows).buffer);
      const starts = new Int32Array(rows);
      let total = 0;
      for (let row = 0; row < rows; row++) {
        if (lengths[row]! < 0) throw corrupt(`column "${field.name}" has a negative length`);
        starts[row] = total;
        total += lengths[row]!;
      }
      return { ...base, layout, starts, lengths, arena: reader.take(total) };
    }
  }
}

/** The digits of the wide cells, which are pointed to them. */
function takeWide(reader: Reader, field: Field, words: Int32Array, scales: Uint8Array): Uint8Array {
  if (!scales.includes(wideByte)) return emptyArena;
  let total = 0;
  for (let row = 0; row < scales.length; row++) {
    if (scales[row] !== wideByte) continue;
    const length = words[4 * row + 1]!;
    if (length < 0) throw corrupt(`column "${field.name}" has a negative length`);
    words[4 * row] = total;
    total += length;
  }
  return reader.take(total);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  /** A copy with its own, aligned buffer. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw corrupt('it ends too early');
    // `Uint8Array.prototype.slice`, not Buffer's, which would share the memory.
    const copy = new Uint8Array(length);
    copy.set(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    return copy;
  }
}

function bytesOf(array: Int32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function corrupt(what: string): MillraceError {
  return new MillraceError('CORRUPTION', `a block of rows is damaged: ${what}`);
}
