import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { type Layout, layoutOf } from '../../sql/columns/types.ts';
import type { RowTable } from './row-table.ts';

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
  const layout = layoutOf(type);
  const of = <L extends Layout>(i: number) => table.chunk(ids[i]!).columns[column] as Of<L>;
  const base = { type, nulls: gatherNulls(table, column, ids, count) };
  switch (layout) {
    case 'bool': {
      const values = new Uint8Array(count);
      for (let i = 0; i < count; i++) values[i] = of<'bool'>(i).values[ids[i]! & mask]!;
      return { ...base, layout, values };
    }
    case 'i32': {
      const values = new Int32Array(count);
      for (let i = 0; i < count; i++) values[i] = of<'i32'>(i).values[ids[i]! & mask]!;
      return { ...base, layout, values };
    }
    case 'f64': {
      const values = new Float64Array(count);
      for (let i = 0; i < count; i++) values[i] = of<'f64'>(i).values[ids[i]! & mask]!;
      return { ...base, layout, values };
    }
    case 'i64': {
      const words = new Int32Array(2 * count);
      for (let i = 0; i < count; i++) {
        const from = of<'i64'>(i).words;
        const at = 2 * (ids[i]! & mask);
        words[2 * i] = from[at]!;
        words[2 * i + 1] = from[at + 1]!;
      }
      return { ...base, layout, words };
    }
    case 'interval':
    case 'decimal': {
      const words = new Int32Array(4 * count);
      const scales = new Uint8Array(count);
      for (let i = 0; i < count; i++) {
        const local = ids[i]! & mask;
        const from = of<'decimal'>(i);
        for (let k = 0; k < 4; k++) words[4 * i + k] = from.words[4 * local + k]!;
        if (layout === 'decimal') scales[i] = from.scales[local]!;
      }
      return layout === 'decimal' ? { ...base, layout, words, scales } : { ...base, layout, words };
    }
    case 'bytes':
      return { ...base, layout, ...gatherTexts(table, column, ids, count) };
  }
}

function gatherNulls(
  table: RowTable,
  column: number,
  ids: Int32Array,
  count: number,
): Uint8Array | undefined {
  let nulls: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const { nulls: stored } = table.chunk(ids[i]!).columns[column]!;
    if (stored === undefined || stored[ids[i]! & mask] === 0) continue;
    nulls ??= new Uint8Array(count);
    nulls[i] = 1;
  }
  return nulls;
}

function gatherTexts(table: RowTable, column: number, ids: Int32Array, count: number) {
  const starts = new Int32Array(count);
  const lengths = new Int32Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const stored = table.chunk(ids[i]!).columns[column] as Of<'bytes'>;
    lengths[i] = stored.lengths[ids[i]! & mask]!;
    starts[i] = total;
    total += lengths[i]!;
  }
  const arena = new Uint8Array(total);
  for (let i = 0; i < count; i++) {
    const stored = table.chunk(ids[i]!).columns[column] as Of<'bytes'>;
    const from = stored.starts[ids[i]! & mask]!;
    const length = lengths[i]!;
    const at = starts[i]!;
    const source = stored.arena;
    if (length < 24) for (let k = 0; k < length; k++) arena[at + k] = source[from + k]!;
    else arena.set(source.subarray(from, from + length), at);
  }
  return { starts, lengths, arena };
}
