import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import { hashRows } from './hashing.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';

/**
 * Numbers for the groups that rows fall into by some of their columns, as GROUP BY equates them. A
 * group lives while it has rows; then its number may be given again. Derived state: rebuilt from
 * the rows after a restart.
 */
export class Groups {
  /** Group keys; the weight is the number of rows. */
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #columns: readonly number[];

  /** `fields`: of the rows; `columns`: those of the key. None: all rows are one group. */
  constructor(fields: readonly Field[], columns: readonly number[]) {
    this.#columns = columns;
    this.#table = new RowTable(columns.map((column) => fields[column]!));
    this.#index = new RowIndex(
      this.#table,
      columns.map((_, index) => index),
      'sql',
    );
  }

  /** The group of each row of the batch, which holds on to it until it is released. */
  add(batch: Batch): Int32Array {
    const keys = this.#columns.map((column) => batch.columns[column]!);
    const keyed: Batch = { ...batch, columns: keys };
    const hashes = new Int32Array(batch.rowCount);
    hashRows(keys, batch.rowCount, hashes);
    const groups = new Int32Array(batch.rowCount);
    for (let row = 0; row < batch.rowCount; row++) {
      let group = this.#index.first(keys, row, hashes[row]!);
      if (group < 0) {
        group = this.#table.insert(keyed, row, 1);
        this.#index.add(group, hashes[row]!, -1);
      } else {
        this.retain(group);
      }
      groups[row] = group;
    }
    return groups;
  }

  /** One row more. */
  retain(group: number): void {
    this.#table.setWeight(group, this.#table.weight(group) + 1);
  }

  /** One row fewer. */
  release(group: number): void {
    const left = this.#table.weight(group) - 1;
    if (left > 0) {
      this.#table.setWeight(group, left);
      return;
    }
    this.#index.remove(group);
    this.#table.remove(group);
  }
}
