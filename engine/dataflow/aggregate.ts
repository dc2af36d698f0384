import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { batchOf, ColumnBuilder, grown } from '../../sql/columns/builder.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { AggregateNode } from '../../sql/plan/physical.ts';
import { addToCounts, countOf } from './accumulators.ts';
import { Call, clearState, stateFieldsOf } from './aggregate-call.ts';
import { indexed } from './arrangement.ts';
import { gatherStored } from './gather-stored.ts';
import { cellsEqual, hashRows } from './hashing.ts';
import type { NamedCell, OnErrors } from './linear.ts';
import { type Loading, noBatches, type Operator } from './operator.ts';
import { Representatives } from './representatives.ts';
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
 * the state of each call (aggregate-call.ts). A group without input rows goes away, but for those
 * that are always there: without GROUP BY the one group, from the first step on.
 *
 * While `loading` is set, deltas are only taken in: the step after that gives what they add up to.
 */
export class AggregateOperator implements Operator {
  readonly #input: Operator;
  readonly #node: AggregateNode;
  readonly #table: RowTable;
  readonly #index: RowIndex;
  readonly #calls: readonly Call[];
  readonly #countColumn: number;
  /** The least of SQL-equal keys is shown. */
  readonly #representatives: Representatives | undefined;
  readonly #outputEqual;
  readonly #onErrors: OnErrors;
  /** By group id: the last step that touched it. */
  #stamps = new Int32Array(1024);
  /** By group id: its row among the old rows, plus 1; all 0 between steps. */
  #oldAt = new Int32Array(1024);
  #stepNumber = 1;
  /** Groups touched since the last output, and the old rows of those that had one. */
  #touched: number[] = [];
  #before: GroupRows[] = [];
  readonly #loading: Loading;
  /** Of the delta at hand, by row: used again for the next one. */
  #hashes = new Int32Array(1024);
  #groups = new Int32Array(1024);

  constructor(node: AggregateNode, input: Operator, onErrors: OnErrors, loading: Loading) {
    this.#input = input;
    this.#node = node;
    this.#onErrors = onErrors;
    this.#loading = loading;
    const keyFields = node.groupBy.map((column) => node.input.fields[column]!);
    const fields: Field[] = [
      ...keyFields,
      { name: 'rows', type: { kind: 'bigint' }, nullable: false },
    ];
    this.#countColumn = keyFields.length;
    const { appendOnly, fields: inputFields } = node.input;
    const firsts = node.calls.map((call) => {
      const first = fields.length;
      fields.push(...stateFieldsOf(call, inputFields, appendOnly));
      return first;
    });
    this.#table = new RowTable(fields);
    this.#calls = node.calls.map((call, index) => {
      const type = node.fields[keyFields.length + index]!.type;
      const state = { table: this.#table, first: firsts[index]!, rows: this.#countColumn };
      return new Call(call, inputFields, appendOnly, type, state);
    });
    this.#index = new RowIndex(
      this.#table,
      keyFields.map((_, index) => index),
      'sql',
    );
    const keys = keyFields.map((_, index) => index);
    this.#representatives = Representatives.of(this.#table, keys, appendOnly);
    this.#outputEqual = node.fields.map(({ type }) => cellsEqual(type, 'exact'));
  }

  step(): readonly Batch[] {
    const deltas = this.#input.step();
    if (this.#table.rowCount === 0 && this.#node.always.length > 0) this.#addAlways();
    for (const delta of deltas) {
      const groups = this.#groupsOf(delta);
      this.#count(delta, groups);
      const keys = this.#node.groupBy.map((column) => delta.columns[column]!);
      this.#representatives?.update(keys, delta, groups);
      for (const call of this.#calls) call.update(delta, groups);
    }
    if (this.#touched.length === 0 || this.#loading.isSet) return noBatches;
    const touched = Int32Array.from(this.#touched);
    this.#representatives?.settle(touched);
    const after = this.#rowsOf(touched, 1);
    this.#dropEmpty(touched);
    const changes = this.#changes(this.#before, after);
    this.#touched = [];
    this.#before = [];
    this.#stepNumber++;
    return changes;
  }

  stateTables(): readonly StateTable[] {
    const calls = this.#calls.flatMap((call) => call.stateTables());
    const variants = this.#representatives?.stateTables() ?? [];
    const groups = indexed(this.#table, this.#index);
    return [...this.#input.stateTables(), groups, ...calls, ...variants];
  }

  /** The groups that exist without rows: they never go, so they have the first ids. */
  #addAlways(): void {
    const { groupBy, input, always } = this.#node;
    const rows = batchOf(
      groupBy.map((column) => input.fields[column]!),
      always,
    );
    const hashes = new Int32Array(rows.rowCount);
    hashRows(rows.columns, rows.rowCount, hashes);
    for (let row = 0; row < rows.rowCount; row++) {
      const id = this.#table.insert(rows, row, 1);
      this.#index.add(id, hashes[row]!, -1);
      this.#touch(id);
      this.#touched.push(id);
    }
  }

  #isAlways(id: number): boolean {
    return id < this.#node.always.length;
  }

  /** Group id of each row; the old rows of groups met for the first time are kept aside. */
  #groupsOf(delta: Batch): Int32Array {
    const { rowCount } = delta;
    const keys = this.#node.groupBy.map((column) => delta.columns[column]!);
    if (rowCount > this.#hashes.length) {
      this.#hashes = new Int32Array(rowCount);
      this.#groups = new Int32Array(rowCount);
    }
    const hashes = this.#hashes;
    const groups = this.#groups;
    hashRows(keys, rowCount, hashes);
    const keyRows: Batch = { rowCount, columns: keys, weights: delta.weights };
    const known: number[] = [];
    this.#index.find(keys, hashes, rowCount, groups);
    for (let row = 0; row < rowCount; row++) {
      let id = groups[row]!;
      if (id < 0) id = this.#index.first(keys, row, hashes[row]!);
      if (id < 0) {
        id = this.#table.insert(keyRows, row, 1);
        clearState(this.#table, id, this.#countColumn);
        this.#index.add(id, hashes[row]!, -1);
        this.#touch(id);
        this.#touched.push(id);
      } else if (this.#touch(id)) {
        this.#touched.push(id);
        known.push(id);
        this.#table.writable(id);
      }
      groups[row] = id;
    }
    if (known.length > 0) this.#before.push(this.#rowsOf(Int32Array.from(known), -1));
    return groups;
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
    addToCounts(this.#table, this.#countColumn, groups, delta.weights, delta.rowCount);
  }

  /**
   * The output rows of those of the groups that have input rows. A value that cannot be computed
   * is NULL and an error, given with weight +1 for new rows and -1 for old ones.
   */
  #rowsOf(groups: Int32Array, weight: 1 | -1): GroupRows {
    const ids = new Int32Array(groups.length);
    let count = 0;
    for (const id of groups) {
      const isThere = this.#isAlways(id) || countOf(this.#table, this.#countColumn, id) > 0n;
      if (isThere) ids[count++] = id;
    }
    const keys = this.#node.groupBy.map((_, key) => gatherStored(this.#table, key, ids, count));
    const values = this.#calls.map((call, index) => {
      const { type } = this.#node.fields[keys.length + index]!;
      return (
        call.values(ids, count) ??
        outputColumn(type, ids, count, (id) => this.#valueOf(call, id, weight))
      );
    });
    const weights = new Int32Array(count).fill(1);
    return {
      ids: ids.subarray(0, count),
      batch: { rowCount: count, columns: [...keys, ...values], weights },
    };
  }

  #valueOf(call: Call, id: number, weight: number): SqlValue {
    try {
      return call.value(id);
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

  #dropEmpty(touched: Int32Array): void {
    for (const id of touched) {
      if (this.#isAlways(id) || countOf(this.#table, this.#countColumn, id) !== 0n) continue;
      this.#index.remove(id);
      this.#table.remove(id);
    }
  }

  /** New rows minus old ones, without those that did not change. */
  #changes(before: readonly GroupRows[], { ids, batch }: GroupRows): readonly Batch[] {
    if (before.length === 0) return batch.rowCount === 0 ? noBatches : [batch];
    const old = concatenated(before.map((rows) => rows.batch));
    const oldIds = joinedIds(before, old.rowCount);
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

function joinedIds(parts: readonly GroupRows[], count: number): Int32Array {
  const joined = new Int32Array(count);
  let at = 0;
  for (const { ids } of parts) {
    joined.set(ids, at);
    at += ids.length;
  }
  return joined;
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

/** One column of a call's values for the groups. */
function outputColumn(
  type: SqlType,
  ids: Int32Array,
  count: number,
  value: (id: number) => SqlValue,
): Column {
  const builder = new ColumnBuilder(type);
  for (let i = 0; i < count; i++) builder.push(value(ids[i]!));
  return builder.finish();
}
