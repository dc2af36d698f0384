import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { bigintAt } from '../../sql/columns/i64.ts';
import type { SqlValue } from '../../sql/columns/types.ts';
import { type Accumulator, cell } from './accumulators.ts';
import { ByteState } from './byte-state.ts';

const mask = limits.chunkRows - 1;
const widths: Readonly<Record<string, number>> = { smallint: 16, integer: 32, bigint: 64 };

/**
 * bit_and, bit_or, bit_xor. AND and OR cannot be undone, but counts can: the state is the number of
 * values and, per bit, of the values that have it, as doubles. `isSet` says whether a bit of the
 * result is set.
 */
export function bitCounts(
  kind: string,
  isSet: (ones: number, count: number) => boolean,
): Accumulator {
  const width = widths[kind]!;
  const counts = new Float64Array(1 + width);
  const state = new ByteState(counts.buffer);
  return {
    stateFields: [{ name: 'bits', type: { kind: 'bytea' }, nullable: false }],
    update(table, first, { batch, rows, groups, count, args }) {
      const arg = args[0] as Extract<Column, { layout: 'i64' | 'i32' }>;
      for (let i = 0; i < count; i++) {
        const column = cell(table, groups[i]!, first);
        const weight = batch.weights[rows[i]!]!;
        state.load(column, groups[i]! & mask);
        counts[0]! += weight;
        const [low, high] =
          arg.layout === 'i32'
            ? [arg.values[rows[i]!]!, 0]
            : [arg.words[2 * rows[i]!]!, arg.words[2 * rows[i]! + 1]!];
        for (let bit = 0; bit < width; bit++) {
          counts[1 + bit]! += weight * (((bit < 32 ? low : high) >>> (bit & 31)) & 1);
        }
        state.store(column, groups[i]! & mask);
      }
    },
    value(table, first, id): SqlValue {
      state.load(cell(table, id, first), id & mask);
      const words = new Int32Array(2);
      const total = counts[0]!;
      if (total === 0) return null;
      for (let bit = 0; bit < width; bit++) {
        if (isSet(counts[1 + bit]!, total)) words[bit >> 5]! |= 1 << (bit & 31);
      }
      if (width === 64) return bigintAt(words, 0);
      return width === 32 ? words[0]! : (words[0]! << 16) >> 16;
    },
  };
}
