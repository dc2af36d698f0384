import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { AggregateCall, AggregateNode } from '../../sql/plan/physical.ts';
import {
  type Accumulator,
  accumulatorOf,
  addToCount,
  type CountedRows,
  countOf,
  outputColumn,
} from './accumulators.ts';
import { indexed } from './arrangement.ts';
import { Extremes } from './extremes.ts';
import { gatherStored } from './gather-stored.ts';
import { cellsEqual, hashRows } from './hashing.ts';
import type { NamedCell, OnErrors } from './linear.ts';
import { noBatches, type Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

/**
 * GROUP BY. With A the accumulated input and f the aggregates of one group,
 *
 *   d(f(A)) = f(A + dA) - f(A), for the groups that occur in dA
 *
 * so each step takes back the old row of every touched group and gives its new one, unless they
 * are the same. The group table has one row per group: key columns, number of input rows, then
 * the state of each call. A group without input rows goes away; without GROUP BY the one group
 * stays, and is there from the first step on, even over no input.
 */
export class AggregateOperator implements Operator {
  readonly #input: Operator;
  readonly #node: AggregateNode;
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #calls: readonly Call[];
  readonly #countColumn: number;
  readonly #outputEqual;
  readonly #onErrors: OnErrors;
  /** By group id: the last step that touched it. */
  #stamps = new Int32Array(1024);
  /** By group id: its row among the old rows, plus 1; all 0 between steps. */
  #oldAt = new Int32Array(1024);
  #stepNumber = 0;

  constructor(node: AggregateNode, input: Operator, onErrors: OnErrors) {
    this.#input = input;
    this.#node = node;
    this.#onErrors = onErrors;
    const keyFields = node.groupBy.map((column) => node.input.fields[column]!);
    const fields: Field[] = [
      ...keyFields,
      { name: 'rows', type: { kind: 'bigint' }, nullable: false },
    ];
    this.#countColumn = keyFields.length;
    this.#calls = node.calls.map((call, index) => {
      const first = fields.length;
      const type = node.fields[keyFields.length + index]!.type;
      const made = newCall(call, first, node, type);
      fields.push(...(made.accumulator?.stateFields ?? []));
      return made;
    });
    this.#table = new RowTable(fields);
    this.#index = new RowIndex(
      this.#table,
      keyFields.map((_, index) => index),
      'sql',
    );
    this.#outputEqual = node.fields.map(({ type }) => cellsEqual(type, 'exact'));
  }

  step(): readonly Batch[] {
    const deltas = this.#input.step();
    const isFirst = this.#node.groupBy.length === 0 && this.#table.rowCount === 0;
    if (deltas.length === 0 && !isFirst) return noBatches;
    this.#stepNumber++;
    const touched: number[] = [];
    const before: GroupRows[] = [];
    if (isFirst) touched.push(this.#globalGroup());
    for (const delta of deltas) {
      const groups = this.#groupsOf(delta, touched, before);
      this.#count(delta, groups);
      for (const call of this.#calls) this.#update(call, delta, groups);
    }
    const after = this.#rowsOf(Int32Array.from(touched), 1);
    this.#dropEmpty(touched);
    return this.#changes(before, after);
  }

  stateTables(): readonly StateTable[] {
    const extremes = this.#calls.flatMap((call) => call.extremes?.stateTables() ?? []);
    return [...this.#input.stateTables(), indexed(this.#table, this.#index), ...extremes];
  }

  #globalGroup(): number {
    const empty: Batch = { rowCount: 1, columns: [], weights: Int32Array.of(1) };
    const hash = new Int32Array(1);
    hashRows([], 1, hash);
    const id = this.#table.insert(empty, 0, 1);
    this.#index.add(id, hash[0]!, -1);
    this.#touch(id);
    return id;
  }

  /** Group id of each row; the old rows of groups met for the first time go to `before`. */
  #groupsOf(delta: Batch, touched: number[], before: GroupRows[]): Int32Array {
    const { rowCount } = delta;
    const keys = this.#node.groupBy.map((column) => delta.columns[column]!);
    const hashes = new Int32Array(rowCount);
    hashRows(keys, rowCount, hashes);
    const keyRows: Batch = { rowCount, columns: keys, weights: delta.weights };
    const groups = new Int32Array(rowCount);
    const known: number[] = [];
    for (let row = 0; row < rowCount; row++) {
      let id = this.#index.first(keys, row, hashes[row]!);
      if (id < 0) {
        id = this.#table.insert(keyRows, row, 1);
        this.#clearState(id);
        this.#index.add(id, hashes[row]!, -1);
        this.#touch(id);
        touched.push(id);
      } else if (this.#touch(id)) {
        touched.push(id);
        known.push(id);
        this.#table.writable(id);
      }
      groups[row] = id;
    }
    if (known.length > 0) before.push(this.#rowsOf(Int32Array.from(known), -1));
    return groups;
  }

  /** A reused row has its last owner's state. */
  #clearState(id: number): void {
    const local = id & (limits.chunkRows - 1);
    const { columns } = this.#table.chunk(id);
    for (let c = this.#countColumn; c < columns.length; c++) {
      const column = columns[c]!;
      if (column.layout === 'i64') column.words.fill(0, 2 * local, 2 * local + 2);
      else if (column.layout === 'bytes') column.lengths[local] = 0;
      else if (column.layout === 'decimal') {
        column.words.fill(0, 4 * local, 4 * local + 4);
        column.scales[local] = 0;
      } else assert(false, `a ${column.layout} column keeps no aggregate's state`);
    }
  }

  /** True the first time in this step. */
  #touch(id: number): boolean {
    if (id >= this.#stamps.length) {
      const capacity = Math.max(id + 1, 2 * this.#stamps.length);
      this.#stamps = grown(this.#stamps, capacity, Int32Array);
      this.#oldAt = grown(this.#oldAt, capacity, Int32Array);
    }
    if (this.#stamps[id] === this.#stepNumber) return false;
    this.#stamps[id] = this.#stepNumber;
    return true;
  }

  #count(delta: Batch, groups: Int32Array): void {
    for (let row = 0; row < delta.rowCount; row++) {
      const id = groups[row]!;
      const column = this.#table.chunk(id).columns[this.#countColumn]!;
      addToCount(column, id & (limits.chunkRows - 1), delta.weights[row]!);
    }
  }

  #update(call: Call, delta: Batch, groups: Int32Array): void {
    const counted = countedRows(call, delta, groups);
    if (counted.count === 0) return;
    if (call.extremes !== undefined) call.extremes.update(counted);
    else call.accumulator!.update(this.#table, call.first, counted);
  }

  /**
   * The output rows of those of the groups that have input rows. A value that cannot be computed
   * is NULL and an error, given with weight +1 for new rows and -1 for old ones.
   */
  #rowsOf(groups: Int32Array, weight: 1 | -1): GroupRows {
    const ids = new Int32Array(groups.length);
    let count = 0;
    for (const id of groups) {
      const isThere =
        this.#node.groupBy.length === 0 || countOf(this.#table, this.#countColumn, id) > 0n;
      if (isThere) ids[count++] = id;
    }
    const keys = this.#node.groupBy.map((_, key) => gatherStored(this.#table, key, ids, count));
    const values = this.#calls.map((call, index) =>
      outputColumn(this.#node.fields[keys.length + index]!.type, ids, count, (id) =>
        this.#valueOf(call, id, weight),
      ),
    );
    const weights = new Int32Array(count).fill(1);
    return {
      ids: ids.subarray(0, count),
      batch: { rowCount: count, columns: [...keys, ...values], weights },
    };
  }

  #valueOf(call: Call, id: number, weight: number): SqlValue {
    if (call.extremes !== undefined) return call.extremes.value(id);
    try {
      return call.accumulator!.value(this.#table, call.first, id);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#onErrors([{ error, weight, row: this.#keyOf(id) }]);
      return null;
    }
  }

  #keyOf(id: number): NamedCell[] {
    return this.#node.groupBy.map((column, key) => {
      const { name, type } = this.#node.input.fields[column]!;
      const local = id & (limits.chunkRows - 1);
      return { name, type, value: valueAt(this.#table.chunk(id).columns[key]!, local) };
    });
  }

  #dropEmpty(touched: readonly number[]): void {
    if (this.#node.groupBy.length === 0) return;
    for (const id of touched) {
      if (countOf(this.#table, this.#countColumn, id) !== 0n) continue;
      this.#index.remove(id);
      this.#table.remove(id);
    }
  }

  /** New rows minus old ones, without those that did not change. */
  #changes(before: readonly GroupRows[], { ids, batch }: GroupRows): readonly Batch[] {
    if (before.length === 0) return batch.rowCount === 0 ? noBatches : [batch];
    const old = concatenated(before.map((rows) => rows.batch));
    const oldIds = Int32Array.from(before.flatMap((rows) => [...rows.ids]));
    for (let row = 0; row < old.rowCount; row++) this.#oldAt[oldIds[row]!] = row + 1;
    const isKept = new Uint8Array(old.rowCount);
    const changed = new Int32Array(batch.rowCount);
    let count = 0;
    for (let row = 0; row < batch.rowCount; row++) {
      const oldRow = this.#oldAt[ids[row]!]! - 1;
      if (oldRow >= 0 && this.#sameRow(old, oldRow, batch, row)) isKept[oldRow] = 1;
      else changed[count++] = row;
    }
    for (let row = 0; row < old.rowCount; row++) this.#oldAt[oldIds[row]!] = 0;
    const results = retracted(old, isKept);
    if (count > 0)
      results.push(count === batch.rowCount ? batch : gatherBatch(batch, changed, count));
    return results;
  }

  #sameRow(a: Batch, i: number, b: Batch, j: number): boolean {
    for (let c = 0; c < a.columns.length; c++) {
      if (!this.#outputEqual[c]!(a.columns[c]!, i, b.columns[c]!, j)) return false;
    }
    return true;
  }
}

/** Output rows with the ids of their groups. */
interface GroupRows {
  readonly ids: Int32Array;
  readonly batch: Batch;
}

/** The rows that are not marked, with weight -1. */
function retracted(batch: Batch, kept: Uint8Array): Batch[] {
  const rows = new Int32Array(batch.rowCount);
  let count = 0;
  for (let row = 0; row < batch.rowCount; row++) if (kept[row] === 0) rows[count++] = row;
  if (count === 0) return [];
  const picked = count === batch.rowCount ? batch : gatherBatch(batch, rows, count);
  return [{ ...picked, weights: new Int32Array(count).fill(-1) }];
}

interface Call {
  readonly call: AggregateCall;
  /** Column of the group table where its state begins. */
  readonly first: number;
  readonly accumulator: Accumulator | undefined;
  readonly extremes: Extremes | undefined;
}

function newCall(call: AggregateCall, first: number, node: AggregateNode, type: SqlType): Call {
  assert(!call.distinct, 'the planner refuses DISTINCT aggregates');
  const accumulator = accumulatorOf(call.functionId);
  if (accumulator !== undefined) return { call, first, accumulator, extremes: undefined };
  const largest = call.functionId.startsWith('max:');
  assert(largest || call.functionId.startsWith('min:'), `no aggregate ${call.functionId}`);
  const extremes = new Extremes(type, largest, node.input.appendOnly);
  return { call, first, accumulator, extremes };
}

/** The rows that the call counts: FILTER is true and the argument is not NULL. */
function countedRows({ call }: Call, batch: Batch, groupOfRow: Int32Array): CountedRows {
  const arg = call.arg === undefined ? undefined : batch.columns[call.arg]!;
  const filter =
    call.filter === undefined
      ? undefined
      : (batch.columns[call.filter] as Extract<Column, { layout: 'bool' }>);
  const { rowCount } = batch;
  const rows = new Int32Array(rowCount);
  if (filter === undefined && arg?.nulls === undefined) {
    for (let row = 0; row < rowCount; row++) rows[row] = row;
    return { batch, arg, rows, groups: groupOfRow, count: rowCount };
  }
  const groups = new Int32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (filter !== undefined && (filter.values[row] === 0 || filter.nulls?.[row] === 1)) continue;
    if (arg?.nulls?.[row] === 1) continue;
    rows[count] = row;
    groups[count++] = groupOfRow[row]!;
  }
  return { batch, arg, rows, groups, count };
}
