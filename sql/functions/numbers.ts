import type { SqlArray, SqlValue } from '../columns/types.ts';
import { compareNullable } from './compare.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/** Mathematical functions of doubles and integers (documentation 9.3). */

const num = (value: SqlValue | undefined) => value as number;

const outOfRange = () => runtimeError('input is out of range', '22003');

/** Finite inputs never give an infinity. */
function finite(value: number, ...inputs: readonly number[]): number {
  if (Number.isFinite(value) || inputs.some((input) => !Number.isFinite(input))) return value;
  throw runtimeError('value out of range: overflow', '22003');
}

/** Trigonometry refuses infinities. */
const ofFinite = (compute: (a: number) => number) => (a: number) => {
  if (a === Infinity || a === -Infinity) throw outOfRange();
  return finite(compute(a), a);
};

const within = (least: number, most: number, compute: (a: number) => number) => (a: number) => {
  if (a < least || a > most) throw outOfRange();
  return compute(a);
};

const perDegree = Math.PI / 180;
/** Exact where degrees give round values. */
const sin30 = Math.sin(30 * perDegree);
const oneMinusCos60 = 1 - Math.cos(60 * perDegree);
const asin05 = Math.asin(0.5);
const acos05 = Math.acos(0.5);
const atan1 = Math.atan(1);

const sin0to30 = (x: number) => Math.sin(x * perDegree) / sin30 / 2;
const cos0to60 = (x: number) => 1 - (1 - Math.cos(x * perDegree)) / oneMinusCos60 / 2;

function sinOfQuarter(x: number): number {
  return x <= 30 ? sin0to30(x) : cos0to60(90 - x);
}
function cosOfQuarter(x: number): number {
  return x <= 60 ? cos0to60(x) : sin0to30(90 - x);
}

const tan45 = sinOfQuarter(45) / cosOfQuarter(45);
const cot45 = cosOfQuarter(45) / sinOfQuarter(45);

/** The angle brought to a quarter of the circle, with the signs of sine and cosine. */
function quarter(angle: number): { x: number; sinSign: number; cosSign: number } {
  let x = angle % 360;
  let sinSign = 1;
  let cosSign = 1;
  if (x < 0) {
    x = -x;
    sinSign = -1;
  }
  if (x > 180) {
    x = 360 - x;
    sinSign = -sinSign;
  }
  if (x > 90) {
    x = 180 - x;
    cosSign = -1;
  }
  return { x, sinSign, cosSign };
}

function sind(angle: number): number {
  const { x, sinSign } = quarter(angle);
  return sinSign * sinOfQuarter(x);
}
function cosd(angle: number): number {
  const { x, cosSign } = quarter(angle);
  return cosSign * cosOfQuarter(x);
}
function tand(angle: number): number {
  const { x, sinSign, cosSign } = quarter(angle);
  const value = (sinSign * cosSign * (sinOfQuarter(x) / cosOfQuarter(x))) / tan45;
  return value === 0 ? 0 : value;
}
function cotd(angle: number): number {
  const { x, sinSign, cosSign } = quarter(angle);
  const value = (sinSign * cosSign * (cosOfQuarter(x) / sinOfQuarter(x))) / cot45;
  return value === 0 ? 0 : value;
}
const asinQuarter = (x: number) =>
  x <= 0.5 ? (Math.asin(x) / asin05) * 30 : 90 - (Math.acos(x) / acos05) * 60;
const acosQuarter = (x: number) =>
  x <= 0.5 ? 90 - (Math.asin(x) / asin05) * 30 : (Math.acos(x) / acos05) * 60;

/** Degrees modulo 360 and infinities as errors. */
const ofDegrees = (compute: (a: number) => number) => (a: number) => {
  if (a === Infinity || a === -Infinity) throw outOfRange();
  return Number.isNaN(a) ? a : compute(a);
};

const functions: Readonly<Record<string, (a: number) => number>> = {
  sin: ofFinite(Math.sin),
  cos: ofFinite(Math.cos),
  tan: ofFinite(Math.tan),
  cot: (a) => {
    if (a === Infinity || a === -Infinity) throw outOfRange();
    return 1 / Math.tan(a);
  },
  asin: within(-1, 1, Math.asin),
  acos: within(-1, 1, Math.acos),
  atan: Math.atan,
  sind: ofDegrees(sind),
  cosd: ofDegrees(cosd),
  tand: ofDegrees(tand),
  cotd: ofDegrees(cotd),
  asind: within(-1, 1, (a) => (a >= 0 ? asinQuarter(a) : -asinQuarter(-a))),
  acosd: within(-1, 1, (a) => (a >= 0 ? acosQuarter(a) : 90 + asinQuarter(-a))),
  atand: (a) => (Math.atan(a) / atan1) * 45,
  sinh: (a) => Math.sinh(a),
  cosh: (a) => Math.cosh(a),
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: (a) => {
    if (a < 1) throw outOfRange();
    return Math.acosh(a);
  },
  atanh: within(-1, 1, Math.atanh),
  degrees: (a) => finite(a / perDegree, a),
  radians: (a) => {
    const value = a * perDegree;
    if (value === 0 && a !== 0) throw runtimeError('value out of range: underflow', '22003');
    return value;
  },
};

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function ofIntegers(name: 'gcd' | 'lcm', kind: 'integer' | 'bigint'): ScalarFunction {
  const limit = kind === 'integer' ? 2n ** 31n : 2n ** 63n;
  return define(`${name}(${kind}, ${kind}) ${kind}`, ([x, y]) => {
    const [a, b] = [BigInt(num(x)), BigInt(num(y))];
    const common = gcd(a, b);
    let value = common;
    if (name === 'lcm') value = a === 0n || b === 0n ? 0n : (a / common) * b;
    if (value < 0n) value = -value;
    if (value >= limit) throw runtimeError(`${kind} out of range`, '22003');
    return kind === 'integer' ? Number(value) : value;
  });
}

/** The bucket of `operand` among `count` equal ones; 0 below, count + 1 above. */
function widthBucket(operand: number, low: number, high: number, count: number): number {
  if (count <= 0) throw runtimeError('count must be greater than zero', '2201G');
  if ([operand, low, high].some(Number.isNaN)) {
    throw runtimeError('operand, lower bound, and upper bound cannot be NaN', '2201G');
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    throw runtimeError('lower and upper bounds must be finite', '2201G');
  }
  if (low === high) throw runtimeError('lower bound cannot equal upper bound', '2201G');
  const above = () => {
    if (count === 2_147_483_647) throw runtimeError('integer out of range', '22003');
    return count + 1;
  };
  if (low < high) {
    if (operand < low) return 0;
    if (operand >= high) return above();
    return bucket(operand - low, high - low, operand / 2 - low / 2, high / 2 - low / 2, count);
  }
  if (operand > low) return 0;
  if (operand <= high) return above();
  return bucket(low - operand, low - high, low / 2 - operand / 2, low / 2 - high / 2, count);
}

/** Halves where the whole differences overflow. */
function bucket(
  part: number,
  whole: number,
  halfPart: number,
  halfWhole: number,
  count: number,
): number {
  const ratio = Number.isFinite(whole) ? part / whole : halfPart / halfWhole;
  const number = Math.floor(count * ratio);
  return (number >= count ? count - 1 : number) + 1;
}

export const numbers: readonly ScalarFunction[] = [
  ...Object.entries(functions).map(([name, compute]) =>
    define(`${name}(double precision) double precision`, ([a]) => compute(num(a))),
  ),
  define('pi() double precision', () => Math.PI),
  define('atan2(double precision, double precision) double precision', ([a, b]) =>
    Math.atan2(num(a), num(b)),
  ),
  define(
    'atan2d(double precision, double precision) double precision',
    ([a, b]) => (Math.atan2(num(a), num(b)) / atan1) * 45,
  ),
  define('|/(double precision) double precision', ([a]) => {
    if (num(a) < 0) throw runtimeError('cannot take square root of a negative number', '2201F');
    return Math.sqrt(num(a));
  }),
  define('||/(double precision) double precision', ([a]) => Math.cbrt(num(a))),
  ofIntegers('gcd', 'integer'),
  ofIntegers('gcd', 'bigint'),
  ofIntegers('lcm', 'integer'),
  ofIntegers('lcm', 'bigint'),
  define(
    'width_bucket(double precision, double precision, double precision, integer) integer',
    ([a, low, high, count]) => widthBucket(num(a), num(low), num(high), num(count)),
  ),
  define('width_bucket(anycompatible, anycompatiblearray) integer', ([a, bounds], _, [type]) => {
    const { items, dimensions } = bounds as SqlArray;
    if (dimensions.length > 1)
      throw runtimeError('thresholds must be one-dimensional array', '2202E');
    if (items.includes(null))
      throw runtimeError('thresholds array must not contain NULLs', '22004');
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareNullable(type!, a!, items[middle]!) < 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }),
];
