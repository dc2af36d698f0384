import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { AggregateCall } from '../../sql/plan/physical.ts';
import { accumulatorOf } from './accumulator-table.ts';
import { type Accumulator, type CountedRows, countRows } from './accumulators.ts';
import { DistinctRows } from './distinct-rows.ts';
import { growingExtreme } from './extremes.ts';
import { OrderedCall, orderedFinisher } from './ordered-call.ts';
import type { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';
import { forgetWide } from './wide-cells.ts';

const mask = limits.chunkRows - 1;

/** The state of one aggregate call for all groups. */
export interface CallState {
  /** The rows that the call counts, by groups whose chunks are writable already. */
  update(counted: CountedRows): void;
  /** The value for a group. May throw SQL_RUNTIME when there is none. */
  value(group: number): SqlValue;
  /** The values of several groups, where that is faster than one by one and never fails. */
  values?(groups: Int32Array, count: number): Column;
  /** State besides the group table. */
  stateTables(): readonly StateTable[];
}

/** One call of an aggregate operator: which rows it counts, and what of them. */
export class Call {
  readonly state: CallState;
  readonly #call: AggregateCall;
  readonly #skipped: readonly number[];
  readonly #distinct: DistinctRows | undefined;

  /**
   * `fields`, `appendOnly`: of the input; `type`: of the result. `table` has the call's columns,
   * `stateFieldsOf`, from `first` on, and the number of rows of the group in `rows`.
   */
  constructor(
    call: AggregateCall,
    fields: readonly Field[],
    appendOnly: boolean,
    type: SqlType,
    state: { readonly table: RowTable; readonly first: number; readonly rows: number },
  ) {
    this.#call = call;
    this.#skipped = skippedArgs(call);
    this.#distinct = call.distinct ? new DistinctRows(fields, call, appendOnly) : undefined;
    if (isRowCount(call)) {
      this.state = inGroupTable(countedAlready, state.table, state.rows);
      return;
    }
    const accumulator = accumulatorFor(call, fields, appendOnly);
    this.state =
      accumulator === undefined
        ? new OrderedCall(call, fields, type)
        : inGroupTable(accumulator, state.table, state.first);
  }

  update(delta: Batch, groups: Int32Array): void {
    const all = countedRows(this.#call, this.#skipped, delta, groups);
    for (const counted of this.#distinct?.changes(all) ?? [all]) {
      if (counted.count > 0) this.state.update(counted);
    }
  }

  value(group: number): SqlValue {
    return this.state.value(group);
  }

  values(groups: Int32Array, count: number): Column | undefined {
    return this.state.values?.(groups, count);
  }

  stateTables(): readonly StateTable[] {
    return [...(this.#distinct?.stateTables() ?? []), ...this.state.stateTables()];
  }
}

/** Columns of the group table that the call keeps its state in. */
export function stateFieldsOf(
  call: AggregateCall,
  fields: readonly Field[],
  appendOnly: boolean,
): readonly Field[] {
  if (isRowCount(call)) return [];
  return accumulatorFor(call, fields, appendOnly)?.stateFields ?? [];
}

/** count(*): the group table counts its rows anyway. */
function isRowCount({ functionId, filter, distinct }: AggregateCall): boolean {
  return functionId === 'count_star' && filter === undefined && !distinct;
}

const countedAlready: Accumulator = { ...countRows, stateFields: [], update: () => undefined };

function accumulatorFor(
  { functionId, args, distinct }: AggregateCall,
  fields: readonly Field[],
  appendOnly: boolean,
): Accumulator | undefined {
  const isExtreme = functionId === 'min' || functionId === 'max';
  // Equal rows change no extreme.
  if (isExtreme && appendOnly && !distinct) {
    return growingExtreme(fields[args[0]!]!.type, functionId === 'max' ? 1 : -1);
  }
  if (isExtreme) return undefined;
  return accumulatorOf(functionId, args[0] === undefined ? undefined : fields[args[0]]!.type);
}

function inGroupTable(accumulator: Accumulator, table: RowTable, first: number): CallState {
  const { values } = accumulator;
  return {
    update: (counted) => accumulator.update(table, first, counted),
    value: (group) => accumulator.value(table, first, group),
    ...(values === undefined
      ? {}
      : { values: (groups: Int32Array, count: number) => values(table, first, groups, count) }),
    stateTables: () => [],
  };
}

/** Positions of the arguments whose NULL leaves a row out. */
function skippedArgs({ functionId, args }: AggregateCall): readonly number[] {
  const ordered = orderedFinisher(functionId);
  if (ordered !== undefined) return ordered.skipsNulls;
  return args.map((_, index) => index);
}

/** The rows for which FILTER is true and no argument is NULL that may not be. */
export function countedRows(
  call: Pick<AggregateCall, 'args' | 'filter'>,
  skipped: readonly number[],
  batch: Batch,
  groupOfRow: Int32Array,
): CountedRows {
  const { rowCount } = batch;
  const args = call.args.map((arg) => batch.columns[arg]!);
  const nulls = skipped.flatMap((arg) => args[arg]!.nulls ?? []);
  const filter =
    call.filter === undefined
      ? undefined
      : (batch.columns[call.filter] as Extract<Column, { layout: 'bool' }>);
  if (filter === undefined && nulls.length === 0) {
    return { batch, args, rows: allRows(rowCount), groups: groupOfRow, count: rowCount };
  }
  const rows = new Int32Array(rowCount);
  const groups = new Int32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (filter !== undefined && (filter.values[row] === 0 || filter.nulls?.[row] === 1)) continue;
    if (nulls.some((marks) => marks[row] === 1)) continue;
    rows[count] = row;
    groups[count++] = groupOfRow[row]!;
  }
  return { batch, args, rows, groups, count };
}

let numbers = new Int32Array(0);

/** 0, 1, 2, ...: shared, nobody writes it. */
function allRows(count: number): Int32Array {
  if (count > numbers.length) {
    numbers = Int32Array.from({ length: Math.max(count, 2 * numbers.length) }, (_, row) => row);
  }
  return numbers;
}

/** A group row's cells hold its last owner's state: zero is where every state begins. */
export function clearState(table: RowTable, id: number, first: number): void {
  const local = id & mask;
  const { columns } = table.chunk(id);
  for (let c = first; c < columns.length; c++) {
    const column = columns[c]!;
    switch (column.layout) {
      case 'bool':
      case 'i32':
      case 'f64':
        column.values[local] = 0;
        break;
      case 'i64':
        column.words.fill(0, 2 * local, 2 * local + 2);
        break;
      case 'interval':
        column.words.fill(0, 4 * local, 4 * local + 4);
        break;
      case 'decimal':
        forgetWide(column, local);
        break;
      case 'bytes':
        column.lengths[local] = 0;
    }
  }
}
