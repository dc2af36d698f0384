import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { gather } from '../../sql/columns/gather.ts';
import { numberAt, splitNumber } from '../../sql/columns/i64.ts';
import type { Expr } from '../../sql/plan/expr.ts';
import type { FlatMapNode } from '../../sql/plan/physical.ts';

/** HOP over a column of times, in microseconds. */
export interface Hop {
  readonly column: number;
  readonly slide: number;
  readonly size: number;
  readonly origin: number;
  /** Times up to here, either way, that doubles hold with all ends of their windows. */
  readonly timeMax: number;
}

/** The call of a node that is one HOP, of a plain column; `undefined` for all others. */
export function hopOf({ calls, hasOrdinality }: FlatMapNode): Hop | undefined {
  const [call] = calls;
  if (call === undefined || calls.length > 1 || call.functionId !== 'hop' || hasOrdinality) {
    return undefined;
  }
  const [time, ...lengths] = call.args;
  if (time?.kind !== 'column') return undefined;
  const [slide, size, origin] = lengths.map(numberOf);
  if (slide === undefined || size === undefined || origin === undefined) return undefined;
  const timeMax = Number.MAX_SAFE_INTEGER - slide - size - 2 * Math.abs(origin);
  return timeMax <= 0 ? undefined : { column: time.index, slide, size, origin, timeMax };
}

function numberOf(expr: Expr): number | undefined {
  if (expr.kind !== 'constant' || typeof expr.value !== 'bigint') return undefined;
  const value = Number(expr.value);
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * The delta's rows with their windows, as functions/table-functions.ts has them one by one, latest
 * first. `undefined` when a time is too large for a double.
 */
export function hopped(node: FlatMapNode, hop: Hop, delta: Batch): Batch[] | undefined {
  const { words, nulls } = delta.columns[hop.column] as Extract<Column, { layout: 'i64' }>;
  for (let row = 0; row < delta.rowCount; row++) {
    if (Math.abs(numberAt(words, row)) > hop.timeMax) return undefined;
  }
  const windows = Math.ceil(hop.size / hop.slide);
  const portion = Math.max(1, Math.floor(limits.stepRowsMax / windows));
  const batches: Batch[] = [];
  for (let from = 0; from < delta.rowCount; from += portion) {
    const until = Math.min(from + portion, delta.rowCount);
    const rows = new Int32Array((until - from) * windows);
    const starts = new Int32Array(2 * rows.length);
    const ends = new Int32Array(2 * rows.length);
    let count = 0;
    for (let row = from; row < until; row++) {
      if (nulls !== undefined && nulls[row] === 1) continue;
      const since = numberAt(words, row) - hop.origin;
      const rest = since % hop.slide;
      let start = since - (rest < 0 ? rest + hop.slide : rest);
      for (; start > since - hop.size; start -= hop.slide) {
        rows[count] = row;
        splitNumber(hop.origin + start, starts, count);
        splitNumber(hop.origin + start + hop.size, ends, count++);
      }
    }
    if (count > 0) batches.push(output(node, delta, { rows, starts, ends, count }));
  }
  return batches;
}

interface Windows {
  readonly rows: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly count: number;
}

function output(node: FlatMapNode, delta: Batch, { rows, starts, ends, count }: Windows): Batch {
  const weights = new Int32Array(count);
  for (let i = 0; i < count; i++) weights[i] = delta.weights[rows[i]!]!;
  const { type } = node.calls[0]!.fields[0]!;
  const ofTimes = (words: Int32Array): Column => ({ type, nulls: undefined, layout: 'i64', words });
  return {
    rowCount: count,
    columns: [
      ...delta.columns.map((column) => gather(column, rows, count)),
      ofTimes(starts),
      ofTimes(ends),
    ],
    weights,
  };
}
