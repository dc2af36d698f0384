import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { type ChunkColumn, chunkBits } from './chunk.ts';
import type { CellsEqual } from './hashing.ts';

/**
 * Loops over cells of a table's column that look up the typed arrays once per chunk, not once per
 * row: columns come in several shapes, so a look-up by name costs more than the comparison.
 */

const mask = limits.chunkRows - 1;
type Of<L extends Column['layout']> = Extract<Column, { layout: L }>;

/** One column of every chunk of a table. */
export type Stored = readonly ChunkColumn[];

/** 64-bit words of a column, chunk by chunk. */
export function storedWords(stored: Stored): Int32Array[] {
  return stored.map((column) => (column as Of<'i64' | 'decimal'>).words);
}

/**
 * Sets `different[i]` where row `ids[i]` of the table does not equal row i of `keys`; ids below 0
 * are left out. Says whether there is one.
 */
export function markDifferent(
  stored: Stored,
  equal: CellsEqual,
  ids: Int32Array,
  keys: Column,
  count: number,
  different: Uint8Array,
): boolean {
  if (keys.nulls !== undefined || stored.some(({ nulls }) => nulls !== undefined)) {
    return markOthers(stored, equal, ids, keys, count, different);
  }
  switch (keys.layout) {
    case 'i64':
      return markWords(storedWords(stored), ids, keys.words, count, different);
    case 'i32':
      return markInts(
        stored.map((column) => (column as Of<'i32'>).values),
        ids,
        keys.values,
        count,
        different,
      );
    default:
      return markOthers(stored, equal, ids, keys, count, different);
  }
}

function markWords(
  stored: readonly Int32Array[],
  ids: Int32Array,
  keys: Int32Array,
  count: number,
  different: Uint8Array,
): boolean {
  let any = false;
  for (let i = 0; i < count; i++) {
    const id = ids[i]!;
    if (id < 0) continue;
    const words = stored[id >> chunkBits]!;
    const at = 2 * (id & mask);
    if (words[at] === keys[2 * i] && words[at + 1] === keys[2 * i + 1]) continue;
    different[i] = 1;
    any = true;
  }
  return any;
}

function markInts(
  stored: readonly Int32Array[],
  ids: Int32Array,
  keys: Int32Array,
  count: number,
  different: Uint8Array,
): boolean {
  let any = false;
  for (let i = 0; i < count; i++) {
    const id = ids[i]!;
    if (id < 0 || stored[id >> chunkBits]![id & mask] === keys[i]) continue;
    different[i] = 1;
    any = true;
  }
  return any;
}

function markOthers(
  stored: Stored,
  equal: CellsEqual,
  ids: Int32Array,
  keys: Column,
  count: number,
  different: Uint8Array,
): boolean {
  let any = false;
  for (let i = 0; i < count; i++) {
    const id = ids[i]!;
    if (id < 0 || equal(stored[id >> chunkBits]!, id & mask, keys, i)) continue;
    different[i] = 1;
    any = true;
  }
  return any;
}
