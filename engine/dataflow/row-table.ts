import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { decodeRows, encodeRows } from '../formats/row-block.ts';
import {
  type Chunk,
  type ChunkColumn,
  chunkBits,
  chunkBytes,
  cloneChunk,
  newChunk,
  storeCell,
} from './chunk.ts';
import type { ChunkChange, ChunkPiece, StateSize, StateTable } from './table.ts';
import { weightOf } from './weights.ts';

const chunkMask = limits.chunkRows - 1;
/** Deltas of a chunk that restart has to apply, at most; then the chunk is written whole. */
const deltasMax = 16;

/**
 * A column store of rows with weights, in chunks of limits.chunkRows (DESIGN section 7, One
 * snapshot mechanism). A row keeps its id while it lives; weight 0 means that the id is free.
 *
 * Invariants
 * - A snapshot pins the chunks that exist; a change to a pinned chunk replaces it by a copy, so
 *   what a snapshot yields never changes.
 * - `checkpoint` returns exactly the rows that changed since the last call, pinned.
 *
 * A chunk's checkpoint value, little-endian:
 *
 * | bytes | field                                              |
 * |-------|----------------------------------------------------|
 * | 4     | row count n                                        |
 * | 4*n   | row numbers in the chunk                           |
 * | ...   | the rows with their weights (formats/row-block.ts) |
 */
export class RowTable implements StateTable {
  readonly fields: readonly Field[];
  #chunks: Chunk[] = [];
  #free: number[] = [];
  #end = 0;
  #rowCount = 0;

  constructor(fields: readonly Field[]) {
    this.fields = fields;
  }

  /** Rows with a weight. */
  get rowCount(): number {
    return this.#rowCount;
  }

  get size(): StateSize {
    const bytes = this.#chunks.reduce((sum, chunk) => sum + chunkBytes(chunk), 0);
    return { rows: this.#rowCount, bytes };
  }

  /** One past the largest row id in use. */
  get end(): number {
    return this.#end;
  }

  weight(id: number): number {
    return this.#chunks[id >> chunkBits]!.weights[id & chunkMask]!;
  }

  /** The chunk that holds row `id`, for reading: its row is `id & (limits.chunkRows - 1)`. */
  chunk(id: number): Chunk {
    return this.#chunks[id >> chunkBits]!;
  }

  get chunkCount(): number {
    return this.#chunks.length;
  }

  /** One column of every chunk, for reading until the table changes. */
  stored(column: number): ChunkColumn[] {
    return this.#chunks.map((chunk) => chunk.columns[column]!);
  }

  /** The same, for changing row `id` in place. */
  writable(id: number): Chunk {
    const number = id >> chunkBits;
    let chunk = this.#chunks[number]!;
    if (chunk.pinned) {
      chunk = cloneChunk(chunk);
      this.#chunks[number] = chunk;
    }
    const local = id & chunkMask;
    if (chunk.dirty[local] === 0) {
      chunk.dirty[local] = 1;
      chunk.dirtyCount++;
    }
    return chunk;
  }

  /** Adds a row with values from `batch` for the first columns; the others are zero. */
  insert(batch: Batch, row: number, weight: number): number {
    const id = this.#free.pop() ?? this.#end++;
    if (id >> chunkBits === this.#chunks.length) this.#chunks.push(newChunk(this.fields));
    const chunk = this.writable(id);
    const local = id & chunkMask;
    const columns = batch.columns;
    for (let c = 0; c < columns.length; c++) storeCell(chunk.columns[c]!, local, columns[c]!, row);
    chunk.weights[local] = weight;
    if (local >= chunk.used) chunk.used = local + 1;
    this.#rowCount++;
    return id;
  }

  /** `weight` is not 0. Throws RESOURCE_LIMIT when it is too large. */
  setWeight(id: number, weight: number): void {
    this.writable(id).weights[id & chunkMask] = weightOf(weight);
  }

  /** Frees the row; its values stay readable until the id is used again. */
  remove(id: number): void {
    this.vacate(id);
    this.#free.push(id);
  }

  /** The row leaves, but its id is not used again before `free`. */
  vacate(id: number): void {
    this.writable(id).weights[id & chunkMask] = 0;
    this.#rowCount--;
  }

  free(ids: readonly number[]): void {
    for (const id of ids) this.#free.push(id);
  }

  /** Forgets every row. */
  clear(): void {
    for (let id = 0; id < this.#end; id++) if (this.weight(id) !== 0) this.remove(id);
  }

  /** The present rows, chunk by chunk; later changes do not show in what it yields. */
  snapshot(): Iterable<Batch> {
    for (const chunk of this.#chunks) chunk.pinned = true;
    return liveRows([...this.#chunks]);
  }

  /** All rows with a weight, as ids. */
  *ids(): Generator<number> {
    for (let id = 0; id < this.#end; id++) if (this.weight(id) !== 0) yield id;
  }

  checkpoint(): ChunkChange[] {
    const changes: ChunkChange[] = [];
    for (const [number, chunk] of this.#chunks.entries()) {
      if (chunk.dirtyCount === 0) continue;
      const isWhole =
        chunk.deltas < 0 || chunk.deltas >= deltasMax || 4 * chunk.dirtyCount > chunk.used;
      const rows = rowsToWrite(chunk, isWhole);
      changes.push({
        chunk: number,
        delta: isWhole ? 0 : chunk.deltas + 1,
        replaced: isWhole ? Math.max(0, chunk.deltas) : 0,
        encode: () => encodeChunk(chunk, rows),
      });
      chunk.pinned = true;
      chunk.deltas = isWhole ? 0 : chunk.deltas + 1;
      chunk.dirty.fill(0);
      chunk.dirtyCount = 0;
    }
    return changes;
  }

  restore({ chunk: number, delta, bytes }: ChunkPiece): void {
    while (this.#chunks.length <= number) this.#chunks.push(newChunk(this.fields));
    const chunk = this.#chunks[number]!;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = bytes.length < 4 ? -1 : view.getInt32(0, true);
    if (count < 0 || count > limits.chunkRows || bytes.length < 4 + 4 * count) {
      throw new MillraceError('CORRUPTION', 'a chunk of the checkpoint is damaged');
    }
    const rows = decodeRows(bytes.subarray(4 + 4 * count), this.fields);
    for (let i = 0; i < count; i++) {
      const local = view.getInt32(4 + 4 * i, true) & chunkMask;
      for (let c = 0; c < this.fields.length; c++) {
        storeCell(chunk.columns[c]!, local, rows.columns[c]!, i);
      }
      chunk.weights[local] = rows.weights[i]!;
      chunk.used = Math.max(chunk.used, local + 1);
    }
    chunk.deltas = delta;
  }

  restored(): void {
    this.#free = [];
    this.#rowCount = 0;
    const last = this.#chunks.at(-1);
    this.#end = last === undefined ? 0 : (this.#chunks.length - 1) * limits.chunkRows + last.used;
    for (let id = this.#end - 1; id >= 0; id--) {
      if (this.weight(id) === 0) this.#free.push(id);
      else this.#rowCount++;
    }
  }
}

function* liveRows(chunks: readonly Chunk[]): Generator<Batch> {
  for (const chunk of chunks) {
    const indices = new Int32Array(chunk.used);
    let count = 0;
    for (let row = 0; row < chunk.used; row++) if (chunk.weights[row] !== 0) indices[count++] = row;
    if (count === 0) continue;
    const all = { rowCount: chunk.used, columns: chunk.columns, weights: chunk.weights };
    yield count === chunk.used ? all : gatherBatch(all, indices, count);
  }
}

function rowsToWrite(chunk: Chunk, all: boolean): Int32Array {
  const rows = new Int32Array(chunk.used);
  let count = 0;
  for (let row = 0; row < chunk.used; row++) if (all || chunk.dirty[row] === 1) rows[count++] = row;
  return rows.subarray(0, count);
}

function encodeChunk(chunk: Chunk, chosen: Int32Array): Uint8Array {
  const count = chosen.length;
  const all = { rowCount: chunk.used, columns: chunk.columns, weights: chunk.weights };
  const rows = encodeRows(gatherBatch(all, chosen, count));
  const bytes = new Uint8Array(4 + 4 * count + rows.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, count, true);
  for (let i = 0; i < count; i++) view.setInt32(4 + 4 * i, chosen[i]!, true);
  bytes.set(rows, 4 + 4 * count);
  return bytes;
}
