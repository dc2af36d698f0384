import { assert } from '../../platform/assert.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import { idsOf, SecondaryIndexes } from './secondary-indexes.ts';
import type { StateTable } from './table.ts';

/**
 * A Z-set kept as state: the integral of the deltas applied so far. Equal rows are one row with a
 * weight; a weight may pass through negative values while deltas of one step come in any order.
 */
export class Arrangement {
  readonly #table: RowTable;
  readonly #rows: RowIndex;
  readonly indexes: SecondaryIndexes;

  constructor(fields: readonly Field[]) {
    this.#table = new RowTable(fields);
    this.#rows = new RowIndex(
      this.#table,
      fields.map((_, index) => index),
      'exact',
    );
    this.indexes = new SecondaryIndexes(this.#table);
  }

  /** Different rows. */
  get rowCount(): number {
    return this.#table.rowCount;
  }

  /** Finds all rows before it changes one; only rows that this very delta touched are sought again. */
  apply(delta: Batch): void {
    const { rowCount, columns, weights } = delta;
    const hashes = new Int32Array(rowCount);
    hashRows(columns, rowCount, hashes);
    const known = new Int32Array(rowCount);
    this.#rows.find(columns, hashes, rowCount, known);
    const gone: number[] = [];
    for (let row = 0; row < rowCount; row++) {
      let id = known[row]!;
      if (id < 0 || this.#table.weight(id) === 0) id = this.#rows.first(columns, row, hashes[row]!);
      if (id < 0) {
        const added = this.#table.insert(delta, row, weights[row]!);
        this.#rows.add(added, hashes[row]!, id);
        this.indexes.insert(added, delta, row);
        continue;
      }
      const weight = this.#table.weight(id) + weights[row]!;
      if (weight !== 0) {
        this.#table.setWeight(id, weight);
      } else {
        this.#rows.remove(id);
        this.indexes.remove(id);
        this.#table.vacate(id);
        gone.push(id);
      }
    }
    this.#table.free(gone);
  }

  /** The weight of the row that equals row `row` of the batch; 0 when there is none. */
  copies(batch: Batch, row: number): number {
    const single = gatherBatch(batch, Int32Array.of(row), 1);
    const hashes = new Int32Array(1);
    hashRows(single.columns, 1, hashes);
    const id = this.#rows.first(single.columns, 0, hashes[0]!);
    return id < 0 ? 0 : this.#table.weight(id);
  }

  snapshot(): Iterable<Batch> {
    return this.#table.snapshot();
  }

  /** Rows whose `columns`, which have an index, are those of the first row of `key`. */
  find(columns: readonly number[], key: Batch): Batch {
    const index = this.indexes.of(columns);
    assert(index !== undefined, 'the columns have an index');
    const ids = Int32Array.from(idsOf(index, columns, key, 0));
    return {
      rowCount: ids.length,
      columns: this.#table.fields.map((_, column) =>
        gatherStored(this.#table, column, ids, ids.length),
      ),
      weights: Int32Array.from(ids, (id) => this.#table.weight(id)),
    };
  }

  stateTables(): readonly StateTable[] {
    return [indexed(this.#table, this.#rows, this.indexes)];
  }
}

/** A table whose indexes are derived from it. */
export function indexed(
  table: RowTable,
  ...derived: readonly (RowIndex | SecondaryIndexes)[]
): StateTable {
  const indexes = () =>
    derived.flatMap((item) => (item instanceof SecondaryIndexes ? item.all() : [item]));
  return {
    get size() {
      const bytes = indexes().reduce((sum, index) => sum + index.bytes, table.size.bytes);
      return { rows: table.rowCount, bytes };
    },
    checkpoint: () => table.checkpoint(),
    restore: (piece) => table.restore(piece),
    restored: () => {
      table.restored();
      for (const index of indexes()) index.rebuild();
    },
  };
}
