import { limits } from '../../platform/limits.ts';
import {
  checkedDecimal,
  compareDecimals,
  decimalToText,
  divideRounded,
  isNotANumber,
  isSpecial,
  leadingDigit,
  notANumber,
  powerOfTen,
  rescale,
} from '../columns/decimal.ts';
import type { Decimal, SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';
import { specialExp, specialLog, specialPower, specialQuotient } from './special-numerics.ts';

/**
 * Mathematical functions of numerics, with the result scales that PostgreSQL's numeric.c chooses:
 * at least 16 significant digits, and no fewer than the arguments show.
 */
const decimal = (value: SqlValue | undefined) => value as Decimal;
const int = (value: SqlValue | undefined) => value as number;

const significantDigits = 16;
const absolute = (value: bigint) => (value < 0n ? -value : value);

/** Between the scales that arguments show and PostgreSQL's largest for display. */
function shownScale(scale: number, ...args: readonly Decimal[]): number {
  return Math.min(Math.max(scale, ...args.map((arg) => arg.scale), 0), limits.numericDigitsMax);
}

/** The value as an integer at `scale`, rounded. */
const at = (value: Decimal, scale: number): bigint => rescale(value, scale).unscaled;

/** Truncated. */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function squareRoot(a: Decimal): Decimal {
  if (a.unscaled < 0n) {
    throw runtimeError('cannot take square root of a negative number', '2201F');
  }
  if (isSpecial(a)) return a;
  const weight = leadingDigit(a).weight;
  const scale = shownScale(significantDigits - ((weight + 1) * 4) / 2 + 1, a);
  // Two digits more, so that rounding is right.
  const root = integerRoot(at(a, 2 * (scale + 2)));
  return checkedDecimal(divideRounded(root, 100n), scale);
}

// ---- logarithms and powers in fixed point ---------------------------------------------------------

/** ln(x) for x > 0 given at `scale`, to about that many digits: argument reduced, then atanh's series. */
function lnFixed(x: bigint, scale: number): bigint {
  const unit = powerOfTen(scale);
  let value = x;
  let doublings = 0n;
  // To [0.5, 1.5) by square roots of the base: ln(x) = k ln 2 + ln(x / 2^k).
  const bits = value.toString(2).length - unit.toString(2).length;
  if (bits > 0) value >>= BigInt(bits);
  else if (bits < 0) value <<= BigInt(-bits);
  doublings = BigInt(bits);
  // Exactly scaled anew: shifting lost digits of a large value only below the last place.
  if (bits > 0) value = divideRounded(x, 1n << BigInt(bits));
  return atanhSeries(value, unit) + doublings * ln2(scale);
}

/** ln(v) = 2 atanh((v - 1) / (v + 1)). */
function atanhSeries(value: bigint, unit: bigint): bigint {
  const z = ((value - unit) * unit) / (value + unit);
  const square = (z * z) / unit;
  let term = z;
  let sum = 0n;
  for (let k = 1n; term !== 0n; k += 2n) {
    sum += term / k;
    term = (term * square) / unit;
  }
  return 2n * sum;
}

const ln2Cache = new Map<number, bigint>();

function ln2(scale: number): bigint {
  let value = ln2Cache.get(scale);
  if (value === undefined) {
    const extra = 10;
    const unit = powerOfTen(scale + extra);
    value = atanhSeries(2n * unit, unit) / powerOfTen(extra);
    if (ln2Cache.size > 200) ln2Cache.clear();
    ln2Cache.set(scale, value);
  }
  return value;
}

/** e^x for x at `scale`; the result is at `scale` too. */
function expFixed(x: bigint, scale: number): bigint {
  const unit = powerOfTen(scale);
  const log = ln2(scale);
  const k = divideRounded(x, log);
  let rest = x - k * log;
  // Halved, so that the series is short.
  const halvings = 8n;
  rest >>= halvings;
  let term = unit;
  let sum = unit;
  for (let n = 1n; term !== 0n; n++) {
    term = (term * rest) / (unit * n);
    sum += term;
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) / unit;
  return k >= 0n ? sum << k : sum >> -k;
}

const toNumber = (value: Decimal) => Number(decimalToText(value));

/** Decimal weight of ln(value), as PostgreSQL's estimate_ln_dweight. */
function lnWeight(value: Decimal): number {
  const number = toNumber(value);
  if (number >= 0.9 && number <= 1.1) {
    const difference = { unscaled: value.unscaled - powerOfTen(value.scale), scale: value.scale };
    if (difference.unscaled === 0n) return 0;
    const { weight, digit } = leadingDigit(difference);
    return weight * 4 + Math.trunc(Math.log10(digit));
  }
  const digits = absolute(value.unscaled).toString();
  const mantissa = Number(`0.${digits.slice(0, 17)}`);
  const ln = Math.log(mantissa) + (digits.length - value.scale) * Math.LN10;
  return Math.trunc(Math.log10(Math.abs(ln)));
}

function checkLogarithm({ unscaled }: Decimal): void {
  if (unscaled === 0n) throw runtimeError('cannot take logarithm of zero', '2201E');
  if (unscaled < 0n) throw runtimeError('cannot take logarithm of a negative number', '2201E');
}

/** ln at `scale` digits behind the point. */
function lnAt(a: Decimal, scale: number): bigint {
  const inner = scale + 12 + Math.max(0, a.scale - absolute(a.unscaled).toString().length + 1);
  return divideRounded(lnFixed(at(a, inner), inner), powerOfTen(inner - scale));
}

function ln(a: Decimal): Decimal {
  checkLogarithm(a);
  if (isSpecial(a)) return a;
  const scale = shownScale(significantDigits - lnWeight(a), a);
  return checkedDecimal(lnAt(a, scale), scale);
}

function log(base: Decimal, a: Decimal): Decimal {
  if (isNotANumber(base) || isNotANumber(a)) return notANumber;
  checkLogarithm(base);
  checkLogarithm(a);
  if (isSpecial(base) || isSpecial(a)) return specialLog(base, a);
  const weight = lnWeight(a) - lnWeight(base);
  const scale = shownScale(significantDigits - weight, base, a);
  const inner = scale + 25 + Math.abs(lnWeight(base)) + Math.abs(lnWeight(a));
  const below = lnAt(base, inner);
  if (below === 0n) throw runtimeError('division by zero', '22012');
  return checkedDecimal(divideRounded(lnAt(a, inner) * powerOfTen(scale), below), scale);
}

/** Nothing larger is ever finite: 131,072 digits before the point. */
const exponentMax = limits.numericDigitsMax + 2;

function exp(a: Decimal): Decimal {
  if (isSpecial(a)) return specialExp(a);
  const weight = Math.max(-2000, Math.min(2000, toNumber(a) * Math.LOG10E));
  if (weight > exponentMax) throw runtimeError('value overflows numeric format', '22003');
  const scale = shownScale(significantDigits - Math.trunc(weight), a);
  if (weight < -scale - 1) return { unscaled: 0n, scale };
  const inner = scale + 15 + Math.max(0, Math.ceil(weight));
  const value = expFixed(at(a, inner), inner);
  return checkedDecimal(divideRounded(value, powerOfTen(inner - scale)), scale);
}

function power(base: Decimal, exponent: Decimal): Decimal {
  if (isNotANumber(base) || isNotANumber(exponent)) return specialPower(base, exponent, powerOfTen);
  if (base.unscaled === 0n && exponent.unscaled < 0n) {
    throw runtimeError('zero raised to a negative power is undefined', '2201F');
  }
  const whole = isSpecial(exponent) || exponent.unscaled % powerOfTen(exponent.scale) === 0n;
  if (base.unscaled < 0n && !whole) {
    throw runtimeError(
      'a negative number raised to a non-integer power yields a complex result',
      '2201F',
    );
  }
  if (isSpecial(base) || isSpecial(exponent)) return specialPower(base, exponent, powerOfTen);
  const integer = exponent.unscaled / powerOfTen(exponent.scale);
  if (whole && absolute(integer) <= 2_147_483_647n) {
    return integerPower(base, integer, exponent.scale);
  }
  if (base.unscaled === 0n) return { unscaled: 0n, scale: significantDigits };
  const positive = { unscaled: absolute(base.unscaled), scale: base.scale };
  const estimate = (Math.log(Math.abs(toNumber(base))) * toNumber(exponent)) / Math.LN10;
  if (estimate > exponentMax) throw runtimeError('value overflows numeric format', '22003');
  const scale = shownScale(significantDigits - Math.trunc(estimate), base, exponent);
  if (estimate < -scale - 1) return { unscaled: 0n, scale };
  const inner = scale + 25 + Math.max(0, Math.ceil(estimate));
  const logarithm = lnAt(positive, inner);
  const product = divideRounded(logarithm * exponent.unscaled, powerOfTen(exponent.scale));
  const value = divideRounded(expFixed(product, inner), powerOfTen(inner - scale));
  const isNegative = base.unscaled < 0n && integer % 2n !== 0n;
  return checkedDecimal(isNegative ? -value : value, scale);
}

/** By squaring; exact but for the last rounding. */
function integerPower(base: Decimal, exponent: bigint, exponentScale: number): Decimal {
  const digits = absolute(base.unscaled).toString();
  const lead = Number(`0.${digits.slice(0, 17)}`);
  const estimate =
    base.unscaled === 0n ? 0 : (Math.log10(lead) + digits.length - base.scale) * Number(exponent);
  if (estimate > exponentMax) throw runtimeError('value overflows numeric format', '22003');
  const scale = Math.min(
    Math.max(significantDigits - Math.trunc(estimate), base.scale, exponentScale, 0),
    limits.numericDigitsMax,
  );
  if (estimate + 1 < -limits.numericDigitsMax) return { unscaled: 0n, scale };
  if (exponent === 0n) return { unscaled: powerOfTen(scale), scale };
  if (base.unscaled === 0n) return { unscaled: 0n, scale };
  const count = absolute(exponent);
  // Digits that the multiplications may lose, and those before the point.
  const inner = scale + Math.abs(Math.trunc(estimate)) + 20 + count.toString(2).length;
  const unit = powerOfTen(inner);
  let factor = at(base, inner);
  let value = unit;
  for (let left = count; left > 0n; left >>= 1n) {
    if (left & 1n) value = divideRounded(value * factor, unit);
    if (left > 1n) factor = divideRounded(factor * factor, unit);
  }
  if (exponent < 0n) {
    if (value === 0n) throw runtimeError('value overflows numeric format', '22003');
    value = divideRounded(unit * unit, value);
  }
  return checkedDecimal(divideRounded(value, powerOfTen(inner - scale)), scale);
}

// ---- integers ------------------------------------------------------------------------------------

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [absolute(a), absolute(b)];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** Both at the larger scale. */
function aligned(a: Decimal, b: Decimal): { x: bigint; y: bigint; scale: number } {
  const scale = Math.max(a.scale, b.scale);
  return { x: at(a, scale), y: at(b, scale), scale };
}

function factorial(n: bigint): Decimal {
  if (n < 0n) throw runtimeError('factorial of a negative number is undefined', '22003');
  if (n > 32_177n) throw runtimeError('value overflows numeric format', '22003');
  let product = 1n;
  for (let k = 2n; k <= n; k++) {
    product *= k;
    checkedDecimal(product, 0);
  }
  return checkedDecimal(product, 0);
}

function withoutZeros({ unscaled, scale }: Decimal): Decimal {
  let [value, left] = [unscaled, scale];
  while (left > 0 && value % 10n === 0n) {
    value /= 10n;
    left--;
  }
  return { unscaled: value, scale: left };
}

function widthBucket(a: Decimal, low: Decimal, high: Decimal, count: number): number {
  if (count <= 0) throw runtimeError('count must be greater than zero', '2201G');
  if ([a, low, high].some(isNotANumber)) {
    throw runtimeError('operand, lower bound, and upper bound cannot be NaN', '2201G');
  }
  if (isSpecial(low) || isSpecial(high)) {
    throw runtimeError('lower and upper bounds must be finite', '2201G');
  }
  const order = compareDecimals(low, high);
  if (order === 0) throw runtimeError('lower bound cannot equal upper bound', '2201G');
  const sign = order < 0 ? 1 : -1;
  if (sign * compareDecimals(a, low) < 0) return 0;
  if (sign * compareDecimals(a, high) >= 0) {
    if (count === 2_147_483_647) throw runtimeError('integer out of range', '22003');
    return count + 1;
  }
  const scale = Math.max(a.scale, low.scale, high.scale);
  const part = absolute(at(a, scale) - at(low, scale));
  const whole = absolute(at(high, scale) - at(low, scale));
  return Number((part * BigInt(count)) / whole) + 1;
}

/** NaN and infinities have no scale. */
const shown = (value: Decimal) => (isSpecial(value) ? null : value.scale);

const hasSpecial = (...values: readonly (SqlValue | undefined)[]) =>
  values.some((value) => isSpecial(decimal(value)));

const divisionByZero = () => runtimeError('division by zero', '22012');

export const numericFunctions: readonly ScalarFunction[] = [
  define('sqrt(numeric) numeric', ([a]) => squareRoot(decimal(a))),
  define('ln(numeric) numeric', ([a]) => ln(decimal(a))),
  define('log(numeric) numeric', ([a]) => log({ unscaled: 10n, scale: 0 }, decimal(a))),
  define('log10(numeric) numeric', ([a]) => log({ unscaled: 10n, scale: 0 }, decimal(a))),
  define('log(numeric, numeric) numeric', ([base, a]) => log(decimal(base), decimal(a))),
  define('exp(numeric) numeric', ([a]) => exp(decimal(a))),
  define('power(numeric, numeric) numeric', ([a, b]) => power(decimal(a), decimal(b))),
  define('^(numeric, numeric) numeric', ([a, b]) => power(decimal(a), decimal(b))),
  define('div(numeric, numeric) numeric', ([a, b]) => {
    if (hasSpecial(a, b)) return specialQuotient(decimal(a), decimal(b));
    const { x, y } = aligned(decimal(a), decimal(b));
    if (y === 0n) throw divisionByZero();
    return { unscaled: x / y, scale: 0 };
  }),
  define('gcd(numeric, numeric) numeric', ([a, b]) => {
    if (hasSpecial(a, b)) return notANumber;
    const { x, y, scale } = aligned(decimal(a), decimal(b));
    return checkedDecimal(gcd(x, y), scale);
  }),
  define('lcm(numeric, numeric) numeric', ([a, b]) => {
    if (hasSpecial(a, b)) return notANumber;
    const { x, y, scale } = aligned(decimal(a), decimal(b));
    return checkedDecimal(x === 0n || y === 0n ? 0n : absolute((x / gcd(x, y)) * y), scale);
  }),
  define('factorial(bigint) numeric', ([n]) => factorial(n as bigint)),
  define('scale(numeric) integer', ([a]) => shown(decimal(a))),
  define('min_scale(numeric) integer', ([a]) => shown(withoutZeros(decimal(a)))),
  define('trim_scale(numeric) numeric', ([a]) => withoutZeros(decimal(a))),
  define('width_bucket(numeric, numeric, numeric, integer) integer', ([a, low, high, count]) =>
    widthBucket(decimal(a), decimal(low), decimal(high), int(count)),
  ),
];
