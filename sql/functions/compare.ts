import { compareDecimals } from '../columns/decimal.ts';
import { intervalSpan } from '../columns/interval.ts';
import type { Decimal, Interval, SqlValue, TypeKind } from '../columns/types.ts';
import { type ScalarFunction, strict } from './function.ts';

/**
 * PostgreSQL's order of two values of one kind, neither NULL: negative, 0 or positive. Text by
 * bytes (the C collation), NaN above all numbers, numerics by value, intervals by their span.
 */
export function compareValues(kind: TypeKind, a: SqlValue, b: SqlValue): number {
  switch (kind) {
    case 'boolean':
      return Number(a) - Number(b);
    case 'numeric':
      return compareDecimals(a as Decimal, b as Decimal);
    case 'interval': {
      const left = intervalSpan(a as Interval);
      const right = intervalSpan(b as Interval);
      return left < right ? -1 : left > right ? 1 : 0;
    }
    case 'text':
    case 'varchar':
    case 'unknown':
      return compareTexts(a as string, b as string);
    case 'bytea':
      return Buffer.compare(a as Uint8Array, b as Uint8Array);
    case 'real':
    case 'double': {
      const x = a as number;
      const y = b as number;
      if (x < y) return -1;
      if (x > y) return 1;
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    }
    default:
      return a! < b! ? -1 : a! > b! ? 1 : 0;
  }
}

/** By the bytes of UTF-8, which is the order of code points. */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts surrogates (beyond U+FFFF) below U+E000 to U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x2000 : unit;
}

export const comparisonTests: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

export const comparableKinds: readonly TypeKind[] = [
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'real',
  'double',
  'numeric',
  'text',
  'bytea',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
];

/** `=:integer`, `<:text` and so on. */
export const comparisons: readonly ScalarFunction[] = Object.entries(comparisonTests).flatMap(
  ([symbol, test]) =>
    comparableKinds.map((kind) =>
      strict(
        `${symbol}:${kind}`,
        symbol,
        [kind, kind],
        'boolean',
        ([a, b]) => test(compareValues(kind, a!, b!)),
        false,
      ),
    ),
);
