import { assert } from '../../platform/assert.ts';
import { type ErrorCode, MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { ColumnBuilder, grown } from '../../sql/columns/builder.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlValue } from '../../sql/columns/types.ts';
import type { PlanNode, WindowNode } from '../../sql/plan/physical.ts';
import { storeCell } from './chunk.ts';
import { consolidated } from './consolidate.ts';
import { gatherStored } from './gather-stored.ts';
import { cellsEqual } from './hashing.ts';
import type { OnErrors, RowError } from './linear.ts';
import { type Loading, noBatches, type Operator } from './operator.ts';
import { OrderedRows } from './ordered-rows.ts';
import { orderParts } from './ordering.ts';
import type { StateTable } from './table.ts';
import { WindowAggregate } from './window-aggregates.ts';
import { framesOf } from './window-frames.ts';
import { type WindowValues, windowFunction } from './window-functions.ts';
import { arePeers, Partition, type PartitionRange } from './window-partition.ts';
import { type Reach, reachOf } from './window-reach.ts';

const mask = limits.chunkRows - 1;
const errorField: Field = { name: 'error', type: { kind: 'text' }, nullable: true };

/** Rows of a group before the first change and behind the last one; they are as they were. */
interface Touched {
  readonly before: number;
  readonly behind: number;
}

const everything: Touched = { before: 0, behind: 0 };

/**
 * Window functions. With A the accumulated rows of a partition and f the functions over it,
 *
 *   d(f(A)) = f(A + dA) - f(A), for the partitions that occur in dA
 *
 * Each partition's rows are kept in order with what the functions last gave them. Of a touched
 * partition the rows that the changes reach are evaluated anew (window-reach.ts), all of them where
 * the functions do not say how far that is; a row goes out again only where a value has changed.
 * Copies of a row are rows of their own here, since
 * row_number tells them apart.
 *
 * State columns: the input's, one per call, and the error of a row that has one.
 */
export class WindowOperator implements Operator {
  readonly #input: Operator;
  readonly #node: WindowNode;
  readonly #onErrors: OnErrors;
  readonly #loading: Loading;
  readonly #rows: OrderedRows;
  readonly #keys;
  readonly #calls: readonly ((partition: Partition) => WindowValues)[];
  readonly #equal;
  /** Groups touched in this step. */
  readonly #touched = new Map<number, Touched>();
  readonly #reach: Reach | undefined;
  /** By row id: its values are those that went out. */
  #isOut = new Uint8Array(1024);
  #changes: Batch[] = [];

  constructor(node: WindowNode, input: Operator, onErrors: OnErrors, loading: Loading) {
    const { fields } = node.input;
    const results = node.fields.slice(fields.length);
    this.#input = input;
    this.#node = node;
    this.#onErrors = onErrors;
    this.#loading = loading;
    const extra = [...results, errorField];
    this.#rows = new OrderedRows({ ...node, fields, extra });
    this.#keys = orderParts(fields, node.orderBy, false);
    this.#equal = extra.map(({ type }) => cellsEqual(type, 'exact'));
    this.#reach = reachOf(node.calls, {
      typeOf: (column) => fields[column]!.type,
      constantOf: (column) => constantOf(node.input, column),
    });
    this.#calls = node.calls.map((call, index) => {
      const { type } = results[index]!;
      const named = windowFunction(call, type, fields.length + index);
      if (named !== undefined) return named;
      const aggregate = new WindowAggregate(call, fields, type, fields.length + index);
      return (partition: Partition) => aggregate.evaluate(partition);
    });
  }

  step(): readonly Batch[] {
    const deltas = consolidated(this.#node.input.fields, this.#input.step());
    for (const delta of deltas) {
      if (delta.rowCount === 0) continue;
      if (delta.weights[0]! < 0) this.#retract(delta);
      else this.#insert(delta);
    }
    if (this.#loading.isSet || this.#touched.size === 0) return noBatches;
    for (const [group, touched] of this.#touched) this.#evaluate(group, touched);
    this.#touched.clear();
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  stateTables(): readonly StateTable[] {
    const state = this.#rows.stateTable(() => {
      this.#reserve(this.#rows.table.end);
      this.#isOut.fill(1);
    });
    return [...this.#input.stateTables(), state];
  }

  #insert(delta: Batch): void {
    const prepared = this.#rows.prepare(delta);
    for (let row = 0; row < delta.rowCount; row++) {
      for (let copy = delta.weights[row]!; copy > 0; copy--) {
        const id = this.#rows.insert(prepared, row, 1, this.#rows.find(prepared, row));
        this.#reserve(id + 1);
        this.#isOut[id] = 0;
        this.#touch(prepared.groups[row]!, id);
      }
      this.#rows.release(prepared, row);
    }
  }

  #retract(delta: Batch): void {
    const prepared = this.#rows.prepare(delta);
    const gone: number[] = [];
    for (let row = 0; row < delta.rowCount; row++) {
      for (let copy = delta.weights[row]!; copy < 0; copy++) {
        const id = this.#rows.find(prepared, row);
        assert(id >= 0, 'only rows that are there are taken away');
        this.#touch(prepared.groups[row]!, id);
        this.#rows.remove(id);
        if (this.#isOut[id] === 1) gone.push(id);
      }
      this.#rows.release(prepared, row);
    }
    // A removed row stays readable until its id is used again, and nothing was inserted since.
    this.#give(Int32Array.from(gone), -1);
  }

  /** A row of the group came or is about to go. */
  #touch(group: number, id: number): void {
    const known = this.#touched.get(group);
    if (known === everything) return;
    // While whole relations go in, every partition is new, or nearly.
    if (this.#reach === undefined || this.#loading.isSet) {
      this.#touched.set(group, everything);
      return;
    }
    const { order } = this.#rows;
    const before = order.place(group, id);
    const behind = order.total(group) - before - 1;
    this.#touched.set(group, {
      before: Math.min(known?.before ?? before, before),
      behind: Math.min(known?.behind ?? behind, behind),
    });
  }

  /** The part of a group that changes reach, with the rows that its values are made of. */
  #partOf(group: number, { before, behind }: Touched): Partition | undefined {
    const { order } = this.#rows;
    const total = order.total(group);
    if (this.#reach === undefined || total === 0) return undefined;
    const { back, peers, ahead, context, forward } = this.#reach;
    let start = before - back;
    // Never between peers: the value of one holds for those behind it too.
    if (peers) start = this.#firstPeer(group, Math.min(start, before - 1));
    if (start <= 0) return undefined;
    const end = Math.min(total, total - behind + ahead);
    const partFrom = (from: number): Partition => {
      const ids = this.#idsOf(group, from, Math.min(total, end + forward));
      return this.#partition(ids, { rowsBefore: from, start: start - from, end: end - from });
    };
    let from = Math.max(0, start - context);
    let part = partFrom(from);
    // Frames begin ever later: that of the first row tells how far back all of them go.
    for (let size = 16; from > 0 && !this.#holdsFrames(part); size *= 4) {
      from = Math.max(0, start - size);
      part = partFrom(from);
    }
    // What an error stands for is known from the whole partition alone.
    return part.storedBefore(this.#node.fields.length) === null ? part : undefined;
  }

  #holdsFrames(part: Partition): boolean {
    const { distances } = this.#reach!;
    return distances.every((frame) => framesOf(part, frame).from[part.start]! > 0);
  }

  /** The place of the first of the peers of the row at a place; -1 for that before the first. */
  #firstPeer(group: number, place: number): number {
    if (place < 0) return place;
    const { order, table } = this.#rows;
    const id = order.at(group, place);
    let [low, high] = [0, place];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (arePeers(table, this.#keys, order.at(group, middle), id)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #idsOf(group: number, from: number, to: number): Int32Array {
    const ids = new Int32Array(Math.max(0, to - from));
    let count = 0;
    if (ids.length === 0) return ids;
    this.#rows.order.walk(
      group,
      (id) => {
        ids[count++] = id;
        return count < ids.length;
      },
      from,
    );
    return ids;
  }

  #partition(ids: Int32Array, range: PartitionRange): Partition {
    return new Partition(this.#rows.table, ids, this.#node.orderBy, this.#keys, range);
  }

  #evaluate(group: number, touched: Touched): void {
    const part = touched === everything ? undefined : this.#partOf(group, touched);
    const total = this.#rows.order.total(group);
    const partition =
      part ??
      this.#partition(this.#idsOf(group, 0, total), { rowsBefore: 0, start: 0, end: total });
    const { ids, start, end } = partition;
    if (start >= end) return;
    const values = this.#calls.map((call) => call(partition));
    const columns = [...values.map(({ column }) => column), errorsOf(values, ids.length)];
    const places = new Int32Array(end - start);
    let changes = 0;
    for (let place = start; place < end; place++) {
      if (!this.#isSame(ids[place]!, place, columns)) places[changes++] = place;
    }
    const changed = Int32Array.from(places.subarray(0, changes), (place) => ids[place]!);
    this.#give(
      changed.filter((id) => this.#isOut[id] === 1),
      -1,
    );
    for (let i = 0; i < changes; i++) this.#store(changed[i]!, places[i]!, columns);
    this.#give(changed, 1);
  }

  #isSame(id: number, place: number, columns: readonly Column[]): boolean {
    if (this.#isOut[id] === 0) return false;
    const stored = this.#rows.table.chunk(id).columns;
    const first = this.#node.input.fields.length;
    for (let c = 0; c < columns.length; c++) {
      if (!this.#equal[c]!(columns[c]!, place, stored[first + c]!, id & mask)) return false;
    }
    return true;
  }

  #store(id: number, place: number, columns: readonly Column[]): void {
    const stored = this.#rows.table.writable(id).columns;
    const first = this.#node.input.fields.length;
    for (const [index, column] of columns.entries()) {
      storeCell(stored[first + index]!, id & mask, column, place);
    }
    this.#isOut[id] = 1;
  }

  /** Rows with their stored values go out, with the errors among them. */
  #give(ids: Int32Array, weight: 1 | -1): void {
    if (ids.length === 0) return;
    const { table } = this.#rows;
    const columns = this.#node.fields.map((_, column) =>
      gatherStored(table, column, ids, ids.length),
    );
    const weights = new Int32Array(ids.length).fill(weight);
    this.#changes.push({ rowCount: ids.length, columns, weights });
    const errors = gatherStored(table, this.#node.fields.length, ids, ids.length);
    const failed = Array.from(ids, (_, row) => this.#errorAt(errors, columns, row, weight));
    if (failed.some((error) => error !== undefined)) {
      this.#onErrors(failed.filter((error) => error !== undefined));
    }
  }

  #errorAt(
    errors: Column,
    columns: readonly Column[],
    row: number,
    weight: number,
  ): RowError | undefined {
    const text = valueAt(errors, row) as string | null;
    if (text === null) return undefined;
    const [code, message, sqlState] = JSON.parse(text) as [ErrorCode, string, string | null];
    const error = new MillraceError(code, message, sqlState === null ? {} : { sqlState });
    const cells = this.#node.input.fields.map(({ name, type }, column) => ({
      name,
      type,
      value: valueAt(columns[column]!, row),
    }));
    return { error, weight, row: cells };
  }

  #reserve(count: number): void {
    if (count <= this.#isOut.length) return;
    this.#isOut = grown(this.#isOut, Math.max(count, 2 * this.#isOut.length), Uint8Array);
  }
}

function constantOf(input: PlanNode, column: number): SqlValue | undefined {
  const output = input.kind === 'map' ? input.outputs[column] : undefined;
  return output?.kind === 'constant' ? output.value : undefined;
}

/** The first error of each row as text, so that it can be taken back with the row. */
function errorsOf(values: readonly WindowValues[], rowCount: number): Column {
  const builder = new ColumnBuilder(errorField.type);
  for (let place = 0; place < rowCount; place++) {
    const found = values.find(({ errors }) => errors?.has(place) === true)?.errors?.get(place);
    builder.push(
      found === undefined
        ? null
        : JSON.stringify([found.code, found.message, found.sqlState ?? null]),
    );
  }
  return builder.finish();
}
