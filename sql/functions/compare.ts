import { compareDecimals } from '../columns/decimal.ts';
import { intervalSpan } from '../columns/interval.ts';
import { compareJson, type Json } from '../columns/json.ts';
import type {
  Decimal,
  Interval,
  RecordField,
  SqlArray,
  SqlRecord,
  SqlType,
  SqlValue,
  TypeKind,
} from '../columns/types.ts';
import { define, type ScalarFunction, strict, t } from './function.ts';

/**
 * PostgreSQL's order of two values of one kind, neither NULL: negative, 0 or positive. Text by
 * bytes (the C collation), NaN above all numbers, numerics by value, intervals by their span.
 */
export function compareValues(type: SqlType, a: SqlValue, b: SqlValue): number {
  switch (type.kind) {
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
    case 'char':
    case 'unknown':
      return compareTexts(a as string, b as string);
    case 'bytea':
    case 'uuid':
      return Buffer.compare(a as Uint8Array, b as Uint8Array);
    case 'jsonb':
      return compareJson((a as Json).root, (b as Json).root);
    case 'array':
      return compareArrays(type.element, a as SqlArray, b as SqlArray);
    case 'record':
      return compareRecords(type.fields, a as SqlRecord, b as SqlRecord);
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

/** NULL after every value, equal to itself: how arrays and records hold it. */
export function compareNullable(type: SqlType, a: SqlValue, b: SqlValue): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareValues(type, a, b);
}

/** By items, then by their number, then by dimensions. */
function compareArrays(element: SqlType, a: SqlArray, b: SqlArray): number {
  const shorter = Math.min(a.items.length, b.items.length);
  for (let i = 0; i < shorter; i++) {
    const order = compareNullable(element, a.items[i]!, b.items[i]!);
    if (order !== 0) return order;
  }
  const numbers = ({ items, dimensions }: SqlArray) => [
    items.length,
    dimensions.length,
    ...dimensions.map(({ length }) => length),
    ...dimensions.map(({ lower }) => lower),
  ];
  const right = numbers(b);
  return numbers(a).reduce((order, number, i) => order || number - right[i]!, 0);
}

function compareRecords(fields: readonly RecordField[], a: SqlRecord, b: SqlRecord): number {
  for (const [index, { type }] of fields.entries()) {
    const order = compareNullable(type, a.cells[index]!, b.cells[index]!);
    if (order !== 0) return order;
  }
  return 0;
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
  'char',
  'bytea',
  'uuid',
  'jsonb',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
];

/** `=:integer`, `<:text` and so on. */
export const comparisons: readonly ScalarFunction[] = Object.entries(comparisonTests).flatMap(
  ([symbol, test]) => [
    ...comparableKinds.map((kind) => {
      const type = t(kind);
      return strict(
        `${symbol}:${kind}`,
        symbol,
        [kind, kind],
        'boolean',
        ([a, b]) => test(compareValues(type, a!, b!)),
        false,
      );
    }),
    ...['anyarray', 'anyrecord'].map((kind) =>
      define(`${symbol}(${kind}, ${kind}) boolean`, ([a, b], _, [type]) =>
        test(compareValues(type!, a!, b!)),
      ),
    ),
  ],
);
