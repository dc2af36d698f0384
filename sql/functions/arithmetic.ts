import {
  boundedNumeric,
  displayScaleMax,
  divideDecimals,
  isNotANumber,
  isSpecial,
  powerOfTen,
  rescale,
  wholeDigitsMax,
} from '../columns/decimal.ts';
import { int64Max, int64Min } from '../columns/i64.ts';
import { typeName } from '../columns/type-name.ts';
import type { Decimal, TypeKind } from '../columns/types.ts';
import { runtimeError, type ScalarFunction, strict } from './function.ts';
import {
  negated,
  specialProduct,
  specialQuotient,
  specialRemainder,
  specialSum,
} from './special-numerics.ts';

/** + - * / % and the functions of numbers, with PostgreSQL's overflow and division errors. */

const bounds = {
  smallint: [-32_768, 32_767],
  integer: [-2_147_483_648, 2_147_483_647],
} as const;

function inRange(kind: 'smallint' | 'integer', value: number): number {
  const [least, most] = bounds[kind];
  if (value < least || value > most) throw outOfRange(kind);
  return value === 0 ? 0 : value;
}

export function inBigint(value: bigint): bigint {
  if (value < int64Min || value > int64Max) throw outOfRange('bigint');
  return value;
}

function outOfRange(kind: TypeKind) {
  return runtimeError(`${typeName({ kind } as never)} out of range`, '22003');
}

function divisionByZero() {
  return runtimeError('division by zero', '22012');
}

function smallIntegers(kind: 'smallint' | 'integer'): ScalarFunction[] {
  const op = (symbol: string, evaluate: (a: number, b: number) => number) =>
    strict(`${symbol}:${kind}`, symbol, [kind, kind], kind, ([a, b]) =>
      inRange(kind, evaluate(a as number, b as number)),
    );
  return [
    op('+', (a, b) => a + b),
    op('-', (a, b) => a - b),
    op('*', (a, b) => a * b),
    op('/', (a, b) => {
      if (b === 0) throw divisionByZero();
      return Math.trunc(a / b);
    }),
    op('%', (a, b) => {
      if (b === 0) throw divisionByZero();
      return a % b;
    }),
    op('&', (a, b) => a & b),
    op('|', (a, b) => a | b),
    op('#', (a, b) => a ^ b),
    strict(`<<:${kind}`, '<<', [kind, 'integer'], kind, ([a, b]) =>
      wrapped(kind, (a as number) << (b as number)),
    ),
    strict(`>>:${kind}`, '>>', [kind, 'integer'], kind, ([a, b]) =>
      wrapped(kind, (a as number) >> (b as number)),
    ),
    strict(`~:${kind}`, '~', [kind], kind, ([a]) => ~(a as number), false),
    strict(`plus:${kind}`, 'plus', [kind], kind, ([a]) => a!, false),
    strict(`negate:${kind}`, 'negate', [kind], kind, ([a]) => inRange(kind, -(a as number))),
    strict(`abs:${kind}`, 'abs', [kind], kind, ([a]) => inRange(kind, Math.abs(a as number))),
  ];
}

/** Shifts drop the bits that do not fit, and count modulo the word's width, as C does. */
function wrapped(kind: 'smallint' | 'integer', value: number): number {
  return kind === 'smallint' ? (value << 16) >> 16 : value;
}

function bigints(): ScalarFunction[] {
  const op = (symbol: string, evaluate: (a: bigint, b: bigint) => bigint) =>
    strict(`${symbol}:bigint`, symbol, ['bigint', 'bigint'], 'bigint', ([a, b]) =>
      inBigint(evaluate(a as bigint, b as bigint)),
    );
  return [
    op('+', (a, b) => a + b),
    op('-', (a, b) => a - b),
    op('*', (a, b) => a * b),
    op('/', (a, b) => {
      if (b === 0n) throw divisionByZero();
      return a / b;
    }),
    op('%', (a, b) => {
      if (b === 0n) throw divisionByZero();
      return a % b;
    }),
    op('&', (a, b) => a & b),
    op('|', (a, b) => a | b),
    op('#', (a, b) => a ^ b),
    strict('<<:bigint', '<<', ['bigint', 'integer'], 'bigint', ([a, b]) =>
      BigInt.asIntN(64, (a as bigint) << BigInt((b as number) & 63)),
    ),
    strict('>>:bigint', '>>', ['bigint', 'integer'], 'bigint', ([a, b]) =>
      BigInt.asIntN(64, (a as bigint) >> BigInt((b as number) & 63)),
    ),
    strict('~:bigint', '~', ['bigint'], 'bigint', ([a]) => ~(a as bigint), false),
    strict('plus:bigint', 'plus', ['bigint'], 'bigint', ([a]) => a!, false),
    strict('negate:bigint', 'negate', ['bigint'], 'bigint', ([a]) => inBigint(-(a as bigint))),
    strict('abs:bigint', 'abs', ['bigint'], 'bigint', ([a]) => {
      const value = a as bigint;
      return inBigint(value < 0n ? -value : value);
    }),
  ];
}

type FloatKind = 'real' | 'double';

/** The operation on doubles, rounded for real; overflow and underflow are errors. */
function floats(left: FloatKind, right: FloatKind): ScalarFunction[] {
  const result = left === 'real' && right === 'real' ? 'real' : 'double';
  const suffix = left === right ? left : `${left}:${right}`;
  const round = result === 'real' ? Math.fround : (value: number) => value;
  const op = (symbol: string, evaluate: (a: number, b: number) => number) =>
    strict(`${symbol}:${suffix}`, symbol, [left, right], result, ([x, y]) => {
      const a = x as number;
      const b = y as number;
      const value = round(evaluate(a, b));
      if (!Number.isFinite(value) && Number.isFinite(a) && Number.isFinite(b)) {
        throw runtimeError('value out of range: overflow', '22003');
      }
      const isProduct = symbol === '*' || symbol === '/';
      if (isProduct && value === 0 && a !== 0 && (symbol === '*' ? b !== 0 : Number.isFinite(b))) {
        throw runtimeError('value out of range: underflow', '22003');
      }
      return value;
    });
  return [
    op('+', (a, b) => a + b),
    op('-', (a, b) => a - b),
    op('*', (a, b) => a * b),
    op('/', (a, b) => {
      if (b === 0 && !Number.isNaN(a)) throw divisionByZero();
      return a / b;
    }),
  ];
}

function floatFunctions(kind: FloatKind): ScalarFunction[] {
  return [
    strict(`plus:${kind}`, 'plus', [kind], kind, ([a]) => a!, false),
    strict(`negate:${kind}`, 'negate', [kind], kind, ([a]) => -(a as number), false),
    strict(`abs:${kind}`, 'abs', [kind], kind, ([a]) => Math.abs(a as number), false),
  ];
}

export function addDecimals(a: Decimal, b: Decimal, sign: 1n | -1n): Decimal {
  if (isSpecial(a) || isSpecial(b)) return specialSum(a, sign === 1n ? b : negated(b));
  const scale = Math.max(a.scale, b.scale);
  const left = a.unscaled * powerOfTen(scale - a.scale);
  const right = b.unscaled * powerOfTen(scale - b.scale);
  return boundedNumeric(left + sign * right, scale);
}

/** Rounded where PostgreSQL rounds: to the digits that a numeric shows at most. */
export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  if (isSpecial(a) || isSpecial(b)) return specialProduct(a, b);
  const scale = a.scale + b.scale;
  if (scale <= displayScaleMax) return boundedNumeric(a.unscaled * b.unscaled, scale);
  const { unscaled } = rescale({ unscaled: a.unscaled * b.unscaled, scale }, displayScaleMax);
  return boundedNumeric(unscaled, displayScaleMax);
}

function decimals(): ScalarFunction[] {
  const op = (symbol: string, evaluate: (a: Decimal, b: Decimal) => Decimal) =>
    strict(`${symbol}:numeric`, symbol, ['numeric', 'numeric'], 'numeric', ([a, b]) =>
      evaluate(a as Decimal, b as Decimal),
    );
  const unary = (name: string, evaluate: (a: Decimal) => Decimal) =>
    strict(`${name}:numeric`, name, ['numeric'], 'numeric', ([a]) => evaluate(a as Decimal));
  const toWhole = (a: Decimal, adjust: (quotient: bigint, remainder: bigint) => bigint) => {
    if (isSpecial(a)) return a;
    const unit = powerOfTen(a.scale);
    return { unscaled: adjust(a.unscaled / unit, a.unscaled % unit), scale: 0 };
  };
  const scaled = (name: string, evaluate: (a: Decimal, scale: number) => Decimal) =>
    strict(`${name}:numeric:integer`, name, ['numeric', 'integer'], 'numeric', ([a, b]) =>
      evaluate(a as Decimal, Math.max(-wholeDigitsMax, Math.min(displayScaleMax, b as number))),
    );
  return [
    op('+', (a, b) => addDecimals(a, b, 1n)),
    op('-', (a, b) => addDecimals(a, b, -1n)),
    op('*', multiplyDecimals),
    op('/', (a, b) => {
      if (isSpecial(a) || isSpecial(b)) return specialQuotient(a, b);
      if (b.unscaled === 0n) throw divisionByZero();
      return divideDecimals(a, b);
    }),
    op('%', (a, b) => {
      if (isSpecial(a) || isSpecial(b)) return specialRemainder(a, b);
      if (b.unscaled === 0n) throw divisionByZero();
      const scale = Math.max(a.scale, b.scale);
      const left = a.unscaled * powerOfTen(scale - a.scale);
      return { unscaled: left % (b.unscaled * powerOfTen(scale - b.scale)), scale };
    }),
    unary('plus', (a) => a),
    unary('negate', negated),
    unary('abs', (a) => (a.unscaled < 0n ? negated(a) : a)),
    unary('floor', (a) => toWhole(a, (q, r) => (r < 0n ? q - 1n : q))),
    unary('ceil', (a) => toWhole(a, (q, r) => (r > 0n ? q + 1n : q))),
    unary('round', (a) => rescale(a, 0)),
    unary('trunc', (a) => toWhole(a, (q) => q)),
    unary('sign', (a) => {
      if (isNotANumber(a)) return a;
      return { unscaled: a.unscaled > 0n ? 1n : a.unscaled < 0n ? -1n : 0n, scale: 0 };
    }),
    scaled('round', roundTo),
    scaled('trunc', (a, scale) => {
      if (isSpecial(a)) return a;
      if (scale >= a.scale) return boundedNumeric(a.unscaled * powerOfTen(scale - a.scale), scale);
      const unit = powerOfTen(a.scale - scale);
      const cut = a.unscaled / unit;
      if (scale >= 0) return { unscaled: cut, scale };
      return { unscaled: cut * powerOfTen(-scale), scale: 0 };
    }),
  ];
}

function roundTo(a: Decimal, scale: number): Decimal {
  if (isSpecial(a)) return a;
  if (scale >= 0) {
    const { unscaled } = rescale(a, scale);
    return boundedNumeric(unscaled, scale);
  }
  // To tens, hundreds, ...: as if the point stood further left.
  const { unscaled } = rescale({ unscaled: a.unscaled, scale: a.scale - scale }, 0);
  return boundedNumeric(unscaled * powerOfTen(-scale), 0);
}

/** Half to even, as rint(). */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const difference = value - floor;
  if (difference < 0.5) return floor;
  if (difference > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function doubleFunctions(): ScalarFunction[] {
  const unary = (name: string, evaluate: (a: number) => number) =>
    strict(`${name}:double`, name, ['double'], 'double', ([a]) => evaluate(a as number));
  return [
    unary('floor', Math.floor),
    unary('ceil', Math.ceil),
    unary('round', roundHalfEven),
    unary('trunc', Math.trunc),
    // Not Math.sign: -0 and NaN have the sign 0.
    unary('sign', (a) => (a > 0 ? 1 : a < 0 ? -1 : 0)),
    unary('exp', (a) => checkedFloat(Math.exp(a), Number.isFinite(a), false)),
    unary('sqrt', (a) => {
      if (a < 0) throw runtimeError('cannot take square root of a negative number', '2201F');
      return Math.sqrt(a);
    }),
    unary('ln', (a) => Math.log(logarithmand(a))),
    unary('log', (a) => Math.log10(logarithmand(a))),
    unary('log10', (a) => Math.log10(logarithmand(a))),
    unary('cbrt', Math.cbrt),
    strict('power:double', 'power', ['double', 'double'], 'double', ([a, b]) =>
      power(a as number, b as number),
    ),
    strict('^:double', '^', ['double', 'double'], 'double', ([a, b]) =>
      power(a as number, b as number),
    ),
  ];
}

function logarithmand(value: number): number {
  if (value === 0) throw runtimeError('cannot take logarithm of zero', '2201E');
  if (value < 0) throw runtimeError('cannot take logarithm of a negative number', '2201E');
  return value;
}

function power(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) {
    throw runtimeError('zero raised to a negative power is undefined', '2201F');
  }
  if (base < 0 && Number.isFinite(exponent) && !Number.isInteger(exponent)) {
    throw runtimeError(
      'a negative number raised to a non-integer power yields a complex result',
      '2201F',
    );
  }
  const value = base === 1 ? 1 : base ** exponent;
  return checkedFloat(value, Number.isFinite(base) && Number.isFinite(exponent), base === 0);
}

/** Finite arguments never give an infinity, nor 0 unless it is exact. */
function checkedFloat(value: number, mustBeFinite: boolean, mayBeZero: boolean): number {
  if (!mustBeFinite) return value;
  if (!Number.isFinite(value)) throw runtimeError('value out of range: overflow', '22003');
  if (value === 0 && !mayBeZero) throw runtimeError('value out of range: underflow', '22003');
  return value;
}

/** mod(a, b) is a % b. */
function modFunctions(operators: readonly ScalarFunction[]): ScalarFunction[] {
  return operators
    .filter(({ signature }) => signature.name === '%')
    .map(({ signature, evaluate }) => ({
      signature: { ...signature, id: signature.id.replace('%', 'mod'), name: 'mod' },
      evaluate,
    }));
}

const operators = [
  ...smallIntegers('smallint'),
  ...smallIntegers('integer'),
  ...bigints(),
  ...floats('real', 'real'),
  ...floats('real', 'double'),
  ...floats('double', 'real'),
  ...floats('double', 'double'),
  ...decimals(),
];

export const arithmetic: readonly ScalarFunction[] = [
  ...operators,
  ...modFunctions(operators),
  ...floatFunctions('real'),
  ...floatFunctions('double'),
  ...doubleFunctions(),
];
