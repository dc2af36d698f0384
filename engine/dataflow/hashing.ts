import type { Column } from '../../sql/columns/batch.ts';
import { compareDecimals, decimalAt, normalized } from '../../sql/columns/decimal.ts';
import { bigintAt, splitBigint } from '../../sql/columns/i64.ts';
import { intervalSpan } from '../../sql/columns/interval.ts';
import { isLoose, keyBytes } from '../../sql/columns/nested.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { type Interval, type Layout, layoutOf, type SqlType } from '../../sql/columns/types.ts';
import { sameWide, wideByte } from '../../sql/columns/wide-decimal.ts';
import { compareValues } from '../../sql/functions/compare.ts';

/**
 * Hash and equality of rows. Hashes are 32 bits, are stored, and never decide alone: equality is
 * always verified. `sql` equality is that of GROUP BY and joins (1.0 = 1.00, 1 month = 30 days,
 * NULL equals NULL here); `exact` tells such values apart, so that a retraction meets the very row
 * that was inserted. Both put equal rows under equal hashes.
 */
export type Equality = 'sql' | 'exact';

const seed = 0x9747b28c | 0;
const nullHash = 0x2545f491 | 0;
const c1 = 0xcc9e2d51 | 0;
const c2 = 0x1b873593 | 0;

/** MurmurHash3's body (A. Appleby, public domain): mixes word `k` into `h`. */
function mix(h: number, k: number): number {
  k = Math.imul(k, c1);
  k = (k << 15) | (k >>> 17);
  h ^= Math.imul(k, c2);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function finish(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Hash of each of the first `rowCount` rows over the columns, into `out`. */
export function hashRows(columns: readonly Column[], rowCount: number, out: Int32Array): void {
  out.fill(seed, 0, rowCount);
  for (const column of columns) mixColumn(column, rowCount, out);
  for (let row = 0; row < rowCount; row++) out[row] = finish(out[row]!);
}

function mixColumn(column: Column, rowCount: number, out: Int32Array): void {
  const { nulls } = column;
  switch (column.layout) {
    case 'bool':
    case 'i32': {
      const { values } = column;
      // A NULL row's value is zeroed, so that only the null column itself needs the mark.
      for (let row = 0; row < rowCount; row++) out[row] = mix(out[row]!, values[row]!);
      break;
    }
    case 'i64': {
      const { words } = column;
      for (let row = 0; row < rowCount; row++) {
        out[row] = mix(mix(out[row]!, words[2 * row]!), words[2 * row + 1]!);
      }
      break;
    }
    case 'f64': {
      const double = new Float64Array(1);
      const halves = new Int32Array(double.buffer);
      const { values } = column;
      for (let row = 0; row < rowCount; row++) {
        // -0 and 0 are equal, as are all NaNs.
        const value = values[row]!;
        double[0] = value === 0 ? 0 : value;
        if (Number.isNaN(value)) double[0] = Number.NaN;
        out[row] = mix(mix(out[row]!, halves[0]!), halves[1]!);
      }
      break;
    }
    case 'bytes': {
      if (isLoose(column.type)) {
        mixLoose(column, rowCount, out);
        break;
      }
      const { starts, lengths, arena } = column;
      for (let row = 0; row < rowCount; row++) {
        out[row] = mixBytes(out[row]!, arena, starts[row]!, lengths[row]!);
      }
      break;
    }
    case 'decimal':
      for (let row = 0; row < rowCount; row++) out[row] = mixDecimal(out[row]!, column, row);
      break;
    case 'interval': {
      const scratch = new Int32Array(2);
      for (let row = 0; row < rowCount; row++) {
        const value = valueAt(column, row);
        splitBigint(value === null ? 0n : intervalSpan(value as Interval), scratch, 0);
        out[row] = mix(mix(out[row]!, scratch[0]!), scratch[1]!);
      }
    }
  }
  if (nulls === undefined) return;
  for (let row = 0; row < rowCount; row++) {
    if (nulls[row] === 1) out[row] = mix(out[row]!, nullHash);
  }
}

/** Values that SQL calls equal though their bytes differ: 1.0 and 1.00 inside jsonb or an array. */
function mixLoose(column: Of<'bytes'>, rowCount: number, out: Int32Array): void {
  for (let row = 0; row < rowCount; row++) {
    const value = valueAt(column, row);
    if (value === null) continue;
    const key = keyBytes(column.type, value);
    out[row] = mixBytes(out[row]!, key, 0, key.length);
  }
}

function mixBytes(h: number, arena: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      arena[at]! | (arena[at + 1]! << 8) | (arena[at + 2]! << 16) | (arena[at + 3]! << 24);
    h = mix(h, word);
  }
  let tail = 0;
  for (let shift = 0; at < end; at++, shift += 8) tail |= arena[at]! << shift;
  return mix(mix(h, tail), length);
}

function mixDecimal(h: number, column: Column & { layout: 'decimal' }, row: number): number {
  const { words, scales } = column;
  const low = words[4 * row]!;
  if (scales[row] === 0) {
    return mix(mix(h, low), words[4 * row + 1]!);
  }
  const { unscaled, scale } = normalized(decimalAt(column, row));
  const normalLow = Number(BigInt.asIntN(32, unscaled));
  const normalHigh = Number(BigInt.asIntN(32, unscaled >> 32n));
  h = mix(mix(h, normalLow), normalHigh);
  return scale === 0 ? h : mix(h, scale);
}

/** Whether row i of `a` equals row j of `b`; both have the comparer's type. */
export type CellsEqual = (a: Column, i: number, b: Column, j: number) => boolean;

export function cellsEqual(type: SqlType, equality: Equality): CellsEqual {
  switch (layoutOf(type)) {
    case 'bool':
    case 'i32':
      return equalInts as CellsEqual;
    case 'i64':
      return equalWords as CellsEqual;
    case 'f64':
      return (equality === 'exact' ? identicalDoubles : equalDoubles) as CellsEqual;
    case 'bytes':
      return (equality === 'sql' && isLoose(type) ? looselyEqual(type) : equalBytes) as CellsEqual;
    case 'decimal':
      return (equality === 'exact' ? identicalDecimals : equalDecimals) as CellsEqual;
    case 'interval':
      return (equality === 'exact' ? identicalQuads : equalIntervals) as CellsEqual;
  }
}

type Of<L extends Layout> = Extract<Column, { layout: L }>;

function sameNulls(a: Column, i: number, b: Column, j: number): boolean {
  return (a.nulls === undefined ? 0 : a.nulls[i]) === (b.nulls === undefined ? 0 : b.nulls[j]);
}

function equalInts(a: Of<'i32'>, i: number, b: Of<'i32'>, j: number): boolean {
  return a.values[i] === b.values[j] && sameNulls(a, i, b, j);
}

function equalWords(a: Of<'i64'>, i: number, b: Of<'i64'>, j: number): boolean {
  return (
    a.words[2 * i] === b.words[2 * j] &&
    a.words[2 * i + 1] === b.words[2 * j + 1] &&
    sameNulls(a, i, b, j)
  );
}

function equalDoubles(a: Of<'f64'>, i: number, b: Of<'f64'>, j: number): boolean {
  const x = a.values[i]!;
  const y = b.values[j]!;
  return (x === y || (Number.isNaN(x) && Number.isNaN(y))) && sameNulls(a, i, b, j);
}

function identicalDoubles(a: Of<'f64'>, i: number, b: Of<'f64'>, j: number): boolean {
  return Object.is(a.values[i], b.values[j]) && sameNulls(a, i, b, j);
}

function equalBytes(a: Of<'bytes'>, i: number, b: Of<'bytes'>, j: number): boolean {
  const length = a.lengths[i]!;
  if (length !== b.lengths[j]) return false;
  let p = a.starts[i]!;
  let q = b.starts[j]!;
  const x = a.arena;
  const y = b.arena;
  for (const end = p + length; p < end; p++, q++) if (x[p] !== y[q]) return false;
  return sameNulls(a, i, b, j);
}

function looselyEqual(type: SqlType) {
  return (a: Of<'bytes'>, i: number, b: Of<'bytes'>, j: number): boolean => {
    if (equalBytes(a, i, b, j)) return true;
    const left = valueAt(a, i);
    const right = valueAt(b, j);
    return left !== null && right !== null && compareValues(type, left, right) === 0;
  };
}

function identicalQuads(a: Of<'interval'>, i: number, b: Of<'interval'>, j: number): boolean {
  for (let k = 0; k < 4; k++) if (a.words[4 * i + k] !== b.words[4 * j + k]) return false;
  return sameNulls(a, i, b, j);
}

function identicalDecimals(a: Of<'decimal'>, i: number, b: Of<'decimal'>, j: number): boolean {
  if (a.scales[i] !== b.scales[j]) return false;
  if (a.scales[i] === wideByte) return sameWide(a, i, b, j) && sameNulls(a, i, b, j);
  for (let k = 0; k < 4; k++) if (a.words[4 * i + k] !== b.words[4 * j + k]) return false;
  return sameNulls(a, i, b, j);
}

function equalDecimals(a: Of<'decimal'>, i: number, b: Of<'decimal'>, j: number): boolean {
  if (a.scales[i] === b.scales[j] && a.scales[i] !== wideByte) {
    return identicalDecimals(a, i, b, j);
  }
  return sameNulls(a, i, b, j) && compareDecimals(decimalAt(a, i), decimalAt(b, j)) === 0;
}

function equalIntervals(a: Of<'interval'>, i: number, b: Of<'interval'>, j: number): boolean {
  return sameNulls(a, i, b, j) && spanAt(a, i) === spanAt(b, j);
}

function spanAt(column: Of<'interval'>, row: number): bigint {
  return intervalSpan({
    months: column.words[4 * row]!,
    days: column.words[4 * row + 1]!,
    micros: bigintAt(column.words, 2 * row + 1),
  });
}
