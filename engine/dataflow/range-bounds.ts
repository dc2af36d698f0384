import { MillraceError } from '../../platform/errors.ts';
import { applyFunction } from '../../sql/codegen/interpreter.ts';
import {
  compareDecimals,
  infinity,
  isNotANumber,
  isSpecial,
  minusInfinity,
  rescale,
} from '../../sql/columns/decimal.ts';
import { intervalSpan } from '../../sql/columns/interval.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Decimal, Interval, SqlType, SqlValue } from '../../sql/columns/types.ts';
import { compareValues } from '../../sql/functions/compare.ts';
import type { FrameBound } from '../../sql/plan/physical.ts';
import type { Partition } from './window-partition.ts';

const microsPerDay = 86_400_000_000n;

/**
 * Places of a bound of `RANGE x PRECEDING` or `FOLLOWING`: with v the sort key of the row, the
 * first row whose key is not before v - x (v + x), or with `isEnd` the first one behind it. NULL
 * keys are at that distance from NULL keys alone, whatever x is. Bounds that leave the type's
 * range lie beyond all rows. (PostgreSQL's in_range functions.)
 */
export function rangeBounds(partition: Partition, bound: FrameBound, isEnd: boolean): Int32Array {
  const [{ column: index, descending, nullsFirst }] = partition.orderBy as [
    (typeof partition.orderBy)[number],
  ];
  const column = partition.column(index);
  const { rowCount } = partition;
  const arithmetic = arithmeticOf(column.type);
  const keys = Array.from({ length: rowCount }, (_, place) => {
    const value = valueAt(column, place);
    return value === null ? null : arithmetic.key(value);
  });
  const isEarlier = bound.kind === 'preceding';
  const sign = isEarlier === descending ? 1 : -1;
  const offset = bound.offset!.value!;
  const nullOrder = nullsFirst ? -1 : 1;
  const order = (a: SqlValue, b: SqlValue): number => {
    if (a === null || b === null) return a === b ? 0 : a === null ? nullOrder : -nullOrder;
    return descending ? arithmetic.compare(b, a) : arithmetic.compare(a, b);
  };
  const places = new Int32Array(rowCount);
  let at = 0;
  for (let place = 0; place < rowCount; place++) {
    const key = keys[place]!;
    const target = key === null ? null : arithmetic.add(key, offset, sign);
    if (target === undefined) {
      // Beyond all keys, but not beyond the NULLs at that end.
      places[place] = endOfKeys(keys, isEarlier);
      continue;
    }
    while (at < rowCount) {
      const distance = order(keys[at]!, target);
      if (isEnd ? distance > 0 : distance >= 0) break;
      at++;
    }
    places[place] = at;
  }
  return places;
}

function endOfKeys(keys: readonly SqlValue[], atStart: boolean): number {
  const isKey = (key: SqlValue) => key !== null;
  return atStart ? keys.findIndex(isKey) : keys.findLastIndex(isKey) + 1;
}

/** Sort keys as values that can be shifted and compared without leaving their type's range. */
interface Arithmetic {
  key(value: SqlValue): SqlValue;
  /** `undefined` where the result is out of all range. */
  add(key: SqlValue, offset: SqlValue, sign: 1 | -1): SqlValue | undefined;
  compare(a: SqlValue, b: SqlValue): number;
}

const same = (value: SqlValue) => value;
const compareBigints = (a: SqlValue, b: SqlValue) => (a! < b! ? -1 : a! > b! ? 1 : 0);

const integers: Arithmetic = {
  key: (value) => BigInt(value as number | bigint),
  add: (key, offset, sign) => (key as bigint) + BigInt(sign) * (offset as bigint),
  compare: compareBigints,
};

const numerics: Arithmetic = {
  key: same,
  add(key, offset, sign) {
    if (isNotANumber(key as Decimal)) return key;
    // Infinity less infinity too: everything is in range.
    if (isSpecial(offset as Decimal)) return sign === 1 ? infinity : minusInfinity;
    if (isSpecial(key as Decimal)) return key;
    const scale = Math.max((key as Decimal).scale, (offset as Decimal).scale);
    const left = rescale(key as Decimal, scale).unscaled;
    const right = rescale(offset as Decimal, scale).unscaled;
    return { unscaled: left + BigInt(sign) * right, scale };
  },
  compare: (a, b) => compareDecimals(a as Decimal, b as Decimal),
};

const doubles: Arithmetic = {
  key: same,
  add(key, offset, sign) {
    const sum = (key as number) + sign * (offset as number);
    // Infinity less infinity: everything is in range.
    return Number.isNaN(sum) && !Number.isNaN(key as number) ? sign * Infinity : sum;
  },
  compare: (a, b) => compareValues({ kind: 'double' }, a, b),
};

/** Months move by the calendar: whatever the timestamp functions say. */
function timestamps(toMicros: (value: SqlValue) => bigint): Arithmetic {
  const type: SqlType = { kind: 'timestamp' };
  return {
    key: toMicros,
    add(key, offset, sign) {
      const symbol = sign === 1 ? '+' : '-';
      try {
        return applyFunction(
          `${symbol}:timestamp:interval`,
          [key, offset],
          [type, { kind: 'interval' }],
          type,
        );
      } catch (error) {
        if (error instanceof MillraceError) return undefined;
        throw error;
      }
    },
    compare: compareBigints,
  };
}

const times: Arithmetic = {
  key: same,
  add: (key, offset, sign) => (key as bigint) + BigInt(sign) * (offset as Interval).micros,
  compare: compareBigints,
};

const intervals: Arithmetic = {
  key: (value) => intervalSpan(value as Interval),
  add: (key, offset, sign) => (key as bigint) + BigInt(sign) * intervalSpan(offset as Interval),
  compare: compareBigints,
};

function arithmeticOf({ kind }: SqlType): Arithmetic {
  switch (kind) {
    case 'numeric':
      return numerics;
    case 'real':
    case 'double':
      return doubles;
    case 'date':
      return timestamps((value) => BigInt(value as number) * microsPerDay);
    case 'timestamp':
    case 'timestamptz':
      return timestamps((value) => value as bigint);
    case 'time':
      return times;
    case 'interval':
      return intervals;
    default:
      return integers;
  }
}
