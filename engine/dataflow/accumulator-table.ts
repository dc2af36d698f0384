import { divideDecimals, isSpecial } from '../../sql/columns/decimal.ts';
import type { Decimal, SqlType, SqlValue } from '../../sql/columns/types.ts';
import {
  type Accumulator,
  booleans,
  countRows,
  inInt64,
  integerSums,
  sumOfFloats,
  sumOfIntegers,
  sumOfIntervals,
} from './accumulators.ts';
import { bitCounts } from './bits.ts';
import { floatPairs } from './float-moments.ts';
import { numericSum, numericVariance, shortNumericSum } from './numeric-sums.ts';

/**
 * By the ids of sql/functions and the type of the first argument; `undefined` for those that need
 * the rows in order.
 */
export function accumulatorOf(functionId: string, arg?: SqlType): Accumulator | undefined {
  const [name, kind] = functionId.split(':') as [string, string | undefined];
  switch (name) {
    case 'count_star':
    case 'count':
      return countRows;
    case 'sum':
      return sum(kind!, arg);
    case 'avg':
      return average(kind!, arg);
    case 'bool_and':
      return booleans((_, falses) => falses === 0n);
    case 'bool_or':
      return booleans((trues) => trues > 0n);
    case 'bit_and':
      return bitCounts(kind!, (ones, count) => ones === count);
    case 'bit_or':
      return bitCounts(kind!, (ones) => ones > 0);
    case 'bit_xor':
      return bitCounts(kind!, (ones) => ones % 2 === 1);
    case 'var_pop':
    case 'var_samp':
    case 'stddev_pop':
    case 'stddev_samp':
      return kind === 'numeric' ? numericVariance(name) : floatPairs(name);
    default:
      return /^(?:corr|covar_|regr_)/.test(name) ? floatPairs(name) : undefined;
  }
}

function sum(kind: string, arg: SqlType | undefined): Accumulator {
  switch (kind) {
    case 'smallint':
    case 'integer':
      return sumOfIntegers((total) => inInt64(total));
    case 'bigint':
      return sumOfIntegers((total) => ({ unscaled: total, scale: 0 }), integerSums);
    case 'numeric':
      return ofNumerics(arg, (total) => total);
    case 'real':
      return sumOfFloats((total) => Math.fround(total));
    case 'double':
      return sumOfFloats((total) => total);
    default:
      return sumOfIntervals(false);
  }
}

/** Throws SQL_RUNTIME 22003. */
function quotient(total: Decimal, count: Decimal): Decimal {
  return isSpecial(total) ? total : divideDecimals(total, count);
}

function average(kind: string, arg: SqlType | undefined): Accumulator {
  switch (kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return sumOfIntegers((total, count) =>
        quotient({ unscaled: total, scale: 0 }, { unscaled: count, scale: 0 }),
      );
    case 'numeric':
      return ofNumerics(arg, (total, count) => quotient(total, { unscaled: count, scale: 0 }));
    case 'interval':
      return sumOfIntervals(true);
    default:
      return sumOfFloats((total, count) => total / count);
  }
}

function ofNumerics(
  arg: SqlType | undefined,
  finish: (total: Decimal, count: bigint) => SqlValue,
): Accumulator {
  const short = arg?.kind === 'numeric' ? shortNumericSum(arg, finish) : undefined;
  return short ?? numericSum(finish);
}
