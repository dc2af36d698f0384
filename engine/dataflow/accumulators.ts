import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { unscaledAt } from '../../sql/columns/decimal.ts';
import { bigintAt, isExactAt, numberAt, splitBigint, splitNumber } from '../../sql/columns/i64.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, Interval, SqlValue } from '../../sql/columns/types.ts';
import { writeDecimal } from '../../sql/columns/wide-decimal.ts';
import { type ChunkColumn, chunkBits, storeBytes, type TextColumn } from './chunk.ts';
import { addFloat, floatSum, floatSumBytes } from './float-sum.ts';
import { gatherStored } from './gather-stored.ts';
import type { RowTable } from './row-table.ts';
import { storedWords } from './stored-cells.ts';

const mask = limits.chunkRows - 1;
const int32Max = 2 ** 31 - 1;

/** The rows of a batch that one aggregate call counts, each with its group. */
export interface CountedRows {
  readonly batch: Batch;
  readonly count: number;
  readonly rows: Int32Array;
  /** Row id of the group in the group table, per counted row. */
  readonly groups: Int32Array;
  /** The arguments' columns; none for count(*). */
  readonly args: readonly Column[];
}

/**
 * An aggregate whose state is a few columns of the group's row, that can add a row and take it
 * away again: count, sum, avg and the like. `first` is the table column of `stateFields[0]`.
 */
export interface Accumulator {
  readonly stateFields: readonly Field[];
  /** The groups' chunks are writable already. Arguments that are NULL do not come here. */
  update(table: RowTable, first: number, counted: CountedRows): void;
  /** The aggregate's value for group `id`. May throw SQL_RUNTIME when it does not fit its type. */
  value(table: RowTable, first: number, id: number): SqlValue;
  /** The values of several groups, where that is faster than one by one and never fails. */
  values?(table: RowTable, first: number, ids: Int32Array, count: number): Column;
}

export const countField: Field = { name: 'count', type: { kind: 'bigint' }, nullable: false };
const bigints: Field = { name: 'sum', type: { kind: 'bigint' }, nullable: false };
const decimals: Field = { name: 'sum', type: { kind: 'numeric' }, nullable: false };

export function cell(table: RowTable, id: number, column: number): ChunkColumn {
  return table.chunk(id).columns[column]!;
}

/** Adds `by` to a bigint cell; exact beyond 2^53 too. */
export function addToCount(column: ChunkColumn, local: number, by: number): void {
  addCount((column as Extract<ChunkColumn, { layout: 'i64' }>).words, local, by);
}

function addCount(words: Int32Array, local: number, by: number): void {
  const before = words[2 * local]!;
  const low = before + by;
  // Most counts stay below 2^31.
  if (words[2 * local + 1] === 0 && before >= 0 && low >= 0 && low <= int32Max) {
    words[2 * local] = low;
    return;
  }
  const sum = numberAt(words, local) + by;
  if (isExactAt(words, local) && Math.abs(sum) <= Number.MAX_SAFE_INTEGER) {
    splitNumber(sum, words, local);
  } else {
    splitBigint(bigintAt(words, local) + BigInt(by), words, local);
  }
}

/** Adds `by[i]` to the bigint cell of each row `ids[i]`, i < count; their chunks are writable. */
export function addToCounts(
  table: RowTable,
  column: number,
  ids: Int32Array,
  by: Int32Array,
  count: number,
): void {
  const stored = storedWords(table.stored(column));
  for (let i = 0; i < count; i++) {
    addCount(stored[ids[i]! >> chunkBits]!, ids[i]! & mask, by[i]!);
  }
}

export function countOf(table: RowTable, column: number, id: number): bigint {
  return bigintAt(
    (cell(table, id, column) as Extract<ChunkColumn, { layout: 'i64' }>).words,
    id & mask,
  );
}

export function updateCount(table: RowTable, first: number, counted: CountedRows): void {
  const { rows, groups, count, batch } = counted;
  const { weights } = batch;
  const stored = storedWords(table.stored(first));
  for (let i = 0; i < count; i++) {
    addCount(stored[groups[i]! >> chunkBits]!, groups[i]! & mask, weights[rows[i]!]!);
  }
}

export const countRows: Accumulator = {
  stateFields: [countField],
  update: updateCount,
  value: countOf,
  values: gatherStored,
};

/** Integers into a 128-bit sum: state is (count, sum). */
export function sumOfIntegers(
  finish: (sum: bigint, count: bigint) => SqlValue,
  values?: Accumulator['values'],
): Accumulator {
  return {
    ...(values === undefined ? {} : { values }),
    stateFields: [countField, decimals],
    update(table, first, counted) {
      updateCount(table, first, counted);
      const { args, batch } = counted;
      const arg = args[0] as Extract<Column, { layout: 'i64' | 'i32' }>;
      const sums = storedWords(table.stored(first + 1));
      if (arg.layout === 'i64') addLongs(sums, counted, arg.words, batch.weights);
      else addInts(sums, counted, arg.values, batch.weights);
    },
    value(table, first, id) {
      const count = countOf(table, first, id);
      if (count === 0n) return null;
      const { words } = cell(table, id, first + 1) as Extract<ChunkColumn, { layout: 'decimal' }>;
      return finish(unscaledAt(words, id & mask), count);
    },
  };
}

function addLongs(
  sums: readonly Int32Array[],
  { rows, groups, count }: CountedRows,
  values: Int32Array,
  weights: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const words = sums[groups[i]! >> chunkBits]!;
    const local = groups[i]! & mask;
    if (isExactAt(values, row)) addNumber(words, local, numberAt(values, row), weights[row]!);
    else addBigint(words, local, bigintAt(values, row) * BigInt(weights[row]!));
  }
}

function addInts(
  sums: readonly Int32Array[],
  { rows, groups, count }: CountedRows,
  values: Int32Array,
  weights: Int32Array,
): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    addNumber(sums[groups[i]! >> chunkBits]!, groups[i]! & mask, values[row]!, weights[row]!);
  }
}

/** Sums of bigints are numerics of scale 0, as they are kept: groups without values are NULL. */
export function integerSums(
  table: RowTable,
  first: number,
  ids: Int32Array,
  count: number,
): Column {
  const sums = gatherStored(table, first + 1, ids, count);
  const counts = gatherStored(table, first, ids, count) as Extract<Column, { layout: 'i64' }>;
  let nulls: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    if (counts.words[2 * i] !== 0 || counts.words[2 * i + 1] !== 0) continue;
    nulls ??= new Uint8Array(count);
    nulls[i] = 1;
  }
  return nulls === undefined ? sums : { ...sums, nulls };
}

/** Adds value * weight to the unscaled value of a decimal cell; `value` is an integer. */
export function addNumber(words: Int32Array, row: number, value: number, weight: number): void {
  const at = 4 * row;
  const product = value * weight;
  const small = words[at]! + product;
  // Most sums do too: then only the lowest word changes.
  if (
    (words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0 &&
    small - product >= 0 &&
    small >= 0 &&
    small <= int32Max
  ) {
    words[at] = small;
    return;
  }
  const low = words[at + 1]! * 4294967296 + (words[at]! >>> 0);
  const sum = low + product;
  const sign = words[at + 1]! >> 31;
  const fits =
    words[at + 2] === sign &&
    words[at + 3] === sign &&
    Math.abs(low) <= Number.MAX_SAFE_INTEGER &&
    Math.abs(product) <= Number.MAX_SAFE_INTEGER &&
    Math.abs(sum) <= Number.MAX_SAFE_INTEGER;
  if (!fits) {
    addBigint(words, row, BigInt(value) * BigInt(weight));
    return;
  }
  words[at] = sum | 0;
  words[at + 1] = Math.floor(sum / 4294967296);
  words[at + 2] = words[at + 3] = sum < 0 ? -1 : 0;
}

function addBigint(words: Int32Array, row: number, value: bigint): void {
  writeDecimal(unscaledAt(words, row) + value, words, row);
}

const floatScratch = new Int32Array(floatSumBytes / 4);
const floatScratchBytes = new Uint8Array(floatScratch.buffer);

/** Doubles and reals: state is (count, exact sum). */
export function sumOfFloats(finish: (sum: number, count: number) => number): Accumulator {
  return {
    stateFields: [countField, { name: 'sum', type: { kind: 'bytea' }, nullable: false }],
    update(table, first, counted) {
      updateCount(table, first, counted);
      const { rows, groups, count, batch } = counted;
      const { values } = counted.args[0] as Extract<Column, { layout: 'f64' }>;
      for (let i = 0; i < count; i++) {
        const local = groups[i]! & mask;
        const state = cell(table, groups[i]!, first + 1) as TextColumn;
        loadFloatSum(state, local);
        addFloat(floatScratch, values[rows[i]!]!, batch.weights[rows[i]!]!);
        if (state.lengths[local] === floatSumBytes) {
          state.arena.set(floatScratchBytes, state.starts[local]!);
        } else {
          storeBytes(state, local, floatScratchBytes, 0, floatSumBytes);
        }
      }
    },
    value(table, first, id) {
      const count = countOf(table, first, id);
      if (count === 0n) return null;
      loadFloatSum(cell(table, id, first + 1) as TextColumn, id & mask);
      return finish(floatSum(floatScratch), Number(count));
    },
  };
}

function loadFloatSum(state: TextColumn, local: number): void {
  if (state.lengths[local] !== floatSumBytes) {
    floatScratch.fill(0);
    return;
  }
  const start = state.starts[local]!;
  floatScratchBytes.set(state.arena.subarray(start, start + floatSumBytes));
}

/** Intervals: state is (count, months, days, microseconds). */
export function sumOfIntervals(average: boolean): Accumulator {
  return {
    stateFields: [countField, bigints, bigints, bigints],
    update(table, first, counted) {
      updateCount(table, first, counted);
      const { rows, groups, count, batch } = counted;
      for (let i = 0; i < count; i++) {
        const { months, days, micros } = valueAt(counted.args[0]!, rows[i]!) as Interval;
        const weight = BigInt(batch.weights[rows[i]!]!);
        const local = groups[i]! & mask;
        for (const [k, part] of [BigInt(months), BigInt(days), micros].entries()) {
          const { words } = cell(table, groups[i]!, first + 1 + k) as Extract<
            ChunkColumn,
            { layout: 'i64' }
          >;
          splitBigint(bigintAt(words, local) + part * weight, words, local);
        }
      }
    },
    value(table, first, id) {
      const count = countOf(table, first, id);
      if (count === 0n) return null;
      const [months, days, micros] = [1, 2, 3].map((k) => countOf(table, first + k, id));
      if (!average) return { months: Number(months), days: Number(days), micros: micros! };
      return averageInterval(Number(months), Number(days), Number(micros), Number(count));
    },
  };
}

/** Remainders cascade downwards, as PostgreSQL's interval division does. */
function averageInterval(months: number, days: number, micros: number, count: number): Interval {
  const wholeMonths = Math.trunc(months / count);
  const allDays = days / count + ((months % count) / count) * 30;
  const wholeDays = Math.trunc(allDays);
  const rest = Math.round((allDays - wholeDays) * 86_400_000_000 + micros / count);
  return { months: wholeMonths, days: wholeDays, micros: BigInt(rest) };
}

/** bool_and, bool_or: state is (count of true, count of false). */
export function booleans(finish: (trues: bigint, falses: bigint) => boolean): Accumulator {
  return {
    stateFields: [countField, countField],
    update(table, first, { rows, groups, count, batch, args }) {
      const { values } = args[0] as Extract<Column, { layout: 'bool' }>;
      for (let i = 0; i < count; i++) {
        const column = first + (values[rows[i]!] === 1 ? 0 : 1);
        addToCount(cell(table, groups[i]!, column), groups[i]! & mask, batch.weights[rows[i]!]!);
      }
    },
    value(table, first, id) {
      const trues = countOf(table, first, id);
      const falses = countOf(table, first + 1, id);
      return trues === 0n && falses === 0n ? null : finish(trues, falses);
    },
  };
}

export function inInt64(sum: bigint): bigint {
  if (BigInt.asIntN(64, sum) === sum) return sum;
  throw new MillraceError('SQL_RUNTIME', 'bigint out of range', { sqlState: '22003' });
}
