import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { type CellsEqual, cellsEqual, type Equality, hashRows } from './hashing.ts';
import type { RowTable } from './row-table.ts';
import { markDifferent } from './stored-cells.ts';

const chunkMask = limits.chunkRows - 1;
const none = -1;
/** Fewer are found one by one: many at once cost a look at every chunk first. */
const fewRows = 16;

/**
 * Finds rows of a RowTable by some of their columns: an open-addressing hash table with linear
 * probing. Each slot holds one row of a key, its head; rows of the same key are linked in both
 * directions, so that any of them leaves in constant time. A head stays until it leaves. Hashes are stored per row, and keys
 * are compared on every match. All arrays are typed: nothing here for the garbage collector.
 *
 * Deletion moves later entries back (Knuth, TAOCP 6.4, algorithm R): there are no tombstones, and
 * lookups do not slow down with age.
 */
export class RowIndex {
  readonly #table: RowTable;
  readonly #keys: readonly number[];
  readonly #equal: readonly CellsEqual[];
  /** Row id + 1, or 0. */
  #slots = new Int32Array(1024);
  #slotsUsed = 0;
  #hashes = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);

  /** `keys`: columns of the table. No keys: all rows are under one key. */
  constructor(table: RowTable, keys: readonly number[], equality: Equality) {
    this.#table = table;
    this.#keys = keys;
    this.#equal = keys.map((key) => cellsEqual(table.fields[key]!.type, equality));
  }

  /** Memory that it takes. */
  get bytes(): number {
    const arrays = [this.#slots, this.#hashes, this.#next, this.#previous];
    return arrays.reduce((sum, array) => sum + array.byteLength, 0);
  }

  /** The head of the key that row `row` of `keyColumns` has, or -1. */
  first(keyColumns: readonly Column[], row: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]! - 1;
      if (id < 0) return none;
      if (this.#hashes[id] === hash && this.#matches(id, keyColumns, row)) return id;
    }
  }

  /** What `first` says of rows [0, count), into `out`. */
  find(keyColumns: readonly Column[], hashes: Int32Array, count: number, out: Int32Array): void {
    if (count < fewRows) {
      for (let row = 0; row < count; row++) {
        out[row] = this.first(keyColumns, row, hashes[row]!);
      }
      return;
    }
    const slots = this.#slots;
    const stored = this.#hashes;
    const mask = slots.length - 1;
    for (let row = 0; row < count; row++) {
      const hash = hashes[row]!;
      let slot = hash & mask;
      let id = slots[slot]! - 1;
      while (id >= 0 && stored[id] !== hash) {
        slot = (slot + 1) & mask;
        id = slots[slot]! - 1;
      }
      out[row] = id;
    }
    // Candidates by hash; different keys of one hash are rare, and looked up one by one.
    const different = new Uint8Array(count);
    let any = false;
    for (let k = 0; k < this.#keys.length; k++) {
      const columns = this.#table.stored(this.#keys[k]!);
      const found = markDifferent(columns, this.#equal[k]!, out, keyColumns[k]!, count, different);
      any ||= found;
    }
    if (!any) return;
    for (let row = 0; row < count; row++) {
      if (different[row] === 1) out[row] = this.first(keyColumns, row, hashes[row]!);
    }
  }

  /** The next row of the same key, or -1. */
  next(id: number): number {
    return this.#next[id]!;
  }

  /** Adds row `id` of the table; `head` is what `first` says for its key. */
  add(id: number, hash: number, head: number): void {
    if (id >= this.#hashes.length) this.#reserve(id + 1);
    this.#hashes[id] = hash;
    this.#previous[id] = head;
    if (head !== none) {
      const second = this.#next[head]!;
      this.#next[id] = second;
      this.#next[head] = id;
      if (second !== none) this.#previous[second] = id;
      return;
    }
    this.#next[id] = none;
    if (2 * (this.#slotsUsed + 1) > this.#slots.length) this.#grow();
    this.#place(id, hash);
    this.#slotsUsed++;
  }

  remove(id: number): void {
    const next = this.#next[id]!;
    const previous = this.#previous[id]!;
    if (next !== none) this.#previous[next] = previous;
    if (previous !== none) {
      this.#next[previous] = next;
    } else if (next !== none) {
      this.#slots[this.#slotOf(id)] = next + 1;
    } else {
      this.#close(this.#slotOf(id));
      this.#slotsUsed--;
    }
  }

  /** Indexes every row of the table anew. */
  rebuild(): void {
    this.#slots = new Int32Array(1024);
    this.#slotsUsed = 0;
    const hash = new Int32Array(limits.chunkRows);
    let hashed = none;
    for (const id of this.#table.ids()) {
      const chunk = this.#table.chunk(id);
      const columns = this.#keys.map((key) => chunk.columns[key]!);
      if (hashed !== id - (id & chunkMask)) {
        hashed = id - (id & chunkMask);
        hashRows(columns, chunk.used, hash);
      }
      const local = id & chunkMask;
      this.add(id, hash[local]!, this.first(columns, local, hash[local]!));
    }
  }

  #matches(id: number, keyColumns: readonly Column[], row: number): boolean {
    const { columns } = this.#table.chunk(id);
    const local = id & chunkMask;
    for (let k = 0; k < this.#keys.length; k++) {
      if (!this.#equal[k]!(columns[this.#keys[k]!]!, local, keyColumns[k]!, row)) return false;
    }
    return true;
  }

  /** Slot that holds exactly this row, the head of its key. */
  #slotOf(id: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[id]! & mask;
    while (this.#slots[slot] !== id + 1) {
      assert(this.#slots[slot] !== 0, 'the head of a key has a slot');
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #place(id: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = id + 1;
  }

  /** Empties a slot and moves back those after it that no longer find their way. */
  #close(slot: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = slot;
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashes[slots[at]! - 1]! & mask;
      const reachesPastHole = ((at - home) & mask) >= ((at - hole) & mask);
      if (!reachesPastHole) continue;
      slots[hole] = slots[at]!;
      hole = at;
    }
    slots[hole] = 0;
  }

  #reserve(count: number): void {
    const capacity = Math.max(count, 2 * this.#hashes.length, 1024);
    this.#hashes = grown(this.#hashes, capacity, Int32Array);
    this.#next = grown(this.#next, capacity, Int32Array);
    this.#previous = grown(this.#previous, capacity, Int32Array);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    for (let slot = 0; slot < old.length; slot++) {
      const id = old[slot]! - 1;
      if (id >= 0) this.#place(id, this.#hashes[id]!);
    }
  }
}
