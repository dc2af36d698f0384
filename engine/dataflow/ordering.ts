import type { Column } from '../../sql/columns/batch.ts';
import { compareDecimals, decimalAt } from '../../sql/columns/decimal.ts';
import { intervalSpan } from '../../sql/columns/interval.ts';
import { valueAt } from '../../sql/columns/read.ts';
import {
  type Field,
  type Interval,
  type Layout,
  layoutOf,
  type SqlType,
} from '../../sql/columns/types.ts';
import { shownScaleAt } from '../../sql/columns/wide-decimal.ts';
import { compareValues } from '../../sql/functions/compare.ts';
import type { SortKey } from '../../sql/plan/physical.ts';

/**
 * PostgreSQL's btree order of two cells that are not NULL: negative, 0 or positive. Text compares
 * by bytes (the C collation), NaN is the greatest double, numerics compare by value.
 */
export type CompareCells = (a: Column, i: number, b: Column, j: number) => number;

type Of<L extends Layout> = Extract<Column, { layout: L }>;

export function compareCells(type: SqlType): CompareCells {
  switch (layoutOf(type)) {
    case 'bool':
    case 'i32':
      return compareInts as CompareCells;
    case 'i64':
      return compareWords as CompareCells;
    case 'f64':
      return compareDoubles as CompareCells;
    case 'bytes':
      return (isNested(type) ? comparedValues(type) : compareBytes) as CompareCells;
    case 'decimal':
      return compareNumerics as CompareCells;
    case 'interval':
      return compareIntervals as CompareCells;
  }
}

/** Their bytes are in no order. */
function isNested({ kind }: SqlType): boolean {
  return kind === 'jsonb' || kind === 'array' || kind === 'record';
}

function comparedValues(type: SqlType): CompareCells {
  return (a, i, b, j) => compareValues(type, valueAt(a, i), valueAt(b, j));
}

function compareInts(a: Of<'i32'>, i: number, b: Of<'i32'>, j: number): number {
  return a.values[i]! - b.values[j]!;
}

function compareWords(a: Of<'i64'>, i: number, b: Of<'i64'>, j: number): number {
  const high = a.words[2 * i + 1]! - b.words[2 * j + 1]!;
  return high !== 0 ? high : (a.words[2 * i]! >>> 0) - (b.words[2 * j]! >>> 0);
}

function compareDoubles(a: Of<'f64'>, i: number, b: Of<'f64'>, j: number): number {
  const x = a.values[i]!;
  const y = b.values[j]!;
  if (x < y) return -1;
  if (x > y) return 1;
  return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
}

function compareBytes(a: Of<'bytes'>, i: number, b: Of<'bytes'>, j: number): number {
  const shorter = Math.min(a.lengths[i]!, b.lengths[j]!);
  const p = a.starts[i]!;
  const q = b.starts[j]!;
  for (let k = 0; k < shorter; k++) {
    const difference = a.arena[p + k]! - b.arena[q + k]!;
    if (difference !== 0) return difference;
  }
  return a.lengths[i]! - b.lengths[j]!;
}

function compareNumerics(a: Of<'decimal'>, i: number, b: Of<'decimal'>, j: number): number {
  return compareDecimals(decimalAt(a, i), decimalAt(b, j));
}

function compareIntervals(a: Of<'interval'>, i: number, b: Of<'interval'>, j: number): number {
  const left = intervalSpan(valueAt(a, i) as Interval);
  const right = intervalSpan(valueAt(b, j) as Interval);
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * A total order of representations: PostgreSQL's first, and then what tells apart values that are
 * equal to it: 1.0 and 1.00, -0 and 0, 1 month and 30 days, such values inside jsonb and arrays.
 */
export function compareExact(type: SqlType): CompareCells {
  const compare = compareCells(type);
  const rest = (isNested(type) ? compareBytes : tieBreakers[layoutOf(type)]) as
    | CompareCells
    | undefined;
  if (rest === undefined) return compare;
  return (a, i, b, j) => compare(a, i, b, j) || rest(a, i, b, j);
}

const tieBreakers: Partial<Record<Layout, (a: never, i: number, b: never, j: number) => number>> = {
  decimal: (a: Of<'decimal'>, i, b: Of<'decimal'>, j) => shownScaleAt(a, i) - shownScaleAt(b, j),
  f64: (a: Of<'f64'>, i, b: Of<'f64'>, j) =>
    Number(Object.is(b.values[j], -0)) - Number(Object.is(a.values[i], -0)),
  interval: (a: Of<'interval'>, i, b: Of<'interval'>, j) =>
    a.words[4 * i]! - b.words[4 * j]! || a.words[4 * i + 1]! - b.words[4 * j + 1]!,
};

/** The order of one sort key, NULLs included. */
export function compareByKey(
  { descending, nullsFirst }: Pick<SortKey, 'descending' | 'nullsFirst'>,
  compare: CompareCells,
): CompareCells {
  const nullOrder = nullsFirst ? -1 : 1;
  return (a, i, b, j) => {
    const aNull = a.nulls !== undefined && a.nulls[i] === 1;
    const bNull = b.nulls !== undefined && b.nulls[j] === 1;
    if (aNull || bNull) return aNull === bNull ? 0 : aNull ? nullOrder : -nullOrder;
    return descending ? compare(b, j, a, i) : compare(a, i, b, j);
  };
}

/** One comparison of a row order: of which column, and how. */
export interface OrderPart {
  readonly column: number;
  readonly compare: CompareCells;
}

/** The parts of an ORDER BY; `ties`: the whole row, exactly, decides between equal ones. */
export function orderParts(
  fields: readonly Field[],
  orderBy: readonly SortKey[],
  ties: boolean,
): OrderPart[] {
  const keys = orderBy.map((key): OrderPart => {
    const compare = compareCells(fields[key.column]!.type);
    return { column: key.column, compare: compareByKey(key, compare) };
  });
  if (!ties) return keys;
  const ascending = { descending: false, nullsFirst: false };
  const rest = fields.map(({ type }, column): OrderPart => {
    return { column, compare: compareByKey(ascending, compareExact(type)) };
  });
  return [...keys, ...rest];
}
