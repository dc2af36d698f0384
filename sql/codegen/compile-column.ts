import type { Column } from '../columns/batch.ts';
import { splitBigint } from '../columns/i64.ts';
import { layoutOf, type SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnTypes } from './compile-filter.ts';
import type { OutputColumn } from './compile-map.ts';
import { compileDecimalProduct } from './decimal-product.ts';
import { Emitter, sameBytes } from './emit.ts';
import { interpret } from './interpreter.ts';

type GeneratedColumn = (
  columns: readonly Column[],
  rows: Int32Array | undefined,
  count: number,
  nulls: Uint8Array,
  out: Uint8Array | Int32Array,
  slow: (row: number, i: number) => void,
) => boolean;

/** A generated loop that computes one output column; `undefined` when there is none. */
export function compileColumn(expr: Expr): OutputColumn | undefined {
  const product = compileDecimalProduct(expr);
  if (product !== undefined) return product;
  const generated = generateColumn(expr);
  if (generated === undefined) return undefined;
  const layout = layoutOf(expr.type);
  return (batch, rows, count, onError) => {
    const nulls = new Uint8Array(count);
    const width = layout === 'i64' ? 2 : 1;
    const out = layout === 'bool' ? new Uint8Array(count) : new Int32Array(width * count);
    let slowNull = false;
    const slow = (row: number, i: number) => {
      let value = null;
      try {
        value = interpret(expr, batch, row);
      } catch (error) {
        onError(row, error);
      }
      if (value === null) {
        nulls[i] = 1;
        slowNull = true;
      } else if (layout === 'i64') splitBigint(value as bigint, out as Int32Array, i);
      else out[i] = Number(value);
    };
    const hasNulls = generated(batch.columns, rows, count, nulls, out, slow);
    return columnOf(expr.type, out, hasNulls || slowNull ? nulls : undefined);
  };
}

function columnOf(
  type: SqlType,
  out: Uint8Array | Int32Array,
  nulls: Uint8Array | undefined,
): Column {
  switch (layoutOf(type)) {
    case 'bool':
      return { layout: 'bool', type, nulls, values: out as Uint8Array };
    case 'i64':
      return { layout: 'i64', type, nulls, words: out as Int32Array };
    default:
      return { layout: 'i32', type, nulls, values: out as Int32Array };
  }
}

function generateColumn(expr: Expr): GeneratedColumn | undefined {
  const emitter = new Emitter();
  const emitted = emitter.emit(expr);
  if (emitted === undefined || emitted.form === 'text') return undefined;
  const body = emitter.take();
  const store =
    layoutOf(expr.type) === 'i64'
      ? `out[2 * i] = ${emitted.value} | 0; out[2 * i + 1] = Math.floor(${emitted.value} / 4294967296);`
      : `out[i] = ${emitted.value};`;
  const source = `'use strict';
return function column(columns, rows, count, nulls, out, slow) {
${emitter.prologue(columnTypes(expr))}
let hasNulls = false;
for (let i = 0; i < count; i++) {
const row = rows === undefined ? i : rows[i];
${body}
if (${emitted.isNull}) { nulls[i] = 1; hasNulls = true; continue; }
${store}
}
return hasNulls;
};`;
  return new Function('K', 'sameBytes', source)(emitter.constants, sameBytes) as GeneratedColumn;
}
