import { MillraceError } from '../../platform/errors.ts';
import type { Decimal } from './types.ts';

/**
 * Cells of a numeric column. PostgreSQL's numeric has up to 131,072 digits before the point and
 * 16,383 behind it; most have few, so a cell is 128 bits and a scale byte, and what does not fit
 * keeps its digits in an arena of the column, as a text does:
 *
 * | scale byte | words 4*row, +1, +2, +3                      | value                            |
 * |------------|----------------------------------------------|----------------------------------|
 * | 0 .. 38    | 128 bits, least significant word first       | plain: words / 10^byte           |
 * | 254        | start and length in the arena, scale, sign   | wide: sign * bytes / 10^scale    |
 * | 255        | 2, 1 or -1, and its sign in the upper words  | NaN, Infinity or -Infinity       |
 *
 * The arena holds the magnitude, most significant byte first and without leading zeros. Sign is -1
 * for values below 0, else 0. Words and scales of a NULL are 0.
 *
 * A value is wide only if it does not fit a plain cell (`isPlain`): so values with the same digits
 * and scale have the same form, and loops over plain cells need one comparison of the scale byte,
 * `byte >= wideByte`, to leave the others to slower code.
 */
export const wideByte = 254;
/** The scale byte of NaN and the infinities: their scale, -1, as a byte. */
export const specialByte = 255;

/** Digits of a plain cell, and of those the most behind the point. */
export const plainDigits = 38;
const plainMax = 10n ** BigInt(plainDigits);

export function isPlain({ unscaled, scale }: Decimal): boolean {
  return scale <= plainDigits && unscaled < plainMax && unscaled > -plainMax;
}

/** What a column's cells are made of. */
export interface DecimalCells {
  readonly words: Int32Array;
  readonly scales: Uint8Array;
  readonly arena: Uint8Array;
}

/** The arena of columns without wide cells; never written. */
export const emptyArena = new Uint8Array(0);

/** Writes a plain cell's words, unchecked. */
export function writeDecimal(unscaled: bigint, words: Int32Array, row: number): void {
  const at = 4 * row;
  words[at] = Number(BigInt.asIntN(32, unscaled));
  words[at + 1] = Number(BigInt.asIntN(32, unscaled >> 32n));
  words[at + 2] = Number(BigInt.asIntN(32, unscaled >> 64n));
  words[at + 3] = Number(BigInt.asIntN(32, unscaled >> 96n));
}

/** A cell of a value that is plain, NaN or an infinity, unchecked. */
export function writePlain(
  { unscaled, scale }: Decimal,
  words: Int32Array,
  scales: Uint8Array,
  row: number,
): void {
  writeDecimal(unscaled, words, row);
  // -1 becomes `specialByte`.
  scales[row] = scale;
}

/** A cell's words and scale byte; of a wide one the start is left 0, the bytes are given back. */
export function writeCell(
  value: Decimal,
  words: Int32Array,
  scales: Uint8Array,
  row: number,
): Uint8Array | undefined {
  const { unscaled, scale } = value;
  if (isPlain(value)) {
    writePlain(value, words, scales, row);
    return undefined;
  }
  const bytes = bytesOfMagnitude(unscaled < 0n ? -unscaled : unscaled);
  words[4 * row] = 0;
  words[4 * row + 1] = bytes.length;
  words[4 * row + 2] = scale;
  words[4 * row + 3] = unscaled < 0n ? -1 : 0;
  scales[row] = wideByte;
  return bytes;
}

/** Hexadecimal: the one radix in which long bigints are read and written in linear time. */
function bytesOfMagnitude(magnitude: bigint): Uint8Array {
  const hex = magnitude.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

/** The value of a cell whose scale byte is `wideByte`. */
export function wideAt({ words, arena }: DecimalCells, row: number): Decimal {
  const start = words[4 * row]!;
  const bytes = arena.subarray(start, start + words[4 * row + 1]!);
  const magnitude = BigInt(
    `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex') || '0'}`,
  );
  return { unscaled: words[4 * row + 3]! < 0 ? -magnitude : magnitude, scale: words[4 * row + 2]! };
}

/** Digits behind the point that a cell shows; -1 of NaN and the infinities. */
export function shownScaleAt({ words, scales }: DecimalCells, row: number): number {
  const byte = scales[row]!;
  if (byte < wideByte) return byte;
  return byte === wideByte ? words[4 * row + 2]! : -1;
}

/** Whether two wide cells have the same digits, sign and scale. */
export function sameWide(a: DecimalCells, i: number, b: DecimalCells, j: number): boolean {
  for (let k = 1; k < 4; k++) if (a.words[4 * i + k] !== b.words[4 * j + k]) return false;
  let p = a.words[4 * i]!;
  let q = b.words[4 * j]!;
  const end = p + a.words[4 * i + 1]!;
  for (; p < end; p++, q++) if (a.arena[p] !== b.arena[q]) return false;
  return true;
}

/** Starts are int32. */
const arenaBytesMax = 2 ** 31 - 1;

/** An arena that grows, for columns that are built row by row. */
export class WideArena {
  #bytes = emptyArena;
  #length = 0;

  /** Writes a cell of any form; its digits, if it is wide, into this arena. May throw RESOURCE_LIMIT. */
  write(value: Decimal, words: Int32Array, scales: Uint8Array, row: number): void {
    const digits = writeCell(value, words, scales, row);
    if (digits === undefined) return;
    const end = this.#length + digits.length;
    if (end > arenaBytesMax) {
      throw new MillraceError('RESOURCE_LIMIT', 'a column has more than 2 GiB of numeric digits');
    }
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length, 256));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(digits, this.#length);
    words[4 * row] = this.#length;
    this.#length = end;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Bytes that the wide cells of rows [0, count) have in an arena. */
export function wideLength(words: Int32Array, scales: Uint8Array, count: number): number {
  let length = 0;
  for (let row = 0; row < count; row++) {
    if (scales[row] === wideByte) length += words[4 * row + 1]!;
  }
  return length;
}

/**
 * Copies the digits of the wide cells among rows [from, to) out of `source` into `target`, from
 * `at` on, and points the cells there. Gives where they end.
 */
export function moveWide(
  words: Int32Array,
  scales: Uint8Array,
  from: number,
  to: number,
  source: Uint8Array,
  target: Uint8Array,
  at: number,
): number {
  for (let row = from; row < to; row++) {
    if (scales[row] !== wideByte) continue;
    const start = words[4 * row]!;
    const length = words[4 * row + 1]!;
    target.set(source.subarray(start, start + length), at);
    words[4 * row] = at;
    at += length;
  }
  return at;
}
