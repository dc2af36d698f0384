import type { Batch, Column } from '../../sql/columns/batch.ts';
import { gather } from '../../sql/columns/gather.ts';
import { hashRows } from './hashing.ts';
import { RowIndex } from './row-index.ts';
import type { RowTable } from './row-table.ts';

/**
 * Indexes of a table beside its own: for UNIQUE and for CREATE INDEX. Its owner tells of every row
 * that comes and goes. Keys compare as SQL's `=`.
 */
export class SecondaryIndexes {
  readonly #table: RowTable;
  /** By the columns' numbers; `users` of the same columns share one. */
  readonly #byColumns = new Map<
    string,
    { readonly columns: readonly number[]; readonly index: RowIndex; users: number }
  >();

  constructor(table: RowTable) {
    this.#table = table;
  }

  add(columns: readonly number[]): void {
    const known = this.#byColumns.get(String(columns));
    if (known !== undefined) {
      known.users++;
      return;
    }
    const index = new RowIndex(this.#table, columns, 'sql');
    index.rebuild();
    this.#byColumns.set(String(columns), { columns, index, users: 1 });
  }

  drop(columns: readonly number[]): void {
    const known = this.#byColumns.get(String(columns));
    if (known !== undefined && --known.users === 0) this.#byColumns.delete(String(columns));
  }

  /** The columns of each index. */
  get columns(): readonly (readonly number[])[] {
    return [...this.#byColumns.values()].map(({ columns }) => columns);
  }

  of(columns: readonly number[]): RowIndex | undefined {
    return this.#byColumns.get(String(columns))?.index;
  }

  all(): readonly RowIndex[] {
    return [...this.#byColumns.values()].map(({ index }) => index);
  }

  /** Row `id` of the table came, with the values of row `row` of `rows`. */
  insert(id: number, rows: Batch, row: number): void {
    for (const { columns, index } of this.#byColumns.values()) {
      const cells = columns.map((column) => rows.columns[column]!);
      const hash = hashOfRow(cells, rows.rowCount, row);
      index.add(id, hash, index.first(cells, row, hash));
    }
  }

  remove(id: number): void {
    for (const { index } of this.#byColumns.values()) index.remove(id);
  }
}

/** Ids of the rows of an index whose key is that of row `row`; NULL equals nothing. */
export function idsOf(
  index: RowIndex,
  columns: readonly number[],
  rows: Batch,
  row: number,
): readonly number[] {
  const cells = columns.map((column) => rows.columns[column]!);
  const ids: number[] = [];
  if (cells.some(({ nulls }) => nulls?.[row] === 1)) return ids;
  let id = index.first(cells, row, hashOfRow(cells, rows.rowCount, row));
  for (; id >= 0; id = index.next(id)) ids.push(id);
  return ids;
}

/** The hash of one row: of a batch of many, not all are hashed for it. */
function hashOfRow(cells: readonly Column[], rowCount: number, row: number): number {
  const single = rowCount === 1 ? cells : cells.map((cell) => gather(cell, Int32Array.of(row), 1));
  const hash = new Int32Array(1);
  hashRows(single, 1, hash);
  return hash[0]!;
}
