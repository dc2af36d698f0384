import type { Column } from '../columns/batch.ts';
import { boundedNumeric } from '../columns/decimal.ts';
import { splitBigint } from '../columns/i64.ts';
import {
  type Decimal,
  type Layout,
  layoutOf,
  type SqlType,
  type SqlValue,
} from '../columns/types.ts';
import { WideArena } from '../columns/wide-decimal.ts';
import type { Expr } from '../plan/expr.ts';
import { type Evaluate, evaluateOver, generated } from './compile-filter.ts';
import type { OutputColumn } from './compile-map.ts';
import { Emitter } from './emit.ts';
import { interpret } from './interpreter.ts';

type Output = Uint8Array | Int32Array | Float64Array;

type GeneratedColumn = (
  columns: readonly Column[],
  rows: Int32Array | undefined,
  count: number,
  nulls: Uint8Array,
  out: Output,
  scales: Uint8Array,
  slow: (row: number, i: number) => void,
  evaluate: Evaluate,
) => boolean;

/** A generated loop that computes one output column; `undefined` when there is none. */
export function compileColumn(expr: Expr): OutputColumn | undefined {
  const compute = generateColumn(expr);
  if (compute === undefined) return undefined;
  const layout = layoutOf(expr.type);
  return (batch, rows, count, onError) => {
    const nulls = new Uint8Array(count);
    const out = outputOf(layout, count);
    const scales = new Uint8Array(layout === 'decimal' ? count : 0);
    const wide = new WideArena();
    let slowNull = false;
    const slow = (row: number, i: number) => {
      let value: SqlValue = null;
      try {
        const result = interpret(expr, batch, row);
        if (layout === 'decimal' && result !== null) {
          boundedNumeric((result as Decimal).unscaled, (result as Decimal).scale);
        }
        value = result;
      } catch (error) {
        onError(row, error);
      }
      if (value === null) {
        nulls[i] = 1;
        slowNull = true;
      } else if (layout === 'i64') splitBigint(value as bigint, out as Int32Array, i);
      else if (layout === 'decimal') {
        wide.write(value as Decimal, out as Int32Array, scales, i);
      } else out[i] = Number(value);
    };
    const evaluate = evaluateOver(batch);
    const hasNulls = compute(batch.columns, rows, count, nulls, out, scales, slow, evaluate);
    const marks = hasNulls || slowNull ? nulls : undefined;
    return columnOf(expr.type, out, scales, wide.bytes, marks);
  };
}

function outputOf(layout: Layout, count: number): Output {
  switch (layout) {
    case 'bool':
      return new Uint8Array(count);
    case 'f64':
      return new Float64Array(count);
    case 'i64':
      return new Int32Array(2 * count);
    case 'decimal':
      return new Int32Array(4 * count);
    default:
      return new Int32Array(count);
  }
}

function columnOf(
  type: SqlType,
  out: Output,
  scales: Uint8Array,
  arena: Uint8Array,
  nulls: Uint8Array | undefined,
): Column {
  switch (layoutOf(type)) {
    case 'bool':
      return { layout: 'bool', type, nulls, values: out as Uint8Array };
    case 'f64':
      return { layout: 'f64', type, nulls, values: out as Float64Array };
    case 'i64':
      return { layout: 'i64', type, nulls, words: out as Int32Array };
    case 'decimal':
      return { layout: 'decimal', type, nulls, words: out as Int32Array, scales, arena };
    default:
      return { layout: 'i32', type, nulls, values: out as Int32Array };
  }
}

/** Parts of an expression that no generated code computes: all of it, some calls, or nothing. */
export function interpretedParts(expr: Expr): readonly Expr[] {
  if (expr.kind === 'column') return [];
  const emitter = new Emitter();
  const emitted = emitter.emitRoot(expr);
  return emitted === undefined || emitted.form === 'text' ? [expr] : emitter.interpreted;
}

export function generateColumn(expr: Expr): GeneratedColumn | undefined {
  const emitter = new Emitter();
  const emitted = emitter.emitRoot(expr);
  if (emitted === undefined || emitted.form === 'text') return undefined;
  const { value, scale } = emitted;
  const split = `const low = ${value} | 0, high = Math.floor(${value} / 4294967296);`;
  const stores: Partial<Record<Layout, string>> = {
    i64: `${split} out[2 * i] = low; out[2 * i + 1] = high;`,
    decimal: `${split} const sign = high < 0 ? -1 : 0;
out[4 * i] = low; out[4 * i + 1] = high; out[4 * i + 2] = out[4 * i + 3] = sign; scales[i] = ${scale};`,
  };
  return generated<GeneratedColumn>(
    emitter,
    `return function column(columns, rows, count, nulls, out, scales, slow, evaluate) {
${emitter.prologue}
let hasNulls = false;
for (let i = 0; i < count; i++) {
const row = rows === undefined ? i : rows[i];
${emitter.body}
if (${emitted.isNull}) { nulls[i] = 1; hasNulls = true; continue; }
${stores[layoutOf(expr.type)] ?? `out[i] = ${value};`}
}
return hasNulls;
};`,
  );
}
