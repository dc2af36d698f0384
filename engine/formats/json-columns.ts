import type { Column } from '../../sql/columns/batch.ts';
import { type Field, type Layout, layoutOf } from '../../sql/columns/types.ts';
import { WideArena } from '../../sql/columns/wide-decimal.ts';

/**
 * Where decoded values go: one writable column per declared field, with room for `capacity` rows.
 * The fast path and the row parser write the same arrays at the same row.
 */
export interface DecodedColumn {
  readonly field: Field;
  readonly layout: Layout;
  readonly nulls: Uint8Array;
  /** i32 and bool values; `undefined` arrays belong to other layouts. */
  readonly values: Int32Array | Float64Array | Uint8Array;
  /** i64: 2 per row; decimal and interval: 4 per row. */
  readonly words: Int32Array;
  readonly scales: Uint8Array;
  /** decimal: digits of the values that do not fit the words. */
  readonly wide: WideArena;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

const none = {
  values: new Uint8Array(0),
  words: new Int32Array(0),
  scales: new Uint8Array(0),
  wide: new WideArena(),
  starts: new Int32Array(0),
  lengths: new Int32Array(0),
};

export function newColumns(fields: readonly Field[], capacity: number): DecodedColumn[] {
  return fields.map((field) => newColumn(field, capacity));
}

function newColumn(field: Field, capacity: number): DecodedColumn {
  const layout = layoutOf(field.type);
  const base = { ...none, field, layout, nulls: new Uint8Array(capacity) };
  switch (layout) {
    case 'bool':
      return { ...base, values: new Uint8Array(capacity) };
    case 'i32':
      return { ...base, values: new Int32Array(capacity) };
    case 'f64':
      return { ...base, values: new Float64Array(capacity) };
    case 'i64':
      return { ...base, words: new Int32Array(2 * capacity) };
    case 'decimal':
      return {
        ...base,
        words: new Int32Array(4 * capacity),
        scales: new Uint8Array(capacity),
        wide: new WideArena(),
      };
    case 'interval':
      return { ...base, words: new Int32Array(4 * capacity) };
    case 'bytes':
      return {
        ...base,
        starts: new Int32Array(capacity),
        lengths: new Int32Array(capacity),
      };
  }
}

/** The first `rowCount` rows as batch columns; all text lies in `arena`. */
export function toColumn(column: DecodedColumn, rowCount: number, arena: Uint8Array): Column {
  const { field, layout } = column;
  const used = column.nulls.subarray(0, rowCount);
  const base = { type: field.type, nulls: used.includes(1) ? used : undefined };
  switch (layout) {
    case 'bool':
      return { ...base, layout, values: column.values as Uint8Array };
    case 'i32':
      return { ...base, layout, values: column.values as Int32Array };
    case 'f64':
      return { ...base, layout, values: column.values as Float64Array };
    case 'i64':
    case 'interval':
      return { ...base, layout, words: column.words };
    case 'decimal':
      return {
        ...base,
        layout,
        words: column.words,
        scales: column.scales,
        arena: column.wide.bytes,
      };
    case 'bytes':
      return { ...base, layout, starts: column.starts, lengths: column.lengths, arena };
  }
}
