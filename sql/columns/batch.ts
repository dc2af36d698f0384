import type { SqlType } from './types.ts';

/**
 * A batch is a Z-set delta: rows as columns, each row with an integer weight (DESIGN section 7).
 * Batches are immutable once built: operators may keep and share them. Arrays may be longer than
 * `rowCount`; only the first `rowCount` rows count.
 */
export interface Batch {
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** One per row, never 0. The same row may occur more than once. */
  readonly weights: Int32Array;
}

/** `nulls[row] === 1` marks NULL; `undefined` when no row is NULL. A NULL row's value is zeroed. */
interface ColumnBase {
  readonly type: SqlType;
  readonly nulls: Uint8Array | undefined;
}

export interface BoolColumn extends ColumnBase {
  readonly layout: 'bool';
  readonly values: Uint8Array;
}
export interface Int32Column extends ColumnBase {
  readonly layout: 'i32';
  readonly values: Int32Array;
}
export interface Int64Column extends ColumnBase {
  readonly layout: 'i64';
  /** Low word at 2*row, high word at 2*row+1. */
  readonly words: Int32Array;
}
export interface Float64Column extends ColumnBase {
  readonly layout: 'f64';
  readonly values: Float64Array;
}
export interface DecimalColumn extends ColumnBase {
  readonly layout: 'decimal';
  /** Cells as in wide-decimal.ts: 4 words and a scale byte per row. */
  readonly words: Int32Array;
  readonly scales: Uint8Array;
  /** Digits of the values that do not fit the words; may be shared by many columns. */
  readonly arena: Uint8Array;
}
export interface BytesColumn extends ColumnBase {
  readonly layout: 'bytes';
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** May be shared by many columns (a block of message bodies, a chunk's strings). */
  readonly arena: Uint8Array;
}
export interface IntervalColumn extends ColumnBase {
  readonly layout: 'interval';
  /** Words 4*row: months, days, low and high word of the microseconds. */
  readonly words: Int32Array;
}

export type Column =
  | BoolColumn
  | Int32Column
  | Int64Column
  | Float64Column
  | DecimalColumn
  | BytesColumn
  | IntervalColumn;
