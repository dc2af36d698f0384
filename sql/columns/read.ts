import type { Batch, Column } from './batch.ts';
import { bytesToText } from './bytes-text.ts';
import { decimalAt } from './decimal.ts';
import { bigintAt } from './i64.ts';
import { cellValue } from './nested.ts';
import type { SqlValue } from './types.ts';

export function isNull(column: Column, row: number): boolean {
  return column.nulls !== undefined && column.nulls[row] === 1;
}

/** One cell as a value (types.ts, SqlValue); bytes of a bytea or uuid are a view. */
export function valueAt(column: Column, row: number): SqlValue {
  if (column.nulls !== undefined && column.nulls[row] === 1) return null;
  switch (column.layout) {
    case 'bool':
      return column.values[row] === 1;
    case 'i32':
    case 'f64':
      return column.values[row]!;
    case 'i64':
      return bigintAt(column.words, row);
    case 'decimal':
      return decimalAt(column, row);
    case 'interval':
      return {
        months: column.words[4 * row]!,
        days: column.words[4 * row + 1]!,
        micros: bigintAt(column.words, 2 * row + 1),
      };
    case 'bytes': {
      const bytes = bytesAt(column, row);
      return column.type.kind === 'text' ? bytesToText(bytes) : cellValue(column.type, bytes);
    }
  }
}

/** The bytes of a cell of layout `bytes`, as a view. */
export function bytesAt(column: Column & { readonly layout: 'bytes' }, row: number): Uint8Array {
  const start = column.starts[row]!;
  return column.arena.subarray(start, start + column.lengths[row]!);
}

/** All rows as values, without weights. */
export function rowsOf(batch: Batch): SqlValue[][] {
  const rows: SqlValue[][] = [];
  for (let row = 0; row < batch.rowCount; row++) {
    rows.push(batch.columns.map((column) => valueAt(column, row)));
  }
  return rows;
}
