import { assert } from '../../platform/assert.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { concatenated, gather, gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { indexed } from '../dataflow/arrangement.ts';
import { gatherStored } from '../dataflow/gather-stored.ts';
import { hashRows } from '../dataflow/hashing.ts';
import { RowIndex } from '../dataflow/row-index.ts';
import { RowTable } from '../dataflow/row-table.ts';
import type { StateTable } from '../dataflow/table.ts';

/**
 * The rows of a table, one per key. Upserts in, a delta out: a put takes back the key's old row,
 * a delete of an absent key does nothing (DESIGN section 6, Tables).
 */
export class TableState {
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #keys: readonly number[];
  /** Of other columns, by their numbers joined with ','. */
  readonly #others = new Map<string, { readonly columns: readonly number[]; index: RowIndex }>();

  constructor(
    fields: readonly Field[],
    keys: readonly number[],
    others: readonly (readonly number[])[] = [],
  ) {
    this.#table = new RowTable(fields);
    this.#index = new RowIndex(this.#table, keys, 'sql');
    this.#keys = keys;
    for (const columns of others) this.addIndex(columns);
  }

  /** From now on `find` takes these columns. */
  addIndex(columns: readonly number[]): void {
    const key = String(columns);
    if (key === String(this.#keys) || this.#others.has(key)) return;
    const index = new RowIndex(this.#table, columns, 'sql');
    index.rebuild();
    this.#others.set(key, { columns, index });
  }

  dropIndex(columns: readonly number[]): void {
    this.#others.delete(String(columns));
  }

  /**
   * Ids of the rows whose `columns` equal those of row `row`; NULL equals nothing. The columns
   * have an index.
   */
  find(columns: readonly number[], rows: Batch, row: number): readonly number[] {
    const key = String(columns);
    const index = key === String(this.#keys) ? this.#index : this.#others.get(key)?.index;
    assert(index !== undefined, 'the columns have an index');
    const cells = columns.map((column) => rows.columns[column]!);
    const ids: number[] = [];
    if (cells.some(({ nulls }) => nulls?.[row] === 1)) return ids;
    let id = index.first(cells, row, hashOf(cells, rows.rowCount, row));
    for (; id >= 0; id = index.next(id)) ids.push(id);
    return ids;
  }

  /** Rows of the state, by id. */
  rows(ids: readonly number[]): Batch {
    const numbers = Int32Array.from(ids);
    const columns = this.#table.fields.map((_, column) =>
      gatherStored(this.#table, column, numbers, ids.length),
    );
    return { rowCount: ids.length, columns, weights: new Int32Array(ids.length).fill(1) };
  }

  get rowCount(): number {
    return this.#table.rowCount;
  }

  /** Weight +1 puts the row, -1 deletes its key; in order. Returns what changed. */
  apply(changes: Batch): readonly Batch[] {
    const keyColumns = this.#keys.map((key) => changes.columns[key]!);
    const hashes = new Int32Array(changes.rowCount);
    hashRows(keyColumns, changes.rowCount, hashes);
    const deltas: Batch[] = [];
    for (let row = 0; row < changes.rowCount; row++) {
      const isPut = changes.weights[row]! > 0;
      const old = this.#index.first(keyColumns, row, hashes[row]!);
      if (old >= 0) {
        deltas.push({ ...this.rows([old]), weights: Int32Array.of(-1) });
        this.#index.remove(old);
        for (const { index } of this.#others.values()) index.remove(old);
        this.#table.remove(old);
      }
      if (!isPut) continue;
      const id = this.#table.insert(changes, row, 1);
      this.#index.add(id, hashes[row]!, -1);
      for (const { columns, index } of this.#others.values()) {
        const cells = columns.map((column) => changes.columns[column]!);
        const hash = hashOf(cells, changes.rowCount, row);
        index.add(id, hash, index.first(cells, row, hash));
      }
      deltas.push(oneRow(changes, row));
    }
    return deltas.length === 0 ? [] : [concatenated(deltas)];
  }

  snapshot(): Iterable<Batch> {
    return this.#table.snapshot();
  }

  stateTables(): readonly StateTable[] {
    const others = [...this.#others.values()].map(({ index }) => index);
    return [indexed(this.#table, this.#index, ...others)];
  }
}

/** The hash of one row of columns: a column of a single row is hashed, not the whole batch. */
function hashOf(cells: readonly Column[], rowCount: number, row: number): number {
  const single = rowCount === 1 ? cells : cells.map((cell) => gather(cell, Int32Array.of(row), 1));
  const hash = new Int32Array(1);
  hashRows(single, 1, hash);
  return hash[0]!;
}

function oneRow(batch: Batch, row: number): Batch {
  return { ...gatherBatch(batch, Int32Array.of(row), 1), weights: Int32Array.of(1) };
}
