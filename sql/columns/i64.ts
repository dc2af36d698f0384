/**
 * int64 values as pairs of 32-bit words: low at 2*row, high at 2*row+1 (types.ts, layout i64).
 * `high * 2**32 + (low >>> 0)` is exact in a double while |value| <= 2^53.
 */
export const twoPow32 = 4294967296;

export function splitBigint(value: bigint, words: Int32Array, row: number): void {
  words[2 * row] = Number(BigInt.asIntN(32, value));
  words[2 * row + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** `value` is an integer of at most 2^53 either way. */
export function splitNumber(value: number, words: Int32Array, row: number): void {
  words[2 * row] = value | 0;
  words[2 * row + 1] = Math.floor(value / twoPow32);
}

export function bigintAt(words: Int32Array, row: number): bigint {
  return (BigInt(words[2 * row + 1]!) << 32n) | BigInt(words[2 * row]! >>> 0);
}

/** True when the row's value lies within ±2^53, so that a double holds it exactly. */
export function isExactAt(words: Int32Array, row: number): boolean {
  const high = words[2 * row + 1]!;
  return high >= -0x200000 && high < 0x200000;
}

/** The value as a double: exact where `isExactAt`, else the nearest. */
export function numberAt(words: Int32Array, row: number): number {
  return words[2 * row + 1]! * twoPow32 + (words[2 * row]! >>> 0);
}

export const int64Min = -(2n ** 63n);
export const int64Max = 2n ** 63n - 1n;
