import { limits } from '../../platform/limits.ts';
import type { Column } from '../columns/batch.ts';
import { writeDecimal } from '../columns/decimal.ts';
import { isExactAt, numberAt } from '../columns/i64.ts';
import type { Decimal } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import type { OutputColumn } from './compile-map.ts';
import { interpret } from './interpreter.ts';

type IntegerColumn = Extract<Column, { layout: 'i64' | 'i32' }>;

/**
 * `constant * column` and `column * constant` where the column is an integer cast to numeric, the
 * way a price is converted: exact in doubles while the product stays below 2^53, else the row goes
 * to the interpreter. `undefined` for other expressions.
 */
export function compileDecimalProduct(expr: Expr): OutputColumn | undefined {
  if (expr.kind !== 'call' || expr.functionId !== '*:numeric') return undefined;
  const factor = expr.args.find((arg) => arg.kind === 'constant');
  const column = expr.args.map(integerUnderCast).find((index) => index !== undefined);
  if (factor === undefined || column === undefined || factor.value === null) return undefined;
  const { unscaled, scale } = factor.value as Decimal;
  if (scale > limits.numericDigitsMax || Number(unscaled) !== Math.trunc(Number(unscaled))) {
    return undefined;
  }
  const multiplier = Number(unscaled);
  if (!Number.isSafeInteger(multiplier)) return undefined;
  return (batch, rows, count, onError) => {
    const source = batch.columns[column] as IntegerColumn;
    const words = new Int32Array(4 * count);
    const scales = new Uint8Array(count).fill(scale);
    let nulls: Uint8Array | undefined;
    for (let i = 0; i < count; i++) {
      const row = rows === undefined ? i : rows[i]!;
      if (source.nulls !== undefined && source.nulls[row] === 1) {
        nulls ??= new Uint8Array(count);
        nulls[i] = 1;
        scales[i] = 0;
        continue;
      }
      const isExact = source.layout === 'i32' || isExactAt(source.words, row);
      const value = source.layout === 'i32' ? source.values[row]! : numberAt(source.words, row);
      const product = value * multiplier;
      if (isExact && Math.abs(product) <= Number.MAX_SAFE_INTEGER) {
        words[4 * i] = product | 0;
        words[4 * i + 1] = Math.floor(product / 4294967296);
        words[4 * i + 2] = words[4 * i + 3] = product < 0 ? -1 : 0;
        continue;
      }
      try {
        const slow = interpret(expr, batch, row) as Decimal;
        writeDecimal(slow.unscaled, words, i);
        scales[i] = slow.scale;
      } catch (error) {
        onError(row, error);
      }
    }
    return { layout: 'decimal', type: expr.type, nulls, words, scales };
  };
}

const integerCasts = new Set([
  'cast:smallint:numeric',
  'cast:integer:numeric',
  'cast:bigint:numeric',
]);

/** The column whose integer is cast to an unconstrained numeric. */
function integerUnderCast(expr: Expr): number | undefined {
  if (expr.kind !== 'call' || !integerCasts.has(expr.functionId)) return undefined;
  const [arg] = expr.args;
  return arg?.kind === 'column' ? arg.index : undefined;
}
