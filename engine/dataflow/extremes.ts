import { limits } from '../../platform/limits.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { SqlType } from '../../sql/columns/types.ts';
import { type Accumulator, addToCount, cell, countField, countOf } from './accumulators.ts';
import { storeCell } from './chunk.ts';
import { compareExact } from './ordering.ts';

const mask = limits.chunkRows - 1;

/**
 * MIN or MAX over an input that only grows: the extreme is kept in the group's row. Where rows can
 * go away, `ordered-call.ts` keeps all of them. State is (count, value).
 */
export function growingExtreme(type: SqlType, sign: 1 | -1): Accumulator {
  const compare = compareExact(type);
  return {
    stateFields: [countField, { name: 'extreme', type, nullable: false }],
    update(table, first, { batch, rows, groups, count, args }) {
      const arg = args[0]!;
      for (let i = 0; i < count; i++) {
        const id = groups[i]!;
        const best = cell(table, id, first + 1);
        const isFirst = countOf(table, first, id) === 0n;
        addToCount(cell(table, id, first), id & mask, batch.weights[rows[i]!]!);
        if (isFirst || sign * compare(arg, rows[i]!, best, id & mask) > 0) {
          storeCell(best, id & mask, arg, rows[i]!);
        }
      }
    },
    value(table, first, id) {
      if (countOf(table, first, id) === 0n) return null;
      return valueAt(cell(table, id, first + 1), id & mask);
    },
  };
}
