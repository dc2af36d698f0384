import { MillraceError } from '../../platform/errors.ts';
import type { Batch, Column } from '../columns/batch.ts';
import { ColumnBuilder } from '../columns/builder.ts';
import { gather } from '../columns/gather.ts';
import type { Expr } from '../plan/expr.ts';
import { positionAt } from '../syntax/position.ts';
import { compileColumn } from './compile-column.ts';
import { compileFilter } from './compile-filter.ts';
import { interpret, rememberRows } from './interpreter.ts';
import { sharedParts } from './shared-parts.ts';

export interface MapSpec {
  readonly filter?: Expr;
  readonly outputs: readonly Expr[];
}

/** A row on which an expression failed. */
export interface RowFailure {
  readonly row: number;
  readonly error: MillraceError;
}

export interface MapResult {
  readonly batch: Batch;
  readonly errors: readonly RowFailure[];
}

/**
 * Filter and projection of a batch. `fail`: the first failing row throws (ad-hoc queries).
 * `collect`: failing rows are left out and reported (views). Weights pass through.
 *
 * The filter gives the numbers of the rows that stay; plain columns are then gathered, or shared
 * when all rows stay; other outputs run a generated loop where there is one (compile-column.ts),
 * else the interpreter, which computes a text or an array that several parts use once a row. The
 * filter sees every row, outputs only those that it lets through.
 */
export function compileMap(
  { filter, outputs }: MapSpec,
  mode: 'fail' | 'collect',
  text?: string,
): (batch: Batch) => MapResult {
  const given = filter === undefined ? outputs : [filter, ...outputs];
  const { exprs, repeated } = sharedParts(given);
  const forget = rememberRows(repeated);
  const test = filter === undefined ? undefined : compileFilter(exprs[0]!);
  const columns = exprs.slice(given.length - outputs.length).map(compileOutput);
  const map = (batch: Batch): MapResult => {
    const errors: RowFailure[] = [];
    const failed = new Set<number>();
    const onError = (row: number, error: unknown, expr: Expr) => {
      const failure = located(error, expr, text);
      if (mode === 'fail') throw failure;
      // A row that fails in several outputs is reported once, with the first.
      if (!failed.has(row)) errors.push({ row, error: failure });
      failed.add(row);
    };
    let rows: Int32Array | undefined;
    let count = batch.rowCount;
    if (test !== undefined) {
      rows = new Int32Array(batch.rowCount);
      count = test(batch, rows, (row, error) => onError(row, error, filter!));
      if (count === batch.rowCount) rows = undefined;
    }
    const filtered = errors.length;
    const results = columns.map((column, index) =>
      column(batch, rows, count, (row, error) => onError(row, error, outputs[index]!)),
    );
    const result = finish(batch, results, rows, count);
    if (errors.length === filtered) return { batch: result, errors };
    return { batch: without(result, rows, failed), errors };
  };
  if (repeated.length === 0) return map;
  return (batch) => {
    try {
      return map(batch);
    } finally {
      forget();
    }
  };
}

export type RowError = (row: number, error: unknown) => void;
/** Output column for `rows[0..count)` of the batch, or all rows when `rows` is undefined. */
export type OutputColumn = (
  batch: Batch,
  rows: Int32Array | undefined,
  count: number,
  onError: RowError,
) => Column;

function compileOutput(expr: Expr): OutputColumn {
  if (expr.kind === 'column') {
    return (batch, rows, count) => {
      const column = batch.columns[expr.index]!;
      return rows === undefined ? column : gather(column, rows, count);
    };
  }
  return compileColumn(expr) ?? interpreted(expr);
}

function interpreted(expr: Expr): OutputColumn {
  return (batch, rows, count, onError) => {
    const builder = new ColumnBuilder(expr.type);
    for (let i = 0; i < count; i++) {
      const row = rows === undefined ? i : rows[i]!;
      try {
        builder.push(interpret(expr, batch, row));
      } catch (error) {
        onError(row, error);
        builder.push(null);
      }
    }
    return builder.finish();
  };
}

function finish(
  batch: Batch,
  columns: readonly Column[],
  rows: Int32Array | undefined,
  count: number,
): Batch {
  if (rows === undefined) return { rowCount: count, columns, weights: batch.weights };
  const weights = new Int32Array(count);
  for (let i = 0; i < count; i++) weights[i] = batch.weights[rows[i]!]!;
  return { rowCount: count, columns, weights };
}

/** Leaves out the rows that failed. */
function without(result: Batch, rows: Int32Array | undefined, failed: ReadonlySet<number>): Batch {
  const kept = new Int32Array(result.rowCount);
  let count = 0;
  for (let i = 0; i < result.rowCount; i++) {
    if (!failed.has(rows === undefined ? i : rows[i]!)) kept[count++] = i;
  }
  const weights = new Int32Array(count);
  for (let i = 0; i < count; i++) weights[i] = result.weights[kept[i]!]!;
  return {
    rowCount: count,
    columns: result.columns.map((column) => gather(column, kept, count)),
    weights,
  };
}

/** Run-time errors point at the expression too. Anything else is a bug of ours and goes on. */
export function located(error: unknown, expr: Expr, text: string | undefined): MillraceError {
  if (!(error instanceof MillraceError)) throw error;
  const { span } = expr;
  if (error.position !== undefined || span === undefined || text === undefined) return error;
  return new MillraceError(error.code, error.message, {
    position: positionAt(text, span.start, span.end),
    ...(error.sqlState === undefined ? {} : { sqlState: error.sqlState }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
