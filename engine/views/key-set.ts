import type { Batch } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { hashRows } from '../dataflow/hashing.ts';
import { RowIndex } from '../dataflow/row-index.ts';
import { RowTable } from '../dataflow/row-table.ts';

/** Keys seen so far in one statement, equal as SQL has it (1.0 = 1.00). A NULL equals nothing. */
export class KeySet {
  readonly #columns: readonly number[];
  readonly #table: RowTable;
  readonly #index: RowIndex;

  /** `columns`: those of the key, among `fields`. */
  constructor(fields: readonly Field[], columns: readonly number[]) {
    this.#columns = columns;
    this.#table = new RowTable(columns.map((column) => fields[column]!));
    this.#index = new RowIndex(
      this.#table,
      columns.map((_, index) => index),
      'sql',
    );
  }

  has(rows: Batch, row: number): boolean {
    const key = this.#key(rows, row);
    return !hasNull(key) && this.#index.first(key.columns, 0, hashOf(key)) >= 0;
  }

  add(rows: Batch, row: number): void {
    const key = this.#key(rows, row);
    const hash = hashOf(key);
    const head = this.#index.first(key.columns, 0, hash);
    this.#index.add(this.#table.insert(key, 0, 1), hash, head);
  }

  #key(rows: Batch, row: number): Batch {
    const columns = this.#columns.map((column) => rows.columns[column]!);
    return gatherBatch({ ...rows, columns }, Int32Array.of(row), 1);
  }
}

function hashOf({ columns }: Batch): number {
  const hash = new Int32Array(1);
  hashRows(columns, 1, hash);
  return hash[0]!;
}

function hasNull({ columns }: Batch): boolean {
  return columns.some(({ nulls }) => nulls?.[0] === 1);
}
