import type { Batch, Column } from './batch.ts';
import { emptyArena, moveWide, wideLength } from './wide-decimal.ts';

/** Rows `indices[0..count)` of the column, in that order. Text shares the arena. */
export function gather(column: Column, indices: Int32Array, count: number): Column {
  const nulls = column.nulls === undefined ? undefined : pickBytes(column.nulls, indices, count);
  const base = { type: column.type, nulls };
  switch (column.layout) {
    case 'bool':
      return { ...base, layout: 'bool', values: pickBytes(column.values, indices, count) };
    case 'i32': {
      const values = new Int32Array(count);
      for (let i = 0; i < count; i++) values[i] = column.values[indices[i]!]!;
      return { ...base, layout: 'i32', values };
    }
    case 'f64': {
      const values = new Float64Array(count);
      for (let i = 0; i < count; i++) values[i] = column.values[indices[i]!]!;
      return { ...base, layout: 'f64', values };
    }
    case 'i64': {
      const words = new Int32Array(2 * count);
      for (let i = 0; i < count; i++) {
        const from = 2 * indices[i]!;
        words[2 * i] = column.words[from]!;
        words[2 * i + 1] = column.words[from + 1]!;
      }
      return { ...base, layout: 'i64', words };
    }
    case 'interval':
      return { ...base, layout: 'interval', words: pickQuads(column.words, indices, count) };
    case 'decimal':
      return {
        ...base,
        layout: 'decimal',
        words: pickQuads(column.words, indices, count),
        scales: pickBytes(column.scales, indices, count),
        arena: column.arena,
      };
    case 'bytes': {
      const starts = new Int32Array(count);
      const lengths = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        starts[i] = column.starts[indices[i]!]!;
        lengths[i] = column.lengths[indices[i]!]!;
      }
      return { ...base, layout: 'bytes', starts, lengths, arena: column.arena };
    }
  }
}

function pickBytes(from: Uint8Array, indices: Int32Array, count: number): Uint8Array {
  const picked = new Uint8Array(count);
  for (let i = 0; i < count; i++) picked[i] = from[indices[i]!]!;
  return picked;
}

function pickQuads(from: Int32Array, indices: Int32Array, count: number): Int32Array {
  const picked = new Int32Array(4 * count);
  for (let i = 0; i < count; i++) {
    const at = 4 * indices[i]!;
    picked[4 * i] = from[at]!;
    picked[4 * i + 1] = from[at + 1]!;
    picked[4 * i + 2] = from[at + 2]!;
    picked[4 * i + 3] = from[at + 3]!;
  }
  return picked;
}

/** The given rows of a batch, with their weights. */
export function gatherBatch(batch: Batch, indices: Int32Array, count: number): Batch {
  const weights = new Int32Array(count);
  for (let i = 0; i < count; i++) weights[i] = batch.weights[indices[i]!]!;
  return {
    rowCount: count,
    columns: batch.columns.map((column) => gather(column, indices, count)),
    weights,
  };
}

/** Rows [from, from + count), without copying. */
export function sliceBatch(batch: Batch, from: number, count: number): Batch {
  if (from === 0 && count === batch.rowCount) return batch;
  return {
    rowCount: count,
    columns: batch.columns.map((column) => sliceColumn(column, from, from + count)),
    weights: batch.weights.subarray(from, from + count),
  };
}

function sliceColumn(column: Column, from: number, to: number): Column {
  const nulls = column.nulls?.subarray(from, to);
  switch (column.layout) {
    case 'bool':
      return { ...column, nulls, values: column.values.subarray(from, to) };
    case 'i32':
      return { ...column, nulls, values: column.values.subarray(from, to) };
    case 'f64':
      return { ...column, nulls, values: column.values.subarray(from, to) };
    case 'i64':
      return { ...column, nulls, words: column.words.subarray(2 * from, 2 * to) };
    case 'interval':
      return { ...column, nulls, words: column.words.subarray(4 * from, 4 * to) };
    case 'decimal':
      return {
        ...column,
        nulls,
        words: column.words.subarray(4 * from, 4 * to),
        scales: column.scales.subarray(from, to),
      };
    case 'bytes':
      return {
        ...column,
        nulls,
        starts: column.starts.subarray(from, to),
        lengths: column.lengths.subarray(from, to),
      };
  }
}

/**
 * A batch whose arrays are its own and exactly as long as its rows: what may be transferred to
 * another thread or kept for long without holding a large arena.
 */
export function compacted(batch: Batch): Batch {
  const { rowCount } = batch;
  return {
    rowCount,
    weights: batch.weights.slice(0, rowCount),
    columns: batch.columns.map((column) => compactedColumn(column, rowCount)),
  };
}

function compactedColumn(column: Column, rowCount: number): Column {
  const nulls = column.nulls === undefined ? undefined : copyOf(column.nulls, rowCount);
  switch (column.layout) {
    case 'bool':
      return { ...column, nulls, values: copyOf(column.values, rowCount) };
    case 'i32':
      return { ...column, nulls, values: column.values.slice(0, rowCount) };
    case 'f64':
      return { ...column, nulls, values: column.values.slice(0, rowCount) };
    case 'i64':
      return { ...column, nulls, words: column.words.slice(0, 2 * rowCount) };
    case 'interval':
      return { ...column, nulls, words: column.words.slice(0, 4 * rowCount) };
    case 'decimal': {
      const words = column.words.slice(0, 4 * rowCount);
      const scales = copyOf(column.scales, rowCount);
      const hasWide = column.arena.length > 0;
      const arena = new Uint8Array(hasWide ? wideLength(words, scales, rowCount) : 0);
      if (hasWide) moveWide(words, scales, 0, rowCount, column.arena, arena, 0);
      return { ...column, nulls, words, scales, arena };
    }
    case 'bytes': {
      let total = 0;
      for (let row = 0; row < rowCount; row++) total += column.lengths[row]!;
      const arena = new Uint8Array(total);
      const starts = new Int32Array(rowCount);
      const lengths = column.lengths.slice(0, rowCount);
      copyTexts(column, rowCount, arena, 0, starts, 0);
      return { ...column, nulls, starts, lengths, arena };
    }
  }
}

/** Not `slice`: on a Buffer that would share the memory. */
function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}

/** Copies the texts of rows [0, rowCount) to `arena` from `at` on; returns where they end. */
function copyTexts(
  column: Column & { readonly layout: 'bytes' },
  rowCount: number,
  arena: Uint8Array,
  at: number,
  starts: Int32Array,
  firstRow: number,
): number {
  const from = column.arena;
  for (let row = 0; row < rowCount; row++) {
    const length = column.lengths[row]!;
    const start = column.starts[row]!;
    starts[firstRow + row] = at;
    // For short texts a loop beats the call.
    if (length < 24) for (let i = 0; i < length; i++) arena[at + i] = from[start + i]!;
    else arena.set(from.subarray(start, start + length), at);
    at += length;
  }
  return at;
}

/** All rows of the batches, in order. `batches` is not empty and all have the same columns. */
export function concatenated(batches: readonly Batch[]): Batch {
  if (batches.length === 1) return batches[0]!;
  const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  const weights = new Int32Array(rowCount);
  let at = 0;
  for (const batch of batches) {
    weights.set(batch.weights.subarray(0, batch.rowCount), at);
    at += batch.rowCount;
  }
  const columns = batches[0]!.columns.map((_, index) =>
    concatenatedColumn(batches, index, rowCount),
  );
  return { rowCount, weights, columns };
}

function concatenatedColumn(batches: readonly Batch[], index: number, rowCount: number): Column {
  const first = batches[0]!.columns[index]!;
  const parts = batches.map((batch) => ({ column: batch.columns[index]!, rows: batch.rowCount }));
  let nulls: Uint8Array | undefined;
  if (parts.some(({ column }) => column.nulls !== undefined)) {
    nulls = new Uint8Array(rowCount);
    let at = 0;
    for (const { column, rows } of parts) {
      if (column.nulls !== undefined) nulls.set(column.nulls.subarray(0, rows), at);
      at += rows;
    }
  }
  switch (first.layout) {
    case 'bool':
      return { ...first, nulls, values: join(Uint8Array, parts, rowCount, 1, bytesOf) };
    case 'i32':
      return { ...first, nulls, values: join(Int32Array, parts, rowCount, 1, intsOf) };
    case 'f64':
      return { ...first, nulls, values: join(Float64Array, parts, rowCount, 1, doublesOf) };
    case 'i64':
      return { ...first, nulls, words: join(Int32Array, parts, rowCount, 2, wordsOf) };
    case 'interval':
      return { ...first, nulls, words: join(Int32Array, parts, rowCount, 4, wordsOf) };
    case 'decimal': {
      const words = join(Int32Array, parts, rowCount, 4, wordsOf);
      const scales = join(Uint8Array, parts, rowCount, 1, scalesOf);
      return { ...first, nulls, words, scales, arena: joinWide(parts, words, scales, rowCount) };
    }
    case 'bytes':
      return { ...first, nulls, ...joinTexts(parts, rowCount) };
  }
}

interface Part {
  readonly column: Column;
  readonly rows: number;
}

type Of<L extends Column['layout']> = Extract<Column, { layout: L }>;
const bytesOf = (column: Column): Uint8Array => (column as Of<'bool'>).values;
const intsOf = (column: Column): Int32Array => (column as Of<'i32'>).values;
const doublesOf = (column: Column): Float64Array => (column as Of<'f64'>).values;
const wordsOf = (column: Column): Int32Array => (column as Of<'i64'>).words;
const scalesOf = (column: Column): Uint8Array => (column as Of<'decimal'>).scales;

function join<T extends Uint8Array | Int32Array | Float64Array>(
  make: new (length: number) => T,
  parts: readonly Part[],
  rowCount: number,
  width: number,
  of: (column: Column) => T,
): T {
  const joined = new make(width * rowCount);
  let at = 0;
  for (const { column, rows } of parts) {
    joined.set(of(column).subarray(0, width * rows), at);
    at += width * rows;
  }
  return joined;
}

/** The digits of wide cells of the joined words and scales, which are pointed to them. */
function joinWide(
  parts: readonly Part[],
  words: Int32Array,
  scales: Uint8Array,
  rowCount: number,
): Uint8Array {
  const arenas = parts.map(({ column }) => (column as Of<'decimal'>).arena);
  if (arenas.every(({ length }) => length === 0)) return emptyArena;
  const joined = new Uint8Array(wideLength(words, scales, rowCount));
  let row = 0;
  let at = 0;
  for (const [part, { rows }] of parts.entries()) {
    at = moveWide(words, scales, row, row + rows, arenas[part]!, joined, at);
    row += rows;
  }
  return joined;
}

function joinTexts(parts: readonly Part[], rowCount: number) {
  const texts = parts.map(({ column, rows }) => ({ column: column as Of<'bytes'>, rows }));
  const starts = new Int32Array(rowCount);
  const lengths = new Int32Array(rowCount);
  let total = 0;
  for (const { column, rows } of texts) {
    for (let row = 0; row < rows; row++) total += column.lengths[row]!;
  }
  const arena = new Uint8Array(total);
  let firstRow = 0;
  let at = 0;
  for (const { column, rows } of texts) {
    lengths.set(column.lengths.subarray(0, rows), firstRow);
    at = copyTexts(column, rows, arena, at, starts, firstRow);
    firstRow += rows;
  }
  return { starts, lengths, arena };
}
