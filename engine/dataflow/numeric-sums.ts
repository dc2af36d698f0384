import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import {
  boundedNumeric,
  divideDecimals,
  infinity,
  minusInfinity,
  notANumber,
  powerOfTen,
  unscaledAt,
} from '../../sql/columns/decimal.ts';
import { numberAt } from '../../sql/columns/i64.ts';
import type { Decimal, Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import {
  plainDigits,
  specialByte,
  wideByte,
  writeDecimal,
} from '../../sql/columns/wide-decimal.ts';
import {
  type Accumulator,
  addNumber,
  addToCount,
  cell,
  countField,
  countOf,
  updateCount,
} from './accumulators.ts';
import { ByteState } from './byte-state.ts';
import { addShort, newSum, type WideSum, WideSums, wideField, wideSumAt } from './wide-sums.ts';

const mask = limits.chunkRows - 1;
const digits = plainDigits;

/**
 * Sums of numerics, exact and of any size. The scale that a sum shows is the largest of the values
 * that are in it now, so those are counted by scale. State, in words of 8 bytes:
 *
 * | words     | field                                                                        |
 * |-----------|------------------------------------------------------------------------------|
 * | 39        | per scale the number of values, as doubles                                   |
 * | 6         | the sum times 10^38, two's complement, least significant word first          |
 * | 3         | the numbers of -Infinity, Infinity and NaN, as doubles                       |
 * | 10        | where squares are needed: the sum of the squares times 10^76                 |
 *
 * Wide values (sql/columns/wide-decimal.ts) are added up apart, in wide-sums.ts.
 *
 * A value times 10^38 has at most 76 digits or 253 bits, its square 505: what is left is for the
 * number of rows.
 */
const scaleWords = digits + 1;
const sumWords = 6;
const specialWords = 3;
const squareWords = 10;
const stateFields: readonly Field[] = [
  { name: 'sums', type: { kind: 'bytea' }, nullable: false },
  wideField,
];

function newState(withSquares: boolean) {
  const finiteWords = scaleWords + sumWords;
  const words = finiteWords + specialWords + (withSquares ? squareWords : 0);
  const scratch = new ArrayBuffer(8 * words);
  return {
    bytes: new ByteState(scratch),
    counts: new Float64Array(scratch, 0, scaleWords),
    sum: new BigInt64Array(scratch, 8 * scaleWords, sumWords),
    specials: new Float64Array(scratch, 8 * finiteWords, specialWords),
    squares: withSquares
      ? new BigInt64Array(scratch, 8 * (finiteWords + specialWords), squareWords)
      : undefined,
  };
}

type State = ReturnType<typeof newState>;

/** What the values of a group add up to; of no use where `special` says it is NaN or an infinity. */
interface Total {
  readonly count: number;
  /** The largest that a value has now; of `sum`, and half that of `squares`. */
  readonly scale: number;
  readonly sum: bigint;
  readonly squares: bigint;
  readonly special: Decimal | undefined;
}

function accumulator(state: State, finish: (total: Total) => SqlValue): Accumulator {
  const { bytes, counts, sum, specials, squares } = state;
  return {
    stateFields,
    update(table, first, { batch, rows, groups, count, args }) {
      const cells = args[0] as Extract<Column, { layout: 'decimal' }>;
      const { words, scales } = cells;
      let wide: WideSums | undefined;
      for (let i = 0; i < count; i++) {
        const row = rows[i]!;
        if (scales[row] === wideByte) {
          wide ??= new WideSums(table, first + 1, squares !== undefined);
          wide.add(groups[i]!, cells, row, batch.weights[row]!);
          continue;
        }
        const column = cell(table, groups[i]!, first);
        const weight = batch.weights[row]!;
        const scale = scales[row]!;
        bytes.load(column, groups[i]! & mask);
        if (scale === specialByte) {
          specials[specialSlot(words[4 * row]!)]! += weight;
          bytes.store(column, groups[i]! & mask);
          continue;
        }
        const value = unscaledAt(words, row) * powerOfTen(digits - scale);
        counts[scale]! += weight;
        write(sum, read(sum) + value * BigInt(weight));
        if (squares !== undefined) write(squares, read(squares) + value * value * BigInt(weight));
        bytes.store(column, groups[i]! & mask);
      }
      wide?.store();
    },
    value(table, first, id) {
      bytes.load(cell(table, id, first), id & mask);
      const wide = wideSumAt(table, first + 1, id) ?? newSum();
      const parts = [...counts, ...specials, ...wide.counts.values()];
      const count = parts.reduce((total, part) => total + part, 0);
      if (count === 0) return null;
      addShort(wide, digits, read(sum), squares === undefined ? 0n : read(squares));
      const scale = Math.max(
        counts.findLastIndex((part) => part > 0),
        largestScale(wide),
      );
      const excess = powerOfTen(wide.scale - Math.max(scale, 0));
      return finish({
        count,
        scale,
        sum: wide.sum / excess,
        squares: wide.squares / (excess * excess),
        special: specialSum(specials),
      });
    },
  };
}

/** -1 where there is none. */
function largestScale({ counts }: WideSum): number {
  let largest = -1;
  for (const [scale, count] of counts) if (count > 0 && scale > largest) largest = scale;
  return largest;
}

/** By the lowest word of the cell: -1, 1 or 2. */
const specialSlot = (word: number): number => Math.max(word, 0);

function specialSum(specials: Float64Array): Decimal | undefined {
  const [below, above, neither] = specials as unknown as [number, number, number];
  if (neither > 0 || (below > 0 && above > 0)) return notANumber;
  return above > 0 ? infinity : below > 0 ? minusInfinity : undefined;
}

function read(words: BigInt64Array): bigint {
  let value = words.at(-1)!;
  for (let k = words.length - 2; k >= 0; k--)
    value = (value << 64n) | BigInt.asUintN(64, words[k]!);
  return value;
}

function write(words: BigInt64Array, value: bigint): void {
  for (let k = 0; k < words.length; k++, value >>= 64n) words[k] = BigInt.asIntN(64, value);
}

/** sum and avg; `finish` may throw SQL_RUNTIME 22003. */
export function numericSum(finish: (sum: Decimal, count: bigint) => SqlValue): Accumulator {
  return accumulator(newState(false), ({ count, scale, sum, special }) =>
    finish(special ?? boundedNumeric(sum, scale), BigInt(count)),
  );
}

/** Digits of a declared precision up to which 2^63 values add up within 127 bits. */
const shortDigits = 18;

/**
 * The same over a column of a declared precision and scale: all values show that scale, or are NaN,
 * and their sum fits a cell. State is (count, sum, count of NaN).
 */
export function shortNumericSum(
  { precision, scale = 0 }: SqlType & { readonly kind: 'numeric' },
  finish: (sum: Decimal, count: bigint) => SqlValue,
): Accumulator | undefined {
  if (precision === undefined || precision > shortDigits) return undefined;
  return {
    stateFields: [
      countField,
      { name: 'sum', type: { kind: 'numeric' }, nullable: false },
      { ...countField, name: 'nans' },
    ],
    update(table, first, counted) {
      updateCount(table, first, counted);
      const { batch, rows, groups, count, args } = counted;
      const { words, scales } = args[0] as Extract<Column, { layout: 'decimal' }>;
      for (let i = 0; i < count; i++) {
        const row = rows[i]!;
        if (scales[row] === specialByte) {
          assert(words[4 * row] === 2, 'a numeric of a declared precision is not infinite');
          const nans = cell(table, groups[i]!, first + 2);
          addToCount(nans, groups[i]! & mask, batch.weights[row]!);
          continue;
        }
        assert(scales[row] === scale, 'a numeric has the scale of its column');
        const { words: sums } = cell(table, groups[i]!, first + 1) as Extract<
          Column,
          { layout: 'decimal' }
        >;
        addDecimal(sums, groups[i]! & mask, words, row, batch.weights[row]!);
      }
    },
    value(table, first, id) {
      const count = countOf(table, first, id);
      if (count === 0n) return null;
      if (countOf(table, first + 2, id) !== 0n) return finish(notANumber, count);
      const { words } = cell(table, id, first + 1) as Extract<Column, { layout: 'decimal' }>;
      return finish(boundedNumeric(unscaledAt(words, id & mask), scale), count);
    },
  };
}

/** Adds a short decimal times `weight` to a cell. */
function addDecimal(
  sums: Int32Array,
  at: number,
  words: Int32Array,
  row: number,
  weight: number,
): void {
  // A short one is an int64: its upper words repeat the sign.
  const isExact = words[4 * row + 1]! >= -0x200000 && words[4 * row + 1]! < 0x200000;
  if (isExact) addNumber(sums, at, numberAt(words, 2 * row), weight);
  else writeDecimal(unscaledAt(sums, at) + unscaledAt(words, row) * BigInt(weight), sums, at);
}

export type Spread = 'var_pop' | 'var_samp' | 'stddev_pop' | 'stddev_samp';

/** As PostgreSQL's numeric_stddev_internal: (N * sum(x^2) - sum(x)^2) / (N * N or N * (N - 1)). */
export function numericVariance(name: Spread): Accumulator {
  const isSample = name.endsWith('samp');
  return accumulator(newState(true), ({ count: rows, scale, sum, squares, special }) => {
    const count = BigInt(rows);
    if (isSample && count === 1n) return null;
    if (special !== undefined) return notANumber;
    const dividend = { unscaled: count * squares - sum * sum, scale: 2 * scale };
    if (dividend.unscaled <= 0n) return { unscaled: 0n, scale: 0 };
    const divisor = { unscaled: count * (isSample ? count - 1n : count), scale: 0 };
    const variance = divideDecimals(dividend, divisor);
    if (name.startsWith('var')) return variance;
    const { unscaled, scale: shown } = variance;
    return { unscaled: squareRoot(unscaled * powerOfTen(shown)), scale: shown };
  });
}

/** Rounded half up; Newton's method. */
function squareRoot(value: bigint): bigint {
  if (value === 0n) return 0n;
  // Of four times the value, so that the last bit tells how to round.
  const target = 4n * value;
  let root = 1n << BigInt(Math.ceil(target.toString(2).length / 2));
  for (;;) {
    const next = (root + target / root) >> 1n;
    if (next >= root) return (root + 1n) >> 1n;
    root = next;
  }
}
