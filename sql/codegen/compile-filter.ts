import { MillraceError } from '../../platform/errors.ts';
import type { Batch, Column } from '../columns/batch.ts';
import type { SqlValue } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import type { RowError } from './compile-map.ts';
import { Emitter, sameBytes } from './emit.ts';
import { powersOfTen } from './emit-decimal.ts';
import { interpret } from './interpreter.ts';

/** Writes the numbers of the rows for which the filter is true; returns how many. */
export type RowFilter = (batch: Batch, rows: Int32Array, onError: RowError) => number;

/** A part of a generated expression that the interpreter evaluates; `undefined` when it fails. */
export type Evaluate = (expr: Expr, row: number) => SqlValue | undefined;

export function evaluateOver(batch: Batch): Evaluate {
  return (expr, row) => {
    try {
      return interpret(expr, batch, row);
    } catch (error) {
      // The whole expression is interpreted for such a row, and reports it.
      if (error instanceof MillraceError) return undefined;
      throw error;
    }
  };
}

/** A generated loop where the expression allows it, else the interpreter row by row. */
export function compileFilter(filter: Expr): RowFilter {
  const generated = generateFilter(filter);
  if (generated === undefined) return interpretedFilter(filter);
  return (batch, rows, onError) => {
    // Rows that the generated code leaves to the interpreter come back in order with the others.
    const isTrue = (row: number) => test(filter, batch, row, onError);
    return generated(batch.columns, batch.rowCount, rows, isTrue, evaluateOver(batch));
  };
}

export function interpretedFilter(filter: Expr): RowFilter {
  return (batch, rows, onError) => {
    let count = 0;
    for (let row = 0; row < batch.rowCount; row++) {
      if (test(filter, batch, row, onError)) rows[count++] = row;
    }
    return count;
  };
}

function test(filter: Expr, batch: Batch, row: number, onError: RowError): boolean {
  try {
    return interpret(filter, batch, row) === true;
  } catch (error) {
    onError(row, error);
    return false;
  }
}

type GeneratedFilter = (
  columns: readonly Column[],
  rowCount: number,
  rows: Int32Array,
  isTrue: (row: number) => boolean,
  evaluate: Evaluate,
) => number;

export function generateFilter(filter: Expr): GeneratedFilter | undefined {
  const emitter = new Emitter();
  const emitted = emitter.emitRoot(filter);
  if (emitted === undefined) return undefined;
  return generated<GeneratedFilter>(
    emitter,
    `return function filter(columns, rowCount, rows, isTrue, evaluate) {
${emitter.prologue}
let count = 0;
const i = 0;
const slow = (row) => { if (isTrue(row)) rows[count++] = row; };
for (let row = 0; row < rowCount; row++) {
${emitter.body}
if (!${emitted.isNull} && ${emitted.value}) rows[count++] = row;
}
return count;
};`,
  );
}

/** The function that the source returns. Names in it: K constants, P powers of ten. */
export function generated<F>(emitter: Emitter, source: string): F {
  const make = new Function('K', 'P', 'sameBytes', `'use strict';\n${source}`);
  return make(emitter.constants, powersOfTen, sameBytes) as F;
}
