import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { AggregateCall, WindowCall } from '../../sql/plan/physical.ts';
import { accumulatorOf } from './accumulator-table.ts';
import { type CallState, clearState, countedRows } from './aggregate-call.ts';
import { OrderedCall, orderedFinisher } from './ordered-call.ts';
import type { OrderedRows } from './ordered-finishers.ts';
import { RowTable } from './row-table.ts';
import { framesOf, partsOf } from './window-frames.ts';
import type { WindowValues } from './window-functions.ts';
import type { Partition } from './window-partition.ts';
import { combination, isPrefix } from './window-reach.ts';

/**
 * An aggregate over frames. Frames only move forwards, and every aggregate can take a row away
 * again exactly, so one state slides over the partition: rows enter and leave it once. What EXCLUDE
 * leaves out is taken away for one value and given back.
 *
 * string_agg and its like depend on the window's order and are as long as the frame: those read
 * each frame anew.
 */
export class WindowAggregate {
  readonly #window: WindowCall;
  /** The call over its arguments alone, as columns 0, 1, ... */
  readonly #call: AggregateCall;
  readonly #type: SqlType;
  readonly #argTypes: readonly SqlType[];
  readonly #skipped: readonly number[];
  readonly #state: Sliding | undefined;
  /** For a frame that is a prefix: what a value before and one of the rows behind it make. */
  readonly #combine: ((before: SqlValue, behind: SqlValue) => SqlValue) | undefined;
  /** The call's column of the table. */
  readonly #column: number;

  /** `fields`: of the window's input; `column`: of the table, the call's last values. */
  constructor(window: WindowCall, fields: readonly Field[], type: SqlType, column: number) {
    const { functionId, args } = window;
    const own = args.map((_, index) => index);
    this.#window = window;
    this.#call = { functionId, args: own, orderBy: [], direct: [], distinct: false };
    this.#type = type;
    const argFields = args.map((arg) => fields[arg]!);
    this.#argTypes = argFields.map((field) => field.type);
    this.#column = column;
    this.#combine = isPrefix(window.frame) ? combination(functionId, this.#argTypes) : undefined;
    const finisher = orderedFinisher(functionId);
    this.#skipped = finisher?.skipsNulls ?? own;
    const readsFrame = finisher !== undefined && !finisher.isOfValues;
    this.#state = readsFrame ? undefined : newState(this.#call, argFields, type);
  }

  evaluate(partition: Partition): WindowValues {
    const { start, end } = partition;
    const frames = framesOf(partition, this.#window.frame);
    // The rows before are in the value of the last of them.
    const goesOn = start > 0 && this.#combine !== undefined;
    if (goesOn) frames.from.fill(start);
    const before = goesOn ? partition.storedBefore(this.#column) : null;
    const values = this.#valuesOf(partition);
    const { exclude } = this.#window.frame;
    const builder = new ColumnBuilder(this.#type);
    const errors = new Map<number, MillraceError>();
    for (let place = 0; place < partition.rowCount; place++) {
      if (place < start || place >= end) {
        builder.push(null);
        continue;
      }
      const parts = partsOf(partition, frames, exclude, place);
      try {
        const value = values.of(parts, frames.from[place]!, frames.to[place]!);
        builder.push(goesOn ? this.#combine!(before, value) : value);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        errors.set(place, error);
        builder.push(null);
      }
    }
    values.end();
    return { column: builder.finish(), errors };
  }

  #valuesOf(partition: Partition): FrameValues {
    const counted = this.#counted(partition);
    return this.#state === undefined ? this.#readingFrames(counted) : sliding(this.#state, counted);
  }

  /** The partition's arguments, and the places that count. */
  #counted(partition: Partition): Counted {
    const { rowCount } = partition;
    const { args, filter } = this.#window;
    const columns = args.map((arg) => partition.column(arg));
    if (filter !== undefined) columns.push(partition.column(filter));
    const batch: Batch = { rowCount, columns, weights: new Int32Array(rowCount).fill(1) };
    const call = filter === undefined ? this.#call : { ...this.#call, filter: args.length };
    const { rows, count } = countedRows(call, this.#skipped, batch, new Int32Array(rowCount));
    const before = new Int32Array(rowCount + 1);
    for (let i = 0; i < count; i++) before[rows[i]! + 1] = 1;
    for (let place = 0; place < rowCount; place++) before[place + 1]! += before[place]!;
    return { batch, args: columns.slice(0, args.length), rows, before };
  }

  #readingFrames(counted: Counted): FrameValues {
    const finish = orderedFinisher(this.#call.functionId)!.bind(
      this.#call,
      this.#type,
      this.#argTypes,
    );
    return {
      of(parts) {
        const places = parts.flatMap(([from, to]) => [...rowsIn(counted, from, to)]);
        return places.length === 0 ? null : finish(frameRows(counted, places));
      },
      end: () => undefined,
    };
  }
}

/** The values of one partition's frames, asked for in order. */
interface FrameValues {
  /** `parts` is what EXCLUDE leaves of [from, to). */
  of(parts: readonly (readonly [number, number])[], from: number, to: number): SqlValue;
  /** No more are asked for. */
  end(): void;
}

interface Counted {
  readonly batch: Batch;
  readonly args: Batch['columns'];
  /** Places that count, in order. */
  readonly rows: Int32Array;
  /** How many of them lie before a place. */
  readonly before: Int32Array;
}

function rowsIn({ rows, before }: Counted, from: number, to: number): Int32Array {
  return rows.subarray(before[from]!, before[to]!);
}

interface Sliding {
  readonly state: CallState;
  /** Makes it empty, where taking all rows away does not. */
  clear(): void;
}

function newState(call: AggregateCall, fields: readonly Field[], type: SqlType): Sliding {
  const accumulator = accumulatorOf(call.functionId, fields[0]?.type);
  if (accumulator === undefined) {
    return { state: new OrderedCall(call, fields, type), clear: () => undefined };
  }
  const table = new RowTable(accumulator.stateFields);
  table.insert({ rowCount: 1, columns: [], weights: Int32Array.of(1) }, 0, 1);
  const state: CallState = {
    update: (counted) => accumulator.update(table, 0, counted),
    value: (group) => accumulator.value(table, 0, group),
    stateTables: () => [],
  };
  return { state, clear: () => clearState(table, 0, 0) };
}

function sliding({ state, clear }: Sliding, counted: Counted): FrameValues {
  const { batch, args } = counted;
  const minus: Batch = { ...batch, weights: new Int32Array(batch.rowCount).fill(-1) };
  const groups = new Int32Array(batch.rowCount);
  let start = 0;
  let end = 0;
  const change = (from: number, to: number, side: Batch) => {
    if (from >= to) return;
    const rows = rowsIn(counted, from, to);
    if (rows.length > 0) state.update({ batch: side, args, rows, groups, count: rows.length });
  };
  /** The state's rows become those of [from, to). */
  const move = (from: number, to: number) => {
    change(start, Math.min(end, from), minus);
    change(Math.max(end, from), to, batch);
    start = from;
    end = Math.max(to, from);
  };
  clear();
  return {
    of(parts, from, to) {
      move(from, to);
      const gaps = gapsIn(parts, from, to);
      for (const [first, last] of gaps) change(first, last, minus);
      try {
        return state.value(0);
      } finally {
        for (const [first, last] of gaps) change(first, last, batch);
      }
    },
    end: () => change(start, end, minus),
  };
}

/** What of [from, to) lies in none of the parts. */
function gapsIn(
  parts: readonly (readonly [number, number])[],
  from: number,
  to: number,
): [number, number][] {
  const gaps: [number, number][] = [];
  let at = from;
  for (const [first, last] of parts) {
    if (at < first) gaps.push([at, first]);
    at = last;
  }
  if (at < to) gaps.push([at, to]);
  return gaps;
}

function frameRows({ args }: Counted, places: readonly number[]): OrderedRows {
  const read = (place: number, arg: number) => valueAt(args[arg]!, place);
  return {
    total: places.length,
    first: (arg) => read(places[0]!, arg),
    last: (arg) => read(places.at(-1)!, arg),
    at: (index, arg) => read(places[index]!, arg),
    each: (visit) => {
      for (const place of places) visit((arg) => read(place, arg), 1);
    },
  };
}
