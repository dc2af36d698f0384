import type { Batch, Column } from '../columns/batch.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { eachColumn } from '../plan/expr-tools.ts';
import type { RowError } from './compile-map.ts';
import { Emitter, sameBytes } from './emit.ts';
import { interpret } from './interpreter.ts';

/** Writes the numbers of the rows for which the filter is true; returns how many. */
export type RowFilter = (batch: Batch, rows: Int32Array, onError: RowError) => number;

/** A generated loop where the expression allows it, else the interpreter row by row. */
export function compileFilter(filter: Expr): RowFilter {
  const generated = generateFilter(filter);
  if (generated === undefined) return interpretedFilter(filter);
  return (batch, rows, onError) => {
    // Rows that the generated code leaves to the interpreter come back in order with the others.
    const isTrue = (row: number) => test(filter, batch, row, onError);
    return generated(batch.columns, batch.rowCount, rows, isTrue);
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
) => number;

export function generateFilter(filter: Expr): GeneratedFilter | undefined {
  const emitter = new Emitter();
  const emitted = emitter.emit(filter);
  if (emitted === undefined) return undefined;
  const body = emitter.take();
  const source = `'use strict';
return function filter(columns, rowCount, rows, isTrue) {
${emitter.prologue(columnTypes(filter))}
let count = 0;
const i = 0;
const slow = (row) => { if (isTrue(row)) rows[count++] = row; };
for (let row = 0; row < rowCount; row++) {
${body}
if (!${emitted.isNull} && ${emitted.value}) rows[count++] = row;
}
return count;
};`;
  return new Function('K', 'sameBytes', source)(emitter.constants, sameBytes) as GeneratedFilter;
}

export function columnTypes(expr: Expr): ReadonlyMap<number, SqlType> {
  const types = new Map<number, SqlType>();
  eachColumn(expr, ({ index, type }) => types.set(index, type));
  return types;
}
