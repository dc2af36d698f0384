import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { AggregateCall } from '../../sql/plan/physical.ts';
import type { CountedRows } from './accumulators.ts';
import { indexed } from './arrangement.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { Representatives } from './representatives.ts';
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
 * step. Rows are equal as for SQL's `=`; what comes out is the least of those that are equal.
 */
export class DistinctRows {
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #call: AggregateCall;
  readonly #representatives: Representatives | undefined;

  /** `fields`: of the aggregate's input. */
  constructor(fields: readonly Field[], call: AggregateCall, isGrowing: boolean) {
    this.#call = call;
    this.#table = new RowTable([
      { name: 'group', type: integer, nullable: false },
      ...call.args.map((arg) => fields[arg]!),
    ]);
    const keys = this.#table.fields.map((_, index) => index);
    this.#index = new RowIndex(this.#table, keys, 'sql');
    // A count does not tell them apart.
    if (call.functionId === 'count') return;
    this.#representatives = Representatives.of(this.#table, keys.slice(1), isGrowing);
  }

  /** What goes, then what comes. */
  changes({ batch, args, rows, groups, count }: CountedRows): readonly CountedRows[] {
    const groupOfRow = new Int32Array(batch.rowCount);
    for (let i = 0; i < count; i++) groupOfRow[rows[i]!] = groups[i]!;
    const group: Column = { layout: 'i32', type: integer, nulls: undefined, values: groupOfRow };
    const keyed: Batch = { ...batch, columns: [group, ...args] };
    const hashes = new Int32Array(batch.rowCount);
    hashRows(keyed.columns, batch.rowCount, hashes);
    const ids = new Int32Array(count);
    /** Whether each row was there before. */
    const touched = new Map<number, boolean>();
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const id = this.#rowOf(keyed, row, hashes[row]!);
      ids[i] = id;
      const copies = this.#table.weight(id);
      if (!touched.has(id)) touched.set(id, copies > 0);
      this.#table.setWeight(id, copies + batch.weights[row]!);
    }
    const result =
      this.#representatives === undefined
        ? this.#turned(touched)
        : this.#shown(this.#representatives, touched, gatherBatch(keyed, rows, count), ids);
    for (const id of touched.keys()) {
      if (this.#table.weight(id) !== 0) continue;
      this.#index.remove(id);
      this.#table.remove(id);
    }
    return result;
  }

  stateTables(): readonly StateTable[] {
    const variants = this.#representatives?.stateTables() ?? [];
    return [indexed(this.#table, this.#index), ...variants];
  }

  /** Rows that are there now and were not, or the reverse. */
  #turned(touched: ReadonlyMap<number, boolean>): readonly CountedRows[] {
    const isThere = (id: number) => this.#table.weight(id) > 0;
    const gone = [...touched].flatMap(([id, was]) => (was && !isThere(id) ? [id] : []));
    const come = [...touched].flatMap(([id, was]) => (!was && isThere(id) ? [id] : []));
    return [this.#rowsOf(gone, -1), this.#rowsOf(come, 1)];
  }

  /** The same where the copies that a row stands for may look different: `keyed` has them. */
  #shown(
    representatives: Representatives,
    touched: ReadonlyMap<number, boolean>,
    keyed: Batch,
    ids: Int32Array,
  ): readonly CountedRows[] {
    const old = this.#rowsOf(
      [...touched].flatMap(([id, was]) => (was ? [id] : [])),
      -1,
    );
    representatives.update(keyed.columns.slice(1), keyed, ids);
    representatives.settle(touched.keys());
    const there = [...touched.keys()].filter((id) => this.#table.weight(id) > 0);
    return [old, this.#rowsOf(there, 1)];
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
  #rowsOf(rowIds: readonly number[], weight: 1 | -1): CountedRows {
    const ids = Int32Array.from(rowIds);
    const count = ids.length;
    const weights = new Int32Array(count).fill(weight);
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
