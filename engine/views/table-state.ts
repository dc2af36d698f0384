import { assert } from '../../platform/assert.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { gather, gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { TableConflict } from '../../sql/syntax/statement-ast.ts';
import { indexed } from '../dataflow/arrangement.ts';
import { gatherStored } from '../dataflow/gather-stored.ts';
import { hashRows } from '../dataflow/hashing.ts';
import { RowIndex } from '../dataflow/row-index.ts';
import { RowTable } from '../dataflow/row-table.ts';
import { idsOf, SecondaryIndexes } from '../dataflow/secondary-indexes.ts';
import type { StateTable } from '../dataflow/table.ts';

/**
 * The rows of a table, one per key. Upserts in, a delta out: a put takes back the key's old row,
 * a delete of an absent key does nothing (DESIGN section 6, Tables).
 */
export class TableState {
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #keys: readonly number[];
  readonly #onConflict: TableConflict | undefined;
  /** Of other columns. */
  readonly indexes: SecondaryIndexes;

  constructor(
    fields: readonly Field[],
    keys: readonly number[],
    others: readonly (readonly number[])[] = [],
    /** What a put does whose key is there. */
    onConflict?: TableConflict,
  ) {
    this.#onConflict = onConflict;
    this.#table = new RowTable(fields);
    this.#index = new RowIndex(this.#table, keys, 'sql');
    this.#keys = keys;
    this.indexes = new SecondaryIndexes(this.#table);
    for (const columns of others) this.indexes.add(columns);
  }

  get rowCount(): number {
    return this.#table.rowCount;
  }

  /**
   * Ids of the rows whose `columns` equal those of row `row`; NULL equals nothing. The columns
   * are the key or have an index.
   */
  find(columns: readonly number[], rows: Batch, row: number): readonly number[] {
    const isKey = String(columns) === String(this.#keys);
    const index = isKey ? this.#index : this.indexes.of(columns);
    assert(index !== undefined, 'the columns have an index');
    return idsOf(index, columns, rows, row);
  }

  /** Rows of the state, by id. */
  rows(ids: readonly number[]): Batch {
    const numbers = Int32Array.from(ids);
    const columns = this.#table.fields.map((_, column) =>
      gatherStored(this.#table, column, numbers, ids.length),
    );
    return { rowCount: ids.length, columns, weights: new Int32Array(ids.length).fill(1) };
  }

  /** Weight +1 puts the row, -1 deletes its key; in order. Returns what went and what came. */
  apply(changes: Batch): readonly Batch[] {
    const keyColumns = this.#keys.map((key) => changes.columns[key]!);
    const hashes = new Int32Array(changes.rowCount);
    hashRows(keyColumns, changes.rowCount, hashes);
    // They stay in the table until all are read: a freed id would be given to the next row.
    const gone: number[] = [];
    const put = new Int32Array(changes.rowCount);
    let puts = 0;
    const merged: Batch[] = [];
    for (let row = 0; row < changes.rowCount; row++) {
      const old = this.#index.first(keyColumns, row, hashes[row]!);
      const isConflict = old >= 0 && changes.weights[row]! > 0;
      if (isConflict && this.#onConflict === 'ignore') continue;
      if (isConflict && this.#onConflict === 'fill') {
        const filled = this.#filled(old, changes, row);
        merged.push(filled);
        gone.push(old);
        this.#index.remove(old);
        this.indexes.remove(old);
        this.#put(filled, 0, hashes[row]!);
        continue;
      }
      if (old >= 0) {
        gone.push(old);
        this.#index.remove(old);
        this.indexes.remove(old);
      }
      if (changes.weights[row]! <= 0) continue;
      this.#put(changes, row, hashes[row]!);
      put[puts++] = row;
    }
    const deltas: Batch[] = [];
    if (gone.length > 0) {
      deltas.push({ ...this.rows(gone), weights: new Int32Array(gone.length).fill(-1) });
    }
    for (const id of gone) this.#table.remove(id);
    if (puts > 0) {
      const rows = gatherBatch(changes, put, puts);
      deltas.push({ ...rows, weights: new Int32Array(puts).fill(1) });
    }
    return [...deltas, ...merged];
  }

  #put(rows: Batch, row: number, hash: number): void {
    const id = this.#table.insert(rows, row, 1);
    this.#index.add(id, hash, -1);
    this.indexes.insert(id, rows, row);
  }

  /** The old row with the values of row `row` that are not NULL. */
  #filled(old: number, rows: Batch, row: number): Batch {
    const before = this.rows([old]);
    const columns = rows.columns.map((column, index) =>
      column.nulls?.[row] === 1 ? before.columns[index]! : gather(column, Int32Array.of(row), 1),
    );
    return { rowCount: 1, columns, weights: Int32Array.of(1) };
  }

  snapshot(): Iterable<Batch> {
    return this.#table.snapshot();
  }

  stateTables(): readonly StateTable[] {
    return [indexed(this.#table, this.#index, this.indexes)];
  }
}
