import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import { hashRows } from './hashing.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

/**
 * A Z-set kept as state: the integral of the deltas applied so far. Equal rows are one row with a
 * weight; a weight may pass through negative values while deltas of one step come in any order.
 */
export class Arrangement {
  readonly #table: RowTable;
  readonly #rows: RowIndex;

  constructor(fields: readonly Field[]) {
    this.#table = new RowTable(fields);
    this.#rows = new RowIndex(
      this.#table,
      fields.map((_, index) => index),
      'exact',
    );
  }

  /** Different rows. */
  get rowCount(): number {
    return this.#table.rowCount;
  }

  apply(delta: Batch): void {
    const hashes = new Int32Array(delta.rowCount);
    hashRows(delta.columns, delta.rowCount, hashes);
    for (let row = 0; row < delta.rowCount; row++) {
      const id = this.#rows.first(delta.columns, row, hashes[row]!);
      if (id < 0) {
        this.#rows.add(this.#table.insert(delta, row, delta.weights[row]!), hashes[row]!, id);
        continue;
      }
      const weight = this.#table.weight(id) + delta.weights[row]!;
      if (weight !== 0) {
        this.#table.setWeight(id, weight);
      } else {
        this.#rows.remove(id);
        this.#table.remove(id);
      }
    }
  }

  snapshot(): Iterable<Batch> {
    return this.#table.snapshot();
  }

  stateTables(): readonly StateTable[] {
    return [indexed(this.#table, this.#rows)];
  }
}

/** A table whose indexes are derived from it. */
export function indexed(table: RowTable, ...indexes: readonly RowIndex[]): StateTable {
  return {
    checkpoint: () => table.checkpoint(),
    restore: (piece) => table.restore(piece),
    restored: () => {
      table.restored();
      for (const index of indexes) index.rebuild();
    },
  };
}
