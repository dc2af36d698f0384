import type { Json } from './json.ts';

/** SQL types and how their values lie in memory. PostgreSQL's names and semantics. */
export type SqlType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'smallint' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'bigint' }
  | { readonly kind: 'real' }
  | { readonly kind: 'double' }
  /** Without precision: every value carries its own display scale, as in PostgreSQL. */
  | { readonly kind: 'numeric'; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'text' }
  | { readonly kind: 'varchar'; readonly length?: number }
  /** PostgreSQL's bpchar: shown with blanks up to the length, which count for nothing else. */
  | { readonly kind: 'char'; readonly length?: number }
  | { readonly kind: 'bytea' }
  | { readonly kind: 'date' }
  /** `precision`: digits of the second, 6 where it does not say. */
  | { readonly kind: 'time'; readonly precision?: number }
  | { readonly kind: 'timestamp'; readonly precision?: number }
  | { readonly kind: 'timestamptz'; readonly precision?: number }
  | { readonly kind: 'interval'; readonly precision?: number }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'jsonb' }
  /** Any number of dimensions; `element` is never an array. */
  | { readonly kind: 'array'; readonly element: SqlType }
  /** A composite value. */
  | { readonly kind: 'record'; readonly fields: readonly RecordField[] }
  /** The type of NULL and of an untyped string literal until context decides. */
  | { readonly kind: 'unknown' };

export type TypeKind = SqlType['kind'];

export interface RecordField {
  readonly name: string;
  readonly type: SqlType;
}

/**
 * Physical layouts. One array element is one row unless said otherwise.
 *
 * | layout  | arrays                                             | used by                          |
 * |---------|----------------------------------------------------|----------------------------------|
 * | bool    | values Uint8Array, 0 or 1                          | boolean                          |
 * | i32     | values Int32Array                                  | smallint, integer, date (days since 1970) |
 * | i64     | words Int32Array, 2 per row: low, high             | bigint; time, timestamp, timestamptz in microseconds (timestamps since 1970 UTC) |
 * | f64     | values Float64Array                                | real (rounded to float32), double |
 * | decimal | words Int32Array, 4 per row, little-endian two's complement unscaled value; scales Uint8Array; an arena for what does not fit (wide-decimal.ts) | numeric |
 * | bytes   | starts, lengths Int32Array into one shared arena   | text, varchar, bytea; char without its trailing blanks; uuid as 16 bytes; jsonb as its text; array, record (nested.ts) |
 * | interval| words Int32Array, 4 per row: months, days, low and high of microseconds | interval    |
 *
 * i64 is int64 bytes read through Int32Array views: `high * 2**32 + (low >>> 0)` is exact in a
 * double while |value| <= 2^53; other rows take a BigInt path (DESIGN section 7).
 */
export type Layout = 'bool' | 'i32' | 'i64' | 'f64' | 'decimal' | 'bytes' | 'interval';

const layouts: Record<TypeKind, Layout> = {
  boolean: 'bool',
  smallint: 'i32',
  integer: 'i32',
  bigint: 'i64',
  real: 'f64',
  double: 'f64',
  numeric: 'decimal',
  text: 'bytes',
  varchar: 'bytes',
  char: 'bytes',
  uuid: 'bytes',
  jsonb: 'bytes',
  array: 'bytes',
  record: 'bytes',
  bytea: 'bytes',
  date: 'i32',
  time: 'i64',
  timestamp: 'i64',
  timestamptz: 'i64',
  interval: 'interval',
  unknown: 'bytes',
};

export function layoutOf(type: SqlType): Layout {
  return layouts[type.kind];
}

/** A column of a relation or of a query result. */
export interface Field {
  readonly name: string;
  readonly type: SqlType;
  /** False only where a NULL is impossible. */
  readonly nullable: boolean;
}

/**
 * An exact decimal: `unscaled / 10^scale`, of as many digits as PostgreSQL's numeric has
 * (decimal.ts, `boundedNumeric`). Of scale -1 are -Infinity (-1n), Infinity (1n) and NaN (2n).
 */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** Months, days and microseconds are kept apart, as PostgreSQL does. */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

/** One dimension of an array: how many items, and the first one's subscript (1 by default). */
export interface Dimension {
  readonly length: number;
  readonly lower: number;
}

/** An array value: its items in row-major order. An empty array has no dimensions. */
export class SqlArray {
  readonly items: readonly SqlValue[];
  readonly dimensions: readonly Dimension[];

  constructor(items: readonly SqlValue[], dimensions?: readonly Dimension[]) {
    this.items = items;
    this.dimensions =
      dimensions ?? (items.length === 0 ? [] : [{ length: items.length, lower: 1 }]);
  }
}

/** A value of a record type: one cell per field. */
export class SqlRecord {
  readonly cells: readonly SqlValue[];

  constructor(cells: readonly SqlValue[]) {
    this.cells = cells;
  }
}

/**
 * One value outside a column: constants, keys in tests, cells of a printed table.
 * boolean; number for smallint, integer, real, double, date (days); bigint for bigint, time,
 * timestamp, timestamptz (microseconds); Decimal; Interval; string for text, varchar and char;
 * Uint8Array for bytea and uuid; Json; SqlArray; SqlRecord.
 */
export type SqlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Decimal
  | Interval
  | Json
  | SqlArray
  | SqlRecord;
