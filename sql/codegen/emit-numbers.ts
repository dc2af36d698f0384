import { powerOfTen } from '../columns/decimal.ts';
import type { Interval, SqlType, TypeKind } from '../columns/types.ts';
import { scalarById } from '../functions/scalar.ts';
import type { CallExpr, Expr } from '../plan/expr.ts';
import type { Emitted, Emitter } from './emit.ts';
import { addDecimals, compareDecimals, multiplyDecimals, roundDecimal } from './emit-decimal.ts';

/** Operators, casts and functions of numbers, dates and times as JavaScript over doubles. */

export const integerKinds: readonly TypeKind[] = ['smallint', 'integer', 'bigint'];
const floatKinds: readonly TypeKind[] = ['real', 'double'];

/** Results within ± this are right and in range; others go to the interpreter. */
const limits: Partial<Record<TypeKind, number>> = {
  smallint: 32_767,
  integer: 2_147_483_647,
  bigint: Number.MAX_SAFE_INTEGER,
  // The nearer end of the range: Julian day 0.
  date: 2_440_588,
  timestamp: Number.MAX_SAFE_INTEGER,
  timestamptz: Number.MAX_SAFE_INTEGER,
};

export const comparisonSymbols: Readonly<Record<string, string>> = {
  '=': '===',
  '<>': '!==',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** `undefined` when the interpreter must do it. `args` hold no text. */
export function emitNumbers(
  emitter: Emitter,
  expr: CallExpr,
  args: readonly Emitted[],
): Emitted | undefined {
  const { name, args: types } = scalarById(expr.functionId).signature;
  const kinds = types.map(({ kind }) => kind as TypeKind);
  const [a, b] = args;
  if (a === undefined) return undefined;
  if (expr.functionId.startsWith('cast:')) return emitCast(emitter, kinds[0]!, expr.type, a);
  if (b === undefined) return emitUnary(emitter, name, kinds[0]!, a);
  const isNull = `${a.isNull} || ${b.isNull}`;
  const symbol = comparisonSymbols[name];
  if (symbol !== undefined) {
    if (a.form === 'decimal') return compareDecimals(emitter, a, b, symbol);
    const test = floatKinds.includes(kinds[0]!) ? floatTests[name]! : plainTest(symbol);
    return emitter.result('boolean', isNull, test(a.value, b.value));
  }
  const [left, right] = kinds;
  if (a.form === 'decimal') {
    if (name === '*') return multiplyDecimals(emitter, a, b);
    return name === '+' || name === '-' ? addDecimals(emitter, a, b, name) : undefined;
  }
  if (kinds.every((kind) => floatKinds.includes(kind))) {
    return emitFloat(emitter, name, expr.type.kind, a, b);
  }
  const isInteger = left === right && integerKinds.includes(left!);
  const isDays = kinds.every((kind) => kind === 'date' || kind === 'integer');
  if (!isInteger && !isDays) return undefined;
  if (!['+', '-', '*', '/', '%'].includes(name)) return undefined;
  // Infinite dates are the interpreter's; of other operations the result tells them.
  const finite = [a, b].map(({ value }) => `Math.abs(${value}) < 2147483647 && `).join('');
  const isDifference = left === 'date' && right === 'date';
  return emitInteger(emitter, name, expr.type.kind, a, b, isDifference ? finite : '');
}

/** Within ±limit, else the interpreter's; a zero is never negative. */
function emitInteger(
  emitter: Emitter,
  name: string,
  result: TypeKind,
  a: Emitted,
  b: Emitted,
  test: string,
): Emitted | undefined {
  const limit = limits[result];
  if (limit === undefined) return undefined;
  const compute =
    name === '/' ? `Math.trunc(${a.value} / ${b.value})` : `${a.value} ${name} ${b.value}`;
  const guard = name === '/' || name === '%' ? `${b.value} !== 0 && ` : test;
  return emitter.checked(
    `${a.isNull} || ${b.isNull}`,
    `${compute} + 0`,
    (value) => `${guard}${value} <= ${limit} && ${value} >= ${-limit}`,
  );
}

/** Infinities, NaN, and zeros that may be underflows are the interpreter's. */
function emitFloat(
  emitter: Emitter,
  name: string,
  result: TypeKind,
  a: Emitted,
  b: Emitted,
): Emitted | undefined {
  if (!['+', '-', '*', '/'].includes(name)) return undefined;
  const compute = `${a.value} ${name} ${b.value}`;
  const zero =
    name === '*'
      ? (value: string) => ` && (${value} !== 0 || ${a.value} === 0 || ${b.value} === 0)`
      : name === '/'
        ? (value: string) => ` && (${value} !== 0 || ${a.value} === 0)`
        : () => '';
  return emitter.checked(
    `${a.isNull} || ${b.isNull}`,
    result === 'real' ? `Math.fround(${compute})` : compute,
    (value) => `${value} - ${value} === 0${zero(value)}`,
  );
}

type Test = (a: string, b: string) => string;
const plainTest =
  (symbol: string): Test =>
  (a, b) =>
    `${a} ${symbol} ${b}`;

/** NaN equals itself and is above all numbers. */
const floatTests: Readonly<Record<string, Test>> = {
  '=': (a, b) => `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`,
  '<>': (a, b) => `!(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`,
  '<': (a, b) => `(${a} < ${b} || (${b} !== ${b} && ${a} === ${a}))`,
  '<=': (a, b) => `(${a} <= ${b} || ${b} !== ${b})`,
  '>': (a, b) => `(${a} > ${b} || (${a} !== ${a} && ${b} === ${b}))`,
  '>=': (a, b) => `(${a} >= ${b} || ${a} !== ${a})`,
};

function emitUnary(
  emitter: Emitter,
  name: string,
  kind: TypeKind,
  a: Emitted,
): Emitted | undefined {
  if (name === 'plus') return a;
  if (name !== 'negate' && name !== 'abs') return undefined;
  if (a.form === 'decimal') {
    const value = name === 'abs' ? `Math.abs(${a.value})` : `0 - ${a.value}`;
    return { ...emitter.result('decimal', a.isNull, value), scale: a.scale! };
  }
  if (floatKinds.includes(kind)) {
    return emitter.result(
      'number',
      a.isNull,
      name === 'abs' ? `Math.abs(${a.value})` : `-${a.value}`,
    );
  }
  const limit = limits[kind];
  if (!integerKinds.includes(kind) || limit === undefined) return undefined;
  const compute = name === 'abs' ? `Math.abs(${a.value})` : `0 - ${a.value}`;
  return emitter.checked(a.isNull, compute, (value) => `${value} <= ${limit}`);
}

function emitCast(emitter: Emitter, from: TypeKind, to: SqlType, a: Emitted): Emitted | undefined {
  if (to.kind === 'numeric') {
    const source = integerKinds.includes(from) ? { ...a, form: 'decimal' as const, scale: '0' } : a;
    if (source.form !== 'decimal') return undefined;
    if (to.precision === undefined) return source;
    const bound = Number(powerOfTen(Math.min(to.precision, 15)));
    return roundDecimal(emitter, source, to.scale ?? 0, bound - 1);
  }
  if (from === 'numeric') {
    // A quotient of two exact doubles is rounded once, as it must be.
    if (to.kind === 'double') {
      const power = `P[${a.scale}]`;
      return emitter.checked(a.isNull, `${a.value} / ${power} + 0`, () => `${a.scale} <= 22`);
    }
    const limit = limits[to.kind];
    if (!integerKinds.includes(to.kind) || limit === undefined) return undefined;
    return { ...roundDecimal(emitter, a, 0, limit), form: 'number' };
  }
  const isInteger = integerKinds.includes(from);
  if (isInteger && integerKinds.includes(to.kind)) {
    if (integerKinds.indexOf(from) <= integerKinds.indexOf(to.kind)) return a;
    const limit = limits[to.kind]!;
    return emitter.checked(
      a.isNull,
      a.value,
      (value) => `${value} <= ${limit} && ${value} >= ${-limit}`,
    );
  }
  if (to.kind === 'double' && (isInteger || from === 'real')) return a;
  if (to.kind === 'real' && isInteger) {
    return emitter.result('number', a.isNull, `Math.fround(${a.value})`);
  }
  const isSame = `${from}:${to.kind}`;
  return isSame === 'timestamp:timestamptz' || isSame === 'timestamptz:timestamp' ? a : undefined;
}

/** `timestamp ± interval` where the interval is constant and has no months: so many microseconds. */
export function emitShift(emitter: Emitter, expr: CallExpr): Emitted | undefined {
  const match = /^([+-]):(timestamp|timestamptz):interval$/.exec(expr.functionId);
  const [left, right] = expr.args as [Expr, Expr];
  if (match === null || right.kind !== 'constant' || right.value === null) return undefined;
  const { months, days, micros } = right.value as Interval;
  const shift = days * 86_400_000_000 + Number(micros);
  if (months !== 0 || !Number.isSafeInteger(shift)) return undefined;
  const a = emitter.emit(left);
  if (a === undefined) return undefined;
  const b = emitter.hoisted(shift);
  const limit = Number.MAX_SAFE_INTEGER;
  return emitter.checked(
    a.isNull,
    `${a.value} ${match[1]} ${b}`,
    (value) => `${value} <= ${limit} && ${value} >= ${-limit}`,
  );
}
