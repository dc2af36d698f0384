import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import type {
  BytesColumn,
  Column,
  DecimalColumn,
  IntervalColumn,
} from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import { rescale, unscaledAt } from '../../sql/columns/decimal.ts';
import { bigintAt, int64Max, int64Min, splitBigint } from '../../sql/columns/i64.ts';
import { isNull, valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import { specialByte, writeDecimal } from '../../sql/columns/wide-decimal.ts';
import { goesAsText } from './arrow-schema.ts';

/**
 * Columns as Arrow buffers (Arrow columnar format, "Physical memory layout"), written straight
 * into the body of a message: one pass per column, no array in between.
 *
 * | layout   | buffers after the validity bitmap                        |
 * |----------|----------------------------------------------------------|
 * | bool     | bits, least significant first                            |
 * | i32      | int16 for smallint, else int32                           |
 * | i64      | int64                                                    |
 * | f64      | float32 for real, else float64                           |
 * | decimal  | int128 at the type's scale                               |
 * | bytes    | int32 offsets (rows + 1), bytes                          |
 * | interval | int32 months, int32 days, int64 nanoseconds              |
 *
 * The bitmap has a 1 for a value and is empty when no row of the message is NULL.
 */

/** What goes as text (arrow-schema.ts) is made so; other columns stay as they are. */
export function wireColumn(column: Column, rowCount: number): Column {
  if (!goesAsText(column.type) || column.type.kind === 'jsonb') return column;
  const builder = new ColumnBuilder({ kind: 'text' });
  for (let row = 0; row < rowCount; row++) {
    const value = valueAt(column, row);
    builder.push(value === null ? null : toText(column.type, value));
  }
  return builder.finish();
}

export function nullCount(column: Column, from: number, to: number): number {
  let count = 0;
  if (column.nulls !== undefined) for (let row = from; row < to; row++) count += column.nulls[row]!;
  return count;
}

/** Bytes of each buffer for rows [from, to), in Arrow's order and without padding. */
export function bufferLengths(column: Column, from: number, to: number, nulls: number): number[] {
  const rows = to - from;
  const validity = nulls === 0 ? 0 : Math.ceil(rows / 8);
  switch (column.layout) {
    case 'bool':
      return [validity, Math.ceil(rows / 8)];
    case 'i32':
      return [validity, rows * (column.type.kind === 'smallint' ? 2 : 4)];
    case 'i64':
      return [validity, rows * 8];
    case 'f64':
      return [validity, rows * (column.type.kind === 'real' ? 4 : 8)];
    case 'decimal':
    case 'interval':
      return [validity, rows * 16];
    case 'bytes': {
      let bytes = 0;
      for (let row = from; row < to; row++) bytes += column.lengths[row]!;
      return [validity, 4 * (rows + 1), bytes];
    }
  }
}

/** `offsets` are where the buffers of `bufferLengths` begin; memory there is zero. */
export function writeBuffers(
  column: Column,
  from: number,
  to: number,
  body: ArrayBuffer,
  offsets: readonly number[],
  nulls: number,
): void {
  const rows = to - from;
  if (nulls > 0) writeBits(column.nulls!, from, to, new Uint8Array(body, offsets[0]), 1);
  const at = offsets[1]!;
  switch (column.layout) {
    case 'bool':
      writeBits(column.values, from, to, new Uint8Array(body, at), 0);
      return;
    case 'i32': {
      const target =
        column.type.kind === 'smallint'
          ? new Int16Array(body, at, rows)
          : new Int32Array(body, at, rows);
      target.set(column.values.subarray(from, to));
      return;
    }
    case 'i64':
      new Int32Array(body, at, 2 * rows).set(column.words.subarray(2 * from, 2 * to));
      return;
    case 'f64': {
      const target =
        column.type.kind === 'real'
          ? new Float32Array(body, at, rows)
          : new Float64Array(body, at, rows);
      target.set(column.values.subarray(from, to));
      return;
    }
    case 'decimal':
      writeDecimals(column, from, to, new Int32Array(body, at, 4 * rows));
      return;
    case 'interval':
      writeIntervals(column, from, to, new Int32Array(body, at, 4 * rows));
      return;
    case 'bytes':
      writeBytes(
        column,
        from,
        to,
        new Int32Array(body, at, rows + 1),
        new Uint8Array(body, offsets[2]),
      );
  }
}

/** Packs flags to bits; `invert` is 1 to turn "is NULL" into "is valid". */
function writeBits(
  flags: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  invert: 0 | 1,
): void {
  for (let row = from, at = 0; row < to; at++) {
    const end = Math.min(row + 8, to);
    let byte = 0;
    for (let bit = 0; row < end; row++, bit++) byte |= (flags[row]! ^ invert) << bit;
    target[at] = byte;
  }
}

/** Throws SQL_RUNTIME 22003 for NaN, which Decimal128 has not. */
function writeDecimals(column: DecimalColumn, from: number, to: number, target: Int32Array): void {
  const type = column.type;
  assert(type.kind === 'numeric' && type.precision !== undefined, 'a decimal has a precision');
  const scale = type.scale ?? 0;
  target.set(column.words.subarray(4 * from, 4 * to));
  for (let row = from; row < to; row++) {
    const own = column.scales[row]!;
    if (own === scale || isNull(column, row)) continue;
    if (own === specialByte) {
      throw new MillraceError('SQL_RUNTIME', 'Decimal128 has no NaN', {
        sqlState: '22003',
        hint: 'Cast the column to text, double precision or numeric without a precision to read it.',
      });
    }
    assert(own < scale, 'a value has no more digits after the point than its type');
    const value = { unscaled: unscaledAt(column.words, row), scale: own };
    writeDecimal(rescale(value, scale).unscaled, target, row - from);
  }
}

/** Throws SQL_RUNTIME 22015 for an interval beyond Arrow's 292 years of nanoseconds. */
function writeIntervals(
  column: IntervalColumn,
  from: number,
  to: number,
  target: Int32Array,
): void {
  target.set(column.words.subarray(4 * from, 4 * to));
  for (let row = from; row < to; row++) {
    const nanos = bigintAt(column.words, 2 * row + 1) * 1000n;
    if (nanos > int64Max || nanos < int64Min) {
      throw new MillraceError('SQL_RUNTIME', 'interval is too long for nanoseconds in 64 bits', {
        sqlState: '22015',
        hint: 'Cast the interval to text to read it.',
      });
    }
    splitBigint(nanos, target, 2 * (row - from) + 1);
  }
}

/** Cells that follow one another in the arena, as a projection's mostly do, are copied together. */
function writeBytes(
  column: BytesColumn,
  from: number,
  to: number,
  offsets: Int32Array,
  target: Uint8Array,
): void {
  const { starts, lengths, arena } = column;
  let at = 0;
  let runStart = 0;
  let runLength = 0;
  for (let row = from; row < to; row++) {
    offsets[row - from] = at + runLength;
    const length = lengths[row]!;
    if (length === 0) continue;
    if (starts[row] !== runStart + runLength) {
      at = copyRun(arena, runStart, runLength, target, at);
      runStart = starts[row]!;
      runLength = 0;
    }
    runLength += length;
  }
  offsets[to - from] = copyRun(arena, runStart, runLength, target, at);
}

/** Short runs byte by byte: a call of `set` costs more than the copy. Gives the end in `target`. */
function copyRun(
  arena: Uint8Array,
  start: number,
  length: number,
  target: Uint8Array,
  at: number,
): number {
  if (length > 32) target.set(arena.subarray(start, start + length), at);
  else for (let index = 0; index < length; index++) target[at + index] = arena[start + index]!;
  return at + length;
}
