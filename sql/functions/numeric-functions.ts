import {
  boundedNumeric,
  chosenScaleMax,
  compareDecimals,
  decimalToText,
  divideRounded,
  isNotANumber,
  isSpecial,
  leadingDigit,
  normalized,
  notANumber,
  powerOfTen,
  rescale,
  wholeDigitsMax,
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
  return Math.min(Math.max(scale, ...args.map((arg) => arg.scale), 0), chosenScaleMax);
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
  return boundedNumeric(divideRounded(root, 100n), scale);
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
  return Math.trunc(Math.log10(Math.abs(log10Of(value) * Math.LN10)));
}

/** About log10 of the magnitude, which is not 0 and may be out of a double's range. */
function log10Of({ unscaled, scale }: Decimal): number {
  const digits = absolute(unscaled).toString();
  return Math.log10(Number(`0.${digits.slice(0, 17)}`)) + digits.length - scale;
}

function checkLogarithm({ unscaled }: Decimal): void {
  if (unscaled === 0n) throw runtimeError('cannot take logarithm of zero', '2201E');
  if (unscaled < 0n) throw runtimeError('cannot take logarithm of a negative number', '2201E');
}

/** Powers of ten that are taken out of a logarithm's argument: else it would need as many digits. */
const weightMax = 40;

/** ln at `scale` digits behind the point. */
function lnAt(a: Decimal, scale: number): bigint {
  const weight = absolute(a.unscaled).toString().length - a.scale;
  if (Math.abs(weight) > weightMax) {
    // a = m * 10^weight, with m from 0.1 to 1; the error of ln 10 grows with the weight.
    const inner = scale + 20;
    const m = { unscaled: a.unscaled, scale: a.scale + weight };
    const sum =
      lnFixed(at(m, inner), inner) + BigInt(weight) * lnFixed(powerOfTen(inner + 1), inner);
    return divideRounded(sum, powerOfTen(inner - scale));
  }
  const inner = scale + 12 + Math.max(0, 1 - weight);
  return divideRounded(lnFixed(at(a, inner), inner), powerOfTen(inner - scale));
}

function ln(a: Decimal): Decimal {
  checkLogarithm(a);
  if (isSpecial(a)) return a;
  const scale = shownScale(significantDigits - lnWeight(a), a);
  return boundedNumeric(lnAt(a, scale), scale);
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
  return boundedNumeric(divideRounded(lnAt(a, inner) * powerOfTen(scale), below), scale);
}

/** numeric.c, NUMERIC_MAX_RESULT_SCALE times 3: exp(x) beyond overflows, or is 0. */
const exponentMax = 6000;
/** To 15 digits, as numeric.c has it. */
const log10OfE = 434_294_481_903_252 / 1e15;
/** NUMERIC_MAX_RESULT_SCALE. */
const weightShownMax = 2000;

const overflow = () => runtimeError('value overflows numeric format', '22003');

/** The scale of a result of about 10^weight, as numeric.c chooses it. */
function resultScale(weight: number, ...args: readonly Decimal[]): number {
  const bounded = Math.max(-weightShownMax, Math.min(weightShownMax, weight));
  return shownScale(significantDigits - Math.trunc(bounded), ...args);
}

function exp(a: Decimal): Decimal {
  if (isSpecial(a)) return specialExp(a);
  const number = toNumber(a);
  if (number >= exponentMax) throw overflow();
  const weight = number * log10OfE;
  const scale = resultScale(weight, a);
  if (weight < -scale - 1) return { unscaled: 0n, scale };
  const inner = scale + 15 + Math.max(0, Math.ceil(weight));
  const value = expFixed(at(a, inner), inner);
  return boundedNumeric(divideRounded(value, powerOfTen(inner - scale)), scale);
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
  // To 8 digits, as there: the scale of the result depends on it.
  const roughScale = shownScale(8 - lnWeight(positive));
  const rough = divideRounded(
    lnAt(positive, roughScale) * exponent.unscaled,
    powerOfTen(exponent.scale),
  );
  const number = toNumber({ unscaled: rough, scale: roughScale });
  if (number >= exponentMax) throw overflow();
  const estimate = number * log10OfE;
  const scale = resultScale(estimate, base, exponent);
  if (estimate < -scale - 1) return { unscaled: 0n, scale };
  const inner = scale + 25 + Math.max(0, Math.ceil(estimate), Math.ceil(log10Of(exponent)));
  const logarithm = lnAt(positive, inner);
  const product = divideRounded(logarithm * exponent.unscaled, powerOfTen(exponent.scale));
  const value = divideRounded(expFixed(product, inner), powerOfTen(inner - scale));
  const isNegative = base.unscaled < 0n && integer % 2n !== 0n;
  return boundedNumeric(isNegative ? -value : value, scale);
}

/** Digits up to which a power is computed exactly before it is rounded. */
const exactDigitsMax = 300_000n;

/** By squaring; exact but for the last rounding. As numeric.c's power_var_int. */
function integerPower(base: Decimal, exponent: bigint, exponentScale: number): Decimal {
  const estimate = base.unscaled === 0n ? 0 : log10Of(base) * Number(exponent);
  if (estimate > wholeDigitsMax) throw overflow();
  if (estimate + 1 < -chosenScaleMax) return { unscaled: 0n, scale: chosenScaleMax };
  const shown = { unscaled: 0n, scale: exponentScale };
  const scale = shownScale(significantDigits - Math.trunc(estimate), base, shown);
  if (exponent === 0n) return { unscaled: powerOfTen(scale), scale };
  if (base.unscaled === 0n) return { unscaled: 0n, scale };
  const count = absolute(exponent);
  if (BigInt(absolute(base.unscaled).toString().length) * count <= exactDigitsMax) {
    const power = { unscaled: base.unscaled ** count, scale: base.scale * Number(count) };
    if (exponent > 0n) return boundedNumeric(at(power, scale), scale);
    return boundedNumeric(divideRounded(powerOfTen(power.scale + scale), power.unscaled), scale);
  }
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
    if (value === 0n) throw overflow();
    value = divideRounded(unit * unit, value);
  }
  return boundedNumeric(divideRounded(value, powerOfTen(inner - scale)), scale);
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
  if (n > 32_177n) throw overflow();
  return boundedNumeric(productOf(1n, n), 0);
}

/** Of first to last, halved so that the factors are of one length: long products are slow else. */
function productOf(first: bigint, last: bigint): bigint {
  if (first >= last) return first === last ? last : 1n;
  const middle = (first + last) / 2n;
  return productOf(first, middle) * productOf(middle + 1n, last);
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
    return boundedNumeric(gcd(x, y), scale);
  }),
  define('lcm(numeric, numeric) numeric', ([a, b]) => {
    if (hasSpecial(a, b)) return notANumber;
    const { x, y, scale } = aligned(decimal(a), decimal(b));
    return boundedNumeric(x === 0n || y === 0n ? 0n : absolute((x / gcd(x, y)) * y), scale);
  }),
  define('factorial(bigint) numeric', ([n]) => factorial(n as bigint)),
  define('scale(numeric) integer', ([a]) => shown(decimal(a))),
  define('min_scale(numeric) integer', ([a]) => shown(normalized(decimal(a)))),
  define('trim_scale(numeric) numeric', ([a]) => normalized(decimal(a))),
  define('width_bucket(numeric, numeric, numeric, integer) integer', ([a, low, high, count]) =>
    widthBucket(decimal(a), decimal(low), decimal(high), int(count)),
  ),
];
