import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import type { SqlValue } from '../../sql/columns/types.ts';
import { type Accumulator, cell } from './accumulators.ts';
import { ByteState } from './byte-state.ts';
import {
  addProduct,
  addScaled,
  limbsAt,
  productLimbs,
  quotientAsDouble,
  sumLimbs,
} from './float-sum.ts';

const mask = limits.chunkRows - 1;

/**
 * Variance of doubles, and correlation and regression of pairs of them. With exact sums of x, y and
 * of their products, N * Sxx = N * sum(x^2) - sum(x)^2 and its like are exact too, and each result
 * is rounded once; so rows can be taken away again. State, in words of 4 bytes:
 *
 * | words   | field                                                                    |
 * |---------|--------------------------------------------------------------------------|
 * | 1       | rows whose values are all finite                                         |
 * | 1       | other rows                                                               |
 * | 70      | sum(x) * 2^1074; of pairs then sum(y)                                    |
 * | 140     | sum(x^2) * 2^2148; of pairs then sum(y^2), sum(x*y)                      |
 */
const headWords = 2;

/** What the functions are computed from; Sxx, Syy, Sxy are N times PostgreSQL's. */
interface Moments {
  readonly count: bigint;
  readonly x: bigint;
  readonly y: bigint;
  readonly xx: bigint;
  readonly yy: bigint;
  readonly xy: bigint;
}

/**
 * Throws 22003 when a sum that PostgreSQL keeps is beyond a double (float.c, float8_accum and
 * float8_regr_accum), though the result may not be. PostgreSQL's running sums depend on the order of
 * the rows; ours are those of all rows, so what overflows only on the way does not fail here.
 */
function checkSums({ count, x, y, xx, yy, xy }: Moments): void {
  for (const sum of [x, y]) checked(mean(sum, 1n));
  for (const moment of [xx, yy, xy]) checked(ratio(moment, count));
}

/** PostgreSQL's aggregates take y first and x second; variance takes x alone. */
export function floatPairs(name: string): Accumulator {
  const isPair = !/^(?:var|stddev)/.test(name);
  const finish = finishers[name]!;
  const sumsAt = headWords;
  const productsAt = sumsAt + (isPair ? 2 : 1) * sumLimbs;
  const words = new Int32Array(productsAt + (isPair ? 3 : 1) * productLimbs);
  const state = new ByteState(words.buffer);
  const result = (moments: Moments) => {
    checkSums(moments);
    return checked(finish(moments));
  };
  const product = (index: number) =>
    limbsAt(words, productsAt + index * productLimbs, productLimbs);
  return {
    stateFields: [{ name: 'sums', type: { kind: 'bytea' }, nullable: false }],
    update(table, first, { batch, rows, groups, count, args }) {
      const doubles = args.map((arg) => (arg as Extract<Column, { layout: 'f64' }>).values);
      const [ys, xs] = isPair ? [doubles[0]!, doubles[1]!] : [undefined, doubles[0]!];
      for (let i = 0; i < count; i++) {
        const row = rows[i]!;
        const weight = batch.weights[row]!;
        const x = xs[row]!;
        const y = ys?.[row] ?? 0;
        const column = cell(table, groups[i]!, first);
        state.load(column, groups[i]! & mask);
        if (Number.isFinite(x) && Number.isFinite(y)) {
          words[0]! += weight;
          addScaled(words, sumsAt, x, weight);
          addProduct(words, productsAt, x, x, weight);
          if (isPair) {
            addScaled(words, sumsAt + sumLimbs, y, weight);
            addProduct(words, productsAt + productLimbs, y, y, weight);
            addProduct(words, productsAt + 2 * productLimbs, x, y, weight);
          }
        } else {
          words[1]! += weight;
        }
        state.store(column, groups[i]! & mask);
      }
    },
    value(table, first, id) {
      state.load(cell(table, id, first), id & mask);
      const rows = words[0]! + words[1]!;
      if (name === 'regr_count') return BigInt(rows);
      if (rows === 0 || (rows === 1 && name.endsWith('samp'))) return null;
      if (words[1]! > 0) return Number.NaN;
      const count = BigInt(rows);
      const x = limbsAt(words, sumsAt, sumLimbs);
      const xx = count * product(0) - x * x;
      if (!isPair) return result({ count, x, xx, y: 0n, yy: 0n, xy: 0n });
      const y = limbsAt(words, sumsAt + sumLimbs, sumLimbs);
      const yy = count * product(1) - y * y;
      const xy = count * product(2) - x * y;
      return result({ count, x, y, xx, yy, xy });
    },
  };
}

function checked(value: SqlValue): SqlValue {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new MillraceError('SQL_RUNTIME', 'value out of range: overflow', { sqlState: '22003' });
}

/** A moment of scale 2^2148 over a count. */
const ratio = (moment: bigint, divisor: bigint) => quotientAsDouble(moment, divisor, -2148);
/** A quotient of two moments of the same scale. */
const slope = (dividend: bigint, divisor: bigint) => quotientAsDouble(dividend, divisor, 0);
const mean = (sum: bigint, count: bigint) => quotientAsDouble(sum, count, -1074);

const variance = ({ xx, count }: Moments) => ratio(xx, count * count);
const sample = ({ xx, count }: Moments) => ratio(xx, count * (count - 1n));

const finishers: Readonly<Record<string, (moments: Moments) => SqlValue>> = {
  var_pop: variance,
  var_samp: sample,
  stddev_pop: (moments) => Math.sqrt(variance(moments)),
  stddev_samp: (moments) => Math.sqrt(sample(moments)),
  covar_pop: ({ xy, count }) => ratio(xy, count * count),
  covar_samp: ({ xy, count }) => ratio(xy, count * (count - 1n)),
  corr: ({ xx, yy, xy }) => {
    if (xx === 0n || yy === 0n) return null;
    // r^2 is rounded once; PostgreSQL keeps r within [-1, 1] too.
    const root = Math.sqrt(slope(xy * xy, xx * yy));
    return xy < 0n ? -root : root;
  },
  regr_avgx: ({ x, count }) => mean(x, count),
  regr_avgy: ({ y, count }) => mean(y, count),
  regr_count: ({ count }) => count,
  regr_sxx: ({ xx, count }) => ratio(xx, count),
  regr_syy: ({ yy, count }) => ratio(yy, count),
  regr_sxy: ({ xy, count }) => ratio(xy, count),
  regr_r2: ({ xx, yy, xy }) => (xx === 0n ? null : yy === 0n ? 1 : slope(xy * xy, xx * yy)),
  regr_slope: ({ xx, xy }) => (xx === 0n ? null : slope(xy, xx)),
  regr_intercept: ({ x, y, xx, xy, count }) =>
    xx === 0n ? null : quotientAsDouble(y * xx - x * xy, count * xx, -1074),
};
