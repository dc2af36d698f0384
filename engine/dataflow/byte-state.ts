import type { ChunkColumn, TextColumn } from './chunk.ts';
import { storeBytes } from './chunk.ts';

/**
 * State of an aggregate as bytes in a bytea cell of the group's row, of a fixed size once there is
 * any: loaded into a scratch, changed there, stored back in place. A cell without bytes is all
 * zero.
 */
export class ByteState {
  readonly bytes: number;
  readonly #scratch: Uint8Array;

  constructor(scratch: ArrayBuffer) {
    this.bytes = scratch.byteLength;
    this.#scratch = new Uint8Array(scratch);
  }

  load(column: ChunkColumn, local: number): void {
    const cell = column as TextColumn;
    if (cell.lengths[local] !== this.bytes) {
      this.#scratch.fill(0);
      return;
    }
    const start = cell.starts[local]!;
    this.#scratch.set(cell.arena.subarray(start, start + this.bytes));
  }

  store(column: ChunkColumn, local: number): void {
    const cell = column as TextColumn;
    if (cell.lengths[local] === this.bytes) cell.arena.set(this.#scratch, cell.starts[local]!);
    else storeBytes(cell, local, this.#scratch, 0, this.bytes);
  }
}
