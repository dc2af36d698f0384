/**
 * An exact sum of doubles in fixed point, so that sums do not depend on order and retractions
 * leave nothing behind (DESIGN section 7, Function of the input). After R. M. Neal, "Fast exact
 * summation using small and large superaccumulators" (2015), with 32-bit limbs.
 *
 * State of `floatSumBytes` bytes, little-endian:
 *
 * | bytes | field                                                                          |
 * |-------|--------------------------------------------------------------------------------|
 * | 4     | net count of NaN                                                               |
 * | 4     | net count of +infinity                                                         |
 * | 4     | net count of -infinity                                                         |
 * | 4     | 0                                                                              |
 * | 4*70  | the sum of the finite values times 2^1074, two's complement                    |
 *
 * 70 limbs hold 2^1024 * 2^1074 * 2^142: no number of rows overflows it.
 */
const limbs = 70;
const headWords = 4;
export const floatSumBytes = 4 * (headWords + limbs);

const scratch = new Float64Array(1);
const scratchWords = new Int32Array(scratch.buffer);

/** Adds `value` to the state in `words`, `times` times (negative: takes it away). */
export function addFloat(words: Int32Array, value: number, times: number): void {
  if (!Number.isFinite(value)) {
    const slot = Number.isNaN(value) ? 0 : value > 0 ? 1 : 2;
    words[slot] = words[slot]! + times;
    return;
  }
  if (value === 0 || times === 0) return;
  scratch[0] = value;
  const { mantissa, shift } = decomposed();
  addShifted(words, headWords, limbs, mantissa * BigInt(times), shift);
}

/** The double in `scratch` as mantissa * 2^(shift - 1074). */
function decomposed(): { mantissa: bigint; shift: number } {
  const low = scratchWords[0]!;
  const high = scratchWords[1]!;
  const exponent = (high >>> 20) & 0x7ff;
  const mantissaHigh = (high & 0xfffff) | (exponent === 0 ? 0 : 0x100000);
  const magnitude = (BigInt(mantissaHigh) << 32n) | BigInt(low >>> 0);
  return { mantissa: high < 0 ? -magnitude : magnitude, shift: exponent === 0 ? 0 : exponent - 1 };
}

/** Limbs that hold the sum of products of two doubles times 2^2148 exactly. */
export const productLimbs = 2 * limbs;
export const sumLimbs = limbs;

/** Adds `value * times` to the limbs from `first` on; `value` is finite. */
export function addScaled(words: Int32Array, first: number, value: number, times: number): void {
  scratch[0] = value;
  const { mantissa, shift } = decomposed();
  addShifted(words, first, limbs, mantissa * BigInt(times), shift);
}

/** Adds `a * b * times` to the product limbs from `first` on; both are finite. */
export function addProduct(
  words: Int32Array,
  first: number,
  a: number,
  b: number,
  times: number,
): void {
  scratch[0] = a;
  const left = decomposed();
  scratch[0] = b;
  const right = decomposed();
  const product = left.mantissa * right.mantissa * BigInt(times);
  addShifted(words, first, productLimbs, product, left.shift + right.shift);
}

/** Adds value * 2^shift to `count` limbs from `first` on. */
function addShifted(
  words: Int32Array,
  first: number,
  count: number,
  value: bigint,
  shift: number,
): void {
  if (value === 0n) return;
  let at = first + (shift >>> 5);
  const end = first + count;
  let rest = value << BigInt(shift & 31);
  let carry = 0;
  while (rest !== 0n && rest !== -1n && at < end) {
    const sum = (words[at]! >>> 0) + Number(BigInt.asUintN(32, rest)) + carry;
    rest >>= 32n;
    words[at++] = sum | 0;
    carry = sum >= 4294967296 ? 1 : 0;
  }
  // Then the sign runs on.
  const fill = rest < 0n ? 0xffffffff : 0;
  for (; at < end; at++) {
    // Adding 0, or -1 with a carry, changes no further limb.
    if ((fill === 0) === (carry === 0)) return;
    const sum = (words[at]! >>> 0) + fill + carry;
    words[at] = sum | 0;
    carry = sum >= 4294967296 ? 1 : 0;
  }
}

/** The number in `count` limbs from `first` on, as an integer. */
export function limbsAt(words: Int32Array, first: number, count: number): bigint {
  let total = 0n;
  for (let k = count - 1; k >= 0; k--) total = (total << 32n) | BigInt(words[first + k]! >>> 0);
  return BigInt.asIntN(32 * count, total);
}

/** dividend / divisor * 2^exponent as the nearest double; `divisor` is positive. */
export function quotientAsDouble(dividend: bigint, divisor: bigint, exponent: number): number {
  if (dividend === 0n) return 0;
  const magnitude = dividend < 0n ? -dividend : dividend;
  // 66 bits of the quotient, and one that stands for all that follow.
  const missing = 66 + divisor.toString(2).length - magnitude.toString(2).length;
  const raised = missing > 0 ? magnitude << BigInt(missing) : magnitude;
  let quotient = raised / divisor;
  if (quotient * divisor !== raised) quotient |= 1n;
  const rounded = roundedBits(quotient, exponent - Math.max(0, missing));
  return dividend < 0n ? -rounded : rounded;
}

/** The sum, rounded once to the nearest double, ties to even. */
export function floatSum(words: Int32Array): number {
  const [nans, infinities, negativeInfinities] = words;
  if (nans! > 0 || (infinities! > 0 && negativeInfinities! > 0)) return Number.NaN;
  if (infinities! > 0) return Infinity;
  if (negativeInfinities! > 0) return -Infinity;
  const total = limbsAt(words, headWords, limbs);
  return total < 0n ? -roundedBits(-total, -1074) : roundedBits(total, -1074);
}

/** `magnitude * 2^exponent` as the nearest double, ties to even. */
function roundedBits(magnitude: bigint, exponent: number): number {
  if (magnitude === 0n) return 0;
  const bits = magnitude.toString(2).length;
  // Below 2^-1022 a double has fewer bits than 53: round where it does, once.
  const kept = Math.min(53, bits + exponent + 1074);
  if (kept < 0) return 0;
  const drop = bits - kept;
  let top = drop > 0 ? magnitude >> BigInt(drop) : magnitude;
  if (drop > 0) {
    const rest = magnitude - (top << BigInt(drop));
    const half = 1n << BigInt(drop - 1);
    if (rest > half || (rest === half && (top & 1n) === 1n)) top++;
  }
  // Two factors, since one power of two alone may not be a double.
  const scale = exponent + Math.max(0, drop);
  const part = Math.trunc(scale / 2);
  return Number(top) * 2 ** part * 2 ** (scale - part);
}
