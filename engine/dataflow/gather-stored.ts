import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { type Layout, layoutOf, type SqlType } from '../../sql/columns/types.ts';
import { emptyArena, moveWide, wideLength } from '../../sql/columns/wide-decimal.ts';
import { type ChunkColumn, chunkBits } from './chunk.ts';
import type { RowTable } from './row-table.ts';
import { storedWords } from './stored-cells.ts';

const mask = limits.chunkRows - 1;
type Of<L extends Layout> = Extract<Column, { layout: L }>;

/** One column of the table's rows `ids[0..count)` as a batch column, copied: the table may change. */
export function gatherStored(
  table: RowTable,
  column: number,
  ids: Int32Array,
  count: number,
): Column {
  const { type } = table.fields[column]!;
  if (count >= table.chunkCount) return gathered(type, table.stored(column), ids, count);
  // Fewer rows than chunks: each row as if it had a chunk of its own.
  const stored: ChunkColumn[] = [];
  const places = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    stored.push(table.chunk(ids[i]!).columns[column]!);
    places[i] = (i << chunkBits) | (ids[i]! & mask);
  }
  return gathered(type, stored, places, count);
}

function gathered(
  type: SqlType,
  stored: readonly ChunkColumn[],
  ids: Int32Array,
  count: number,
): Column {
  const layout = layoutOf(type);
  const nulls = gatherNulls(stored, ids, count);
  switch (layout) {
    case 'bool': {
      const parts = stored.map((part) => (part as Of<'bool'>).values);
      const values = new Uint8Array(count);
      for (let i = 0; i < count; i++) values[i] = parts[ids[i]! >> chunkBits]![ids[i]! & mask]!;
      return { type, nulls, layout, values };
    }
    case 'i32': {
      const parts = stored.map((part) => (part as Of<'i32'>).values);
      const values = new Int32Array(count);
      for (let i = 0; i < count; i++) values[i] = parts[ids[i]! >> chunkBits]![ids[i]! & mask]!;
      return { type, nulls, layout, values };
    }
    case 'f64': {
      const parts = stored.map((part) => (part as Of<'f64'>).values);
      const values = new Float64Array(count);
      for (let i = 0; i < count; i++) values[i] = parts[ids[i]! >> chunkBits]![ids[i]! & mask]!;
      return { type, nulls, layout, values };
    }
    case 'i64':
      return { type, nulls, layout, words: gatherPairs(storedWords(stored), ids, count) };
    case 'interval':
      return { type, nulls, layout, words: gatherQuads(storedWords(stored), ids, count) };
    case 'decimal': {
      const words = gatherQuads(storedWords(stored), ids, count);
      const parts = stored.map((part) => (part as Of<'decimal'>).scales);
      const scales = new Uint8Array(count);
      for (let i = 0; i < count; i++) scales[i] = parts[ids[i]! >> chunkBits]![ids[i]! & mask]!;
      return { type, nulls, layout, words, scales, arena: gatherWide(stored, ids, words, scales) };
    }
    case 'bytes': {
      const texts = gatherTexts(stored as readonly Of<'bytes'>[], ids, count);
      return { type, nulls, layout, ...texts };
    }
  }
}

function gatherPairs(stored: readonly Int32Array[], ids: Int32Array, count: number): Int32Array {
  const words = new Int32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const from = stored[ids[i]! >> chunkBits]!;
    const at = 2 * (ids[i]! & mask);
    words[2 * i] = from[at]!;
    words[2 * i + 1] = from[at + 1]!;
  }
  return words;
}

function gatherQuads(stored: readonly Int32Array[], ids: Int32Array, count: number): Int32Array {
  const words = new Int32Array(4 * count);
  for (let i = 0; i < count; i++) {
    const from = stored[ids[i]! >> chunkBits]!;
    const at = 4 * (ids[i]! & mask);
    words[4 * i] = from[at]!;
    words[4 * i + 1] = from[at + 1]!;
    words[4 * i + 2] = from[at + 2]!;
    words[4 * i + 3] = from[at + 3]!;
  }
  return words;
}

/** The digits of the wide cells among the gathered ones, which are pointed to them. */
function gatherWide(
  stored: readonly ChunkColumn[],
  ids: Int32Array,
  words: Int32Array,
  scales: Uint8Array,
): Uint8Array {
  const arenas = stored.map((part) => (part as Of<'decimal'>).arena);
  if (arenas.every(({ length }) => length === 0)) return emptyArena;
  const arena = new Uint8Array(wideLength(words, scales, scales.length));
  let at = 0;
  for (let i = 0; i < scales.length; i++) {
    at = moveWide(words, scales, i, i + 1, arenas[ids[i]! >> chunkBits]!, arena, at);
  }
  return arena;
}

function gatherNulls(
  stored: readonly ChunkColumn[],
  ids: Int32Array,
  count: number,
): Uint8Array | undefined {
  if (stored.every((part) => part.nulls === undefined)) return undefined;
  const parts = stored.map((part) => part.nulls);
  let nulls: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    if (parts[ids[i]! >> chunkBits]?.[ids[i]! & mask] !== 1) continue;
    nulls ??= new Uint8Array(count);
    nulls[i] = 1;
  }
  return nulls;
}

function gatherTexts(stored: readonly Of<'bytes'>[], ids: Int32Array, count: number) {
  const starts = new Int32Array(count);
  const lengths = new Int32Array(count);
  const storedLengths = stored.map((part) => part.lengths);
  const storedStarts = stored.map((part) => part.starts);
  const arenas = stored.map((part) => part.arena);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = storedLengths[ids[i]! >> chunkBits]![ids[i]! & mask]!;
    lengths[i] = length;
    starts[i] = total;
    total += length;
  }
  const arena = new Uint8Array(total);
  for (let i = 0; i < count; i++) {
    const chunk = ids[i]! >> chunkBits;
    const from = storedStarts[chunk]![ids[i]! & mask]!;
    const length = lengths[i]!;
    const at = starts[i]!;
    const source = arenas[chunk]!;
    if (length < 24) for (let k = 0; k < length; k++) arena[at + k] = source[from + k]!;
    else arena.set(source.subarray(from, from + length), at);
  }
  return { starts, lengths, arena };
}
