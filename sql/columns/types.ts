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
  | { readonly kind: 'bytea' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'timestamptz' }
  | { readonly kind: 'interval' }
  /** The type of NULL and of an untyped string literal until context decides. */
  | { readonly kind: 'unknown' };

export type TypeKind = SqlType['kind'];

/**
 * Physical layouts. One array element is one row unless said otherwise.
 *
 * | layout  | arrays                                             | used by                          |
 * |---------|----------------------------------------------------|----------------------------------|
 * | bool    | values Uint8Array, 0 or 1                          | boolean                          |
 * | i32     | values Int32Array                                  | smallint, integer, date (days since 1970) |
 * | i64     | words Int32Array, 2 per row: low, high             | bigint; time, timestamp, timestamptz in microseconds (timestamps since 1970 UTC) |
 * | f64     | values Float64Array                                | real (rounded to float32), double |
 * | decimal | words Int32Array, 4 per row, little-endian two's complement unscaled value; scales Uint8Array | numeric |
 * | bytes   | starts, lengths Int32Array into one shared arena   | text, varchar, bytea             |
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

/** An exact decimal: `unscaled / 10^scale`, at most limits.numericDigitsMax digits. */
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

/**
 * One value outside a column: constants, keys in tests, cells of a printed table.
 * boolean; number for smallint, integer, real, double, date (days); bigint for bigint, time,
 * timestamp, timestamptz (microseconds); Decimal; Interval; string for text; Uint8Array for bytea.
 */
export type SqlValue = null | boolean | number | bigint | string | Uint8Array | Decimal | Interval;
