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
  const low = scratchWords[0]!;
  const high = scratchWords[1]!;
  const exponent = (high >>> 20) & 0x7ff;
  const mantissaHigh = (high & 0xfffff) | (exponent === 0 ? 0 : 0x100000);
  // The value is mantissa * 2^(shift - 1074).
  const shift = exponent === 0 ? 0 : exponent - 1;
  const sign = value < 0 ? -times : times;
  addLimbs(words, shift, mantissaHigh, low >>> 0, sign);
}

/** Adds (high * 2^32 + low) * times * 2^shift; high < 2^21. */
function addLimbs(
  words: Int32Array,
  shift: number,
  high: number,
  low: number,
  times: number,
): void {
  let at = headWords + (shift >>> 5);
  let value = (((BigInt(high) << 32n) | BigInt(low)) * BigInt(times)) << BigInt(shift & 31);
  let carry = 0;
  // `value` has at most 53 + 31 + 31 bits: four limbs, then the sign runs on.
  for (let k = 0; k < 4; k++, at++) {
    const limb = Number(BigInt.asUintN(32, value));
    value >>= 32n;
    const sum = (words[at]! >>> 0) + limb + carry;
    words[at] = sum | 0;
    carry = sum >= 4294967296 ? 1 : 0;
  }
  const fill = value < 0n ? 0xffffffff : 0;
  for (; at < headWords + limbs; at++) {
    // Adding 0, or -1 with a carry, changes no further limb.
    if ((fill === 0) === (carry === 0)) return;
    const sum = (words[at]! >>> 0) + fill + carry;
    words[at] = sum | 0;
    carry = sum >= 4294967296 ? 1 : 0;
  }
}

/** The sum, rounded once to the nearest double, ties to even. */
export function floatSum(words: Int32Array): number {
  const [nans, infinities, negativeInfinities] = words;
  if (nans! > 0 || (infinities! > 0 && negativeInfinities! > 0)) return Number.NaN;
  if (infinities! > 0) return Infinity;
  if (negativeInfinities! > 0) return -Infinity;
  let total = 0n;
  for (let k = limbs - 1; k >= 0; k--) {
    total = (total << 32n) | BigInt(words[headWords + k]! >>> 0);
  }
  total = BigInt.asIntN(32 * limbs, total);
  return total < 0n ? -roundScaled(-total) : roundScaled(total);
}

/** `magnitude * 2^-1074` as the nearest double. */
function roundScaled(magnitude: bigint): number {
  const bits = magnitude.toString(2).length;
  if (magnitude === 0n) return 0;
  if (bits <= 53) return Number(magnitude) * Number.MIN_VALUE;
  const drop = Math.max(0, bits - 64);
  let top = magnitude >> BigInt(drop);
  // A sticky bit: what was cut decides ties.
  if (drop > 0 && top << BigInt(drop) !== magnitude) top |= 1n;
  // Two factors, since 2^-1074 alone would already lose bits.
  const exponent = drop - 1074;
  const half = Math.trunc(exponent / 2);
  return Number(top) * 2 ** half * 2 ** (exponent - half);
}
