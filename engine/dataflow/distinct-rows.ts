import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { AggregateCall } from '../../sql/plan/physical.ts';
import type { CountedRows } from './accumulators.ts';
import { indexed } from './arrangement.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const chunkMask = limits.chunkRows - 1;
const integer = { kind: 'integer' } as const;

/**
 * DISTINCT inside an aggregate call: of the arguments' rows in each group, those that come or go.
 * With w the number of copies of a row in its group,
 *
 *   d(distinct) = [w + dw > 0] - [w > 0]
 *
 * Rows are (group, arguments) with w as weight, which may pass through negative values within a
 * step. Rows are equal as for SQL's `=`; what comes out is the row that is kept.
 */
export class DistinctRows {
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #call: AggregateCall;

  /** `fields`: of the aggregate's input. */
  constructor(fields: readonly Field[], call: AggregateCall) {
    this.#call = call;
    this.#table = new RowTable([
      { name: 'group', type: integer, nullable: false },
      ...call.args.map((arg) => fields[arg]!),
    ]);
    const keys = this.#table.fields.map((_, index) => index);
    this.#index = new RowIndex(this.#table, keys, 'sql');
  }

  changes({ batch, args, rows, groups, count }: CountedRows): CountedRows {
    const groupOfRow = new Int32Array(batch.rowCount);
    for (let i = 0; i < count; i++) groupOfRow[rows[i]!] = groups[i]!;
    const group: Column = { layout: 'i32', type: integer, nulls: undefined, values: groupOfRow };
    const keyed: Batch = { ...batch, columns: [group, ...args] };
    const hashes = new Int32Array(batch.rowCount);
    hashRows(keyed.columns, batch.rowCount, hashes);
    const changed = new Int32Array(count);
    const weights = new Int32Array(count);
    const gone = new Set<number>();
    let changes = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const id = this.#rowOf(keyed, row, hashes[row]!);
      const before = this.#table.weight(id);
      const after = before + batch.weights[row]!;
      this.#table.setWeight(id, after);
      if (before === 0 || after === 0) gone.add(id);
      const change = Number(after > 0) - Number(before > 0);
      if (change === 0) continue;
      changed[changes] = id;
      weights[changes++] = change;
    }
    const result = this.#rowsOf(changed, weights, changes);
    for (const id of gone) {
      if (this.#table.weight(id) !== 0) continue;
      this.#index.remove(id);
      this.#table.remove(id);
    }
    return result;
  }

  stateTables(): readonly StateTable[] {
    return [indexed(this.#table, this.#index)];
  }

  /** The kept row that equals the given one; a new one has weight 0 until the caller sets it. */
  #rowOf(keyed: Batch, row: number, hash: number): number {
    const known = this.#index.first(keyed.columns, row, hash);
    if (known >= 0) return known;
    const id = this.#table.insert(keyed, row, 0);
    this.#index.add(id, hash, -1);
    return id;
  }

  /** The kept rows as a batch in which only the arguments' columns are there. */
  #rowsOf(ids: Int32Array, weights: Int32Array, count: number): CountedRows {
    const args = this.#call.args.map((_, arg) => gatherStored(this.#table, 1 + arg, ids, count));
    const columns: Column[] = [];
    for (const [index, arg] of this.#call.args.entries()) columns[arg] = args[index]!;
    const rows = new Int32Array(count);
    const groups = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const { values } = this.#table.chunk(ids[i]!).columns[0] as Extract<
        Column,
        { layout: 'i32' }
      >;
      rows[i] = i;
      groups[i] = values[ids[i]! & chunkMask]!;
    }
    return { batch: { rowCount: count, columns, weights }, args, rows, groups, count };
  }
}
