import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { type Field, layoutOf } from '../../sql/columns/types.ts';
import { emptyArena, wideByte } from '../../sql/columns/wide-decimal.ts';
import { storeWide } from './wide-cells.ts';

export const chunkBits = Math.log2(limits.chunkRows);

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Of<L extends Column['layout']> = Writable<Extract<Column, { layout: L }>>;

/** A column of a chunk: room for limits.chunkRows rows, written in place. */
export type ChunkColumn =
  | Of<'bool'>
  | Of<'i32'>
  | Of<'i64'>
  | Of<'f64'>
  | Of<'decimal'>
  | Of<'interval'>
  | TextColumn;

/** Texts are appended to the arena; what rewritten rows leave behind is garbage. */
export type TextColumn = Of<'bytes'> & { arenaLength: number; garbage: number };

/** Of the shape of a batch's column, which keeps loops over cells of both fast; wide-cells.ts has the arena's use. */
export type DecimalColumn = Of<'decimal'>;

export interface Chunk {
  readonly columns: readonly ChunkColumn[];
  readonly weights: Int32Array;
  /** Rows [0, used) were ever in use. */
  used: number;
  /** A snapshot may hold it: clone before a change. */
  pinned: boolean;
  readonly dirty: Uint8Array;
  dirtyCount: number;
  /** Deltas written since the chunk was last written whole; -1 before that. */
  deltas: number;
}

export function newChunk(fields: readonly Field[]): Chunk {
  return {
    columns: fields.map(newColumn),
    weights: new Int32Array(limits.chunkRows),
    used: 0,
    pinned: false,
    dirty: new Uint8Array(limits.chunkRows),
    dirtyCount: 0,
    deltas: -1,
  };
}

/** Memory that the chunk takes. */
export function chunkBytes({ columns, weights, dirty }: Chunk): number {
  return weights.byteLength + dirty.byteLength + columnsBytes(columns);
}

export function columnsBytes(columns: readonly Column[]): number {
  let bytes = 0;
  for (const column of columns) {
    for (const part of Object.values(column)) {
      if (ArrayBuffer.isView(part)) bytes += part.byteLength;
    }
  }
  return bytes;
}

function newColumn({ type }: Field): ChunkColumn {
  const rows = limits.chunkRows;
  const base = { type, nulls: undefined };
  const layout = layoutOf(type);
  switch (layout) {
    case 'bool':
      return { ...base, layout, values: new Uint8Array(rows) };
    case 'i32':
      return { ...base, layout, values: new Int32Array(rows) };
    case 'f64':
      return { ...base, layout, values: new Float64Array(rows) };
    case 'i64':
      return { ...base, layout, words: new Int32Array(2 * rows) };
    case 'interval':
      return { ...base, layout, words: new Int32Array(4 * rows) };
    case 'decimal':
      return {
        ...base,
        layout,
        words: new Int32Array(4 * rows),
        scales: new Uint8Array(rows),
        arena: emptyArena,
      };
    case 'bytes':
      return {
        ...base,
        layout,
        starts: new Int32Array(rows),
        lengths: new Int32Array(rows),
        arena: new Uint8Array(0),
        arenaLength: 0,
        garbage: 0,
      };
  }
}

/** A copy that is not pinned; what the checkpoint knows of the original holds for it too. */
export function cloneChunk(chunk: Chunk): Chunk {
  return {
    ...chunk,
    columns: chunk.columns.map(cloneColumn),
    weights: chunk.weights.slice(),
    dirty: chunk.dirty.slice(),
    pinned: false,
  };
}

function cloneColumn(column: ChunkColumn): ChunkColumn {
  const nulls = column.nulls?.slice();
  switch (column.layout) {
    case 'bool':
      return { ...column, nulls, values: column.values.slice() };
    case 'i32':
      return { ...column, nulls, values: column.values.slice() };
    case 'f64':
      return { ...column, nulls, values: column.values.slice() };
    case 'i64':
      return { ...column, nulls, words: column.words.slice() };
    case 'interval':
      return { ...column, nulls, words: column.words.slice() };
    case 'decimal':
      return {
        ...column,
        nulls,
        words: column.words.slice(),
        scales: column.scales.slice(),
        arena: column.arena.slice(),
      };
    case 'bytes':
      return {
        ...column,
        nulls,
        starts: column.starts.slice(),
        lengths: column.lengths.slice(),
        arena: column.arena.slice(),
      };
  }
}

/** Copies one cell of a batch into row `at` of a chunk's column. */
export function storeCell(target: ChunkColumn, at: number, source: Column, row: number): void {
  const isNull = source.nulls !== undefined && source.nulls[row] === 1;
  markNull(target, at, isNull);
  switch (target.layout) {
    case 'bool':
    case 'i32':
    case 'f64':
      target.values[at] = (source as typeof target).values[row]!;
      return;
    case 'i64': {
      const { words } = source as typeof target;
      target.words[2 * at] = words[2 * row]!;
      target.words[2 * at + 1] = words[2 * row + 1]!;
      return;
    }
    case 'decimal': {
      const { words, scales } = source as typeof target;
      if (scales[row] === wideByte || target.scales[at] === wideByte) {
        storeWide(target, at, source as typeof target, row);
        return;
      }
      target.scales[at] = scales[row]!;
      copyQuad(target.words, at, words, row);
      return;
    }
    case 'interval':
      copyQuad(target.words, at, (source as typeof target).words, row);
      return;
    case 'bytes': {
      const { arena, starts, lengths } = source as typeof target;
      storeBytes(target, at, arena, starts[row]!, lengths[row]!);
    }
  }
}

function copyQuad(target: Int32Array, at: number, source: Int32Array, row: number): void {
  for (let k = 0; k < 4; k++) target[4 * at + k] = source[4 * row + k]!;
}

export function markNull(column: ChunkColumn, at: number, isNull: boolean): void {
  if (column.nulls === undefined) {
    if (!isNull) return;
    column.nulls = new Uint8Array(limits.chunkRows);
  }
  column.nulls[at] = isNull ? 1 : 0;
}

export function storeBytes(
  column: TextColumn,
  at: number,
  from: Uint8Array,
  start: number,
  length: number,
): void {
  column.garbage += column.lengths[at]!;
  column.lengths[at] = 0;
  let end = column.arenaLength + length;
  if (end > column.arena.length) {
    if (column.garbage > column.arenaLength / 2) compact(column);
    end = column.arenaLength + length;
    if (end > column.arena.length) {
      column.arena = grown(column.arena, Math.max(1024, end, 2 * column.arena.length), Uint8Array);
    }
  }
  const { arena, arenaLength } = column;
  if (length < 24) for (let i = 0; i < length; i++) arena[arenaLength + i] = from[start + i]!;
  else arena.set(from.subarray(start, start + length), arenaLength);
  column.starts[at] = arenaLength;
  column.lengths[at] = length;
  column.arenaLength = end;
}

/** Moves the living texts together. */
function compact(column: TextColumn): void {
  const { starts, lengths } = column;
  const arena = new Uint8Array(column.arena.length);
  let end = 0;
  for (let row = 0; row < starts.length; row++) {
    const start = starts[row]!;
    const length = lengths[row]!;
    if (length === 0) continue;
    arena.set(column.arena.subarray(start, start + length), end);
    starts[row] = end;
    end += length;
  }
  column.arena = arena;
  column.arenaLength = end;
  column.garbage = 0;
}
