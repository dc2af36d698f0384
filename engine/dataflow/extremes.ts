import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { CountedRows } from './accumulators.ts';
import { indexed } from './arrangement.ts';
import { hashRows } from './hashing.ts';
import { compareCells } from './ordering.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const mask = limits.chunkRows - 1;

/**
 * MIN or MAX. Over an input that only grows, one row per group keeps the extreme. Otherwise every
 * different value of a group is kept with its weight, and the extreme is looked for again among
 * them when its last copy goes away.
 *
 * Rows are (group, value, is the extreme); the weight is the number of copies. Groups are known by
 * their row ids in the aggregate's table, which a checkpoint preserves.
 */
export class Extremes {
  readonly #table: RowTable;
  readonly #values: RowIndex;
  readonly #groups: RowIndex;
  readonly #compare;
  readonly #sign: number;
  readonly #appendOnly: boolean;
  /** Row of the present extreme by group id, or -1; derived from the table. */
  #best = new Int32Array(1024).fill(-1);

  constructor(type: SqlType, largest: boolean, appendOnly: boolean) {
    const fields: Field[] = [
      { name: 'group', type: { kind: 'integer' }, nullable: false },
      { name: 'value', type, nullable: false },
    ];
    this.#table = new RowTable(fields);
    this.#values = new RowIndex(this.#table, [0, 1], 'exact');
    this.#groups = new RowIndex(this.#table, [0], 'sql');
    this.#compare = compareCells(type);
    this.#sign = largest ? 1 : -1;
    this.#appendOnly = appendOnly;
  }

  update({ batch, count, rows, groups, arg }: CountedRows): void {
    const width = batch.rowCount;
    // The batch's rows as (group, value); rows that are not counted stay untouched.
    const groupOfRow = new Int32Array(width);
    for (let i = 0; i < count; i++) groupOfRow[rows[i]!] = groups[i]!;
    const groupColumn: Column = {
      layout: 'i32',
      type: { kind: 'integer' },
      nulls: undefined,
      values: groupOfRow,
    };
    const columns = [groupColumn, arg!];
    const pairs: Batch = { rowCount: width, columns, weights: batch.weights };
    const valueHashes = new Int32Array(width);
    const groupHashes = new Int32Array(width);
    hashRows(columns, width, valueHashes);
    hashRows([groupColumn], width, groupHashes);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (this.#appendOnly) this.#keepBest(pairs, row, groupHashes[row]!);
      else this.#keepAll(pairs, row, valueHashes[row]!, groupHashes[row]!);
    }
  }

  value(group: number): SqlValue {
    const best = group < this.#best.length ? this.#best[group]! : -1;
    return best < 0 ? null : valueAt(this.#table.chunk(best).columns[1]!, best & mask);
  }

  stateTables(): readonly StateTable[] {
    const table = indexed(this.#table, this.#values, this.#groups);
    return [
      {
        ...table,
        restored: () => {
          table.restored();
          for (const id of this.#table.ids()) this.#offer(id);
        },
      },
    ];
  }

  #keepBest(pairs: Batch, row: number, groupHash: number): void {
    const group = (pairs.columns[0] as Extract<Column, { layout: 'i32' }>).values[row]!;
    const best = this.#bestOf(group);
    if (best >= 0) {
      const stored = this.#table.chunk(best).columns[1]!;
      if (this.#sign * this.#compare(pairs.columns[1]!, row, stored, best & mask) <= 0) return;
      this.#groups.remove(best);
      this.#table.remove(best);
    }
    const id = this.#table.insert(pairs, row, 1);
    this.#groups.add(id, groupHash, -1);
    this.#best[group] = id;
  }

  #keepAll(pairs: Batch, row: number, valueHash: number, groupHash: number): void {
    const weight = pairs.weights[row]!;
    const same = this.#values.first(pairs.columns, row, valueHash);
    if (same < 0) {
      const id = this.#table.insert(pairs, row, weight);
      this.#values.add(id, valueHash, -1);
      this.#groups.add(id, groupHash, this.#groups.first(pairs.columns, row, groupHash));
      this.#offer(id);
      return;
    }
    const sum = this.#table.weight(same) + weight;
    if (sum !== 0) {
      this.#table.setWeight(same, sum);
      return;
    }
    const group = this.#groupOf(same);
    this.#values.remove(same);
    this.#groups.remove(same);
    this.#table.remove(same);
    if (this.#bestOf(group) !== same) return;
    this.#best[group] = -1;
    let id = this.#groups.first(pairs.columns, row, groupHash);
    for (; id >= 0; id = this.#groups.next(id)) this.#offer(id);
  }

  /** Makes row `id` its group's extreme if it beats the present one; ties go to the exact order. */
  #offer(id: number): void {
    const group = this.#groupOf(id);
    const best = this.#bestOf(group);
    if (best >= 0) {
      const stored = this.#table.chunk(best).columns[1]!;
      const offered = this.#table.chunk(id).columns[1]!;
      if (this.#sign * this.#compare(offered, id & mask, stored, best & mask) <= 0) return;
    }
    this.#best[group] = id;
  }

  #groupOf(id: number): number {
    const { values } = this.#table.chunk(id).columns[0] as Extract<Column, { layout: 'i32' }>;
    return values[id & mask]!;
  }

  #bestOf(group: number): number {
    if (group >= this.#best.length) {
      const larger = new Int32Array(Math.max(group + 1, 2 * this.#best.length)).fill(-1);
      larger.set(this.#best);
      this.#best = larger;
    }
    return this.#best[group]!;
  }
}
