import type { Batch, Column } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { gather } from '../../sql/columns/gather.ts';
import type { Field, SqlValue } from '../../sql/columns/types.ts';
import { columnCountOf, decodeRows, encodeRows } from '../formats/row-block.ts';

/**
 * What ALTER TABLE made of a table's columns: of each new column, in order, its number among the old
 * ones, or the value that it has in rows that were there: a block of that one row and column
 * (formats/row-block.ts) in base64, null for NULL.
 */
export type ColumnOrigin = number | string | null;

export function originOfValue(field: Field, value: SqlValue): ColumnOrigin {
  if (value === null) return null;
  return Buffer.from(encodeRows(batchOf([field], [[value]]))).toString('base64');
}

interface StoredColumn {
  readonly field: Field;
  /** Its number in the table; `undefined` for one that was dropped. */
  readonly column: number | undefined;
  /** One row: what entries have that were written before the column was added. */
  readonly value: Column;
}

/**
 * How a table's rows lie in the entries of its topic. Stored columns are only ever added behind those
 * that are there, and stay when they are dropped, then as NULL: so the number of columns of an entry
 * tells which they are, and the columns of the key stay where compaction finds them
 * (formats/keyed-rows.ts).
 */
export class StoredLayout {
  readonly #columns: readonly StoredColumn[];
  readonly #isPlain: boolean;

  private constructor(columns: readonly StoredColumn[]) {
    this.#columns = columns;
    this.#isPlain = columns.every(({ column }, index) => column === index);
  }

  /** Of a table as it was created. */
  static of(fields: readonly Field[]): StoredLayout {
    return new StoredLayout(
      fields.map((field, column) => ({ field, column, value: nullOf(field) })),
    );
  }

  /** `origins` of `fields`, which are the table's columns from now on. */
  altered(fields: readonly Field[], origins: readonly ColumnOrigin[]): StoredLayout {
    const kept = this.#columns.map(({ field, column, value }): StoredColumn => {
      const at = column === undefined ? -1 : origins.indexOf(column);
      return { field, column: at < 0 ? undefined : at, value };
    });
    const added = fields.flatMap((field, column): StoredColumn[] => {
      const origin = origins[column]!;
      return typeof origin === 'number' ? [] : [{ field, column, value: valueFrom(field, origin) }];
    });
    return new StoredLayout([...kept, ...added]);
  }

  /** An entry's rows with the table's columns. Throws CORRUPTION. */
  decode(body: Uint8Array): Batch {
    const known = this.#columns.slice(0, columnCountOf(body));
    const rows = decodeRows(
      body,
      known.map(({ field }) => field),
    );
    if (this.#isPlain && known.length === this.#columns.length) return rows;
    const columns: Column[] = [];
    for (const [index, { column, value }] of this.#columns.entries()) {
      if (column !== undefined) columns[column] = rows.columns[index] ?? repeated(value, rows);
    }
    return { rowCount: rows.rowCount, columns, weights: rows.weights };
  }

  /** Rows of the table as an entry has them. */
  stored(rows: Batch): Batch {
    if (this.#isPlain) return rows;
    const columns = this.#columns.map(({ column, field }) =>
      column === undefined ? repeated(nullOf(field), rows) : rows.columns[column]!,
    );
    return { rowCount: rows.rowCount, columns, weights: rows.weights };
  }
}

/** Rows with the old columns as rows with the new ones. */
export function withOrigins(
  rows: Batch,
  fields: readonly Field[],
  origins: readonly ColumnOrigin[],
): Batch {
  const columns = fields.map((field, index) => {
    const origin = origins[index]!;
    return typeof origin === 'number'
      ? rows.columns[origin]!
      : repeated(valueFrom(field, origin), rows);
  });
  return { rowCount: rows.rowCount, columns, weights: rows.weights };
}

function valueFrom(field: Field, origin: string | null): Column {
  if (origin === null) return nullOf(field);
  return decodeRows(Buffer.from(origin, 'base64'), [field]).columns[0]!;
}

function nullOf(field: Field): Column {
  return batchOf([{ ...field, nullable: true }], [[null]]).columns[0]!;
}

function repeated(value: Column, { rowCount }: Batch): Column {
  return gather(value, new Int32Array(rowCount), rowCount);
}
