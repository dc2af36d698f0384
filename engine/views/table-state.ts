import type { Batch } from '../../sql/columns/batch.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
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

  constructor(fields: readonly Field[], keys: readonly number[]) {
    this.#table = new RowTable(fields);
    this.#index = new RowIndex(this.#table, keys, 'sql');
    this.#keys = keys;
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
        deltas.push(this.#retraction(old));
        this.#index.remove(old);
        this.#table.remove(old);
      }
      if (!isPut) continue;
      this.#index.add(this.#table.insert(changes, row, 1), hashes[row]!, -1);
      deltas.push(oneRow(changes, row));
    }
    return deltas.length === 0 ? [] : [concatenated(deltas)];
  }

  /** True when the key of the row is present. */
  has(rows: Batch, row: number): boolean {
    const keyColumns = this.#keys.map((key) => rows.columns[key]!);
    const hashes = new Int32Array(rows.rowCount);
    hashRows(keyColumns, rows.rowCount, hashes);
    return this.#index.first(keyColumns, row, hashes[row]!) >= 0;
  }

  snapshot(): Iterable<Batch> {
    return this.#table.snapshot();
  }

  stateTables(): readonly StateTable[] {
    return [indexed(this.#table, this.#index)];
  }

  #retraction(id: number): Batch {
    const ids = Int32Array.of(id);
    const columns = this.#table.fields.map((_, column) =>
      gatherStored(this.#table, column, ids, 1),
    );
    return { rowCount: 1, columns, weights: Int32Array.of(-1) };
  }
}

function oneRow(batch: Batch, row: number): Batch {
  return { ...gatherBatch(batch, Int32Array.of(row), 1), weights: Int32Array.of(1) };
}
