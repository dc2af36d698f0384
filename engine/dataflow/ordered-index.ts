import { limits } from '../../platform/limits.ts';
import { grown } from '../../sql/columns/builder.ts';
import type { OrderPart } from './ordering.ts';
import type { RowTable } from './row-table.ts';

const mask = limits.chunkRows - 1;

/**
 * Rows of a RowTable in groups, each group in order: one order-statistic treap per group
 * (R. Seidel, C. Aragon, "Randomized search trees", 1996). A row costs two integers and a double; finding,
 * adding and removing a row, the n-th row and a row's place cost the logarithm of the group's size
 * in comparisons.
 *
 * Nodes are row ids; priorities are a hash of the id, so that nothing is random. `sizes` counts
 * copies: a row of weight 3 fills three places. The comparison is total: only a row itself is
 * equal to it, or copies of it, which then go by id.
 */
export class OrderedIndex {
  readonly #table: RowTable;
  readonly #parts: readonly OrderPart[];
  /** By group: its root, as row id + 1, or 0. The same encoding in `#left` and `#right`. */
  #roots = new Int32Array(64);
  #left = new Int32Array(0);
  #right = new Int32Array(0);
  /** Copies in a subtree: exact up to 2^53, as no single weight needs. */
  #sizes = new Float64Array(0);

  constructor(table: RowTable, parts: readonly OrderPart[]) {
    this.#table = table;
    this.#parts = parts;
  }

  /** Copies of rows in the group. */
  total(group: number): number {
    return group < this.#roots.length ? this.#sizeOf(this.#roots[group]!) : 0;
  }

  /** Adds row `id` of the table with `copies`, which may be negative for as long as a step lasts. */
  insert(group: number, id: number, copies: number): void {
    if (group >= this.#roots.length) {
      this.#roots = grown(this.#roots, Math.max(group + 1, 2 * this.#roots.length), Int32Array);
    }
    if (id >= this.#left.length) this.#reserve(id + 1);
    this.#left[id] = this.#right[id] = 0;
    this.#sizes[id] = copies;
    this.#roots[group] = this.#insert(this.#roots[group]!, id, copies);
  }

  /** More or fewer copies of a row that is there. */
  addCopies(group: number, id: number, copies: number): void {
    let node = this.#roots[group]! - 1;
    while (node !== id) {
      this.#sizes[node]! += copies;
      node = (this.compare(id, node) < 0 ? this.#left : this.#right)[node]! - 1;
    }
    this.#sizes[id]! += copies;
  }

  remove(group: number, id: number): void {
    const copies =
      this.#sizes[id]! - this.#sizeOf(this.#left[id]!) - this.#sizeOf(this.#right[id]!);
    this.#roots[group] = this.#remove(this.#roots[group]!, id, copies);
  }

  /** The first row of the group, or -1. */
  first(group: number): number {
    let node = group < this.#roots.length ? this.#roots[group]! : 0;
    if (node === 0) return -1;
    while (this.#left[node - 1] !== 0) node = this.#left[node - 1]!;
    return node - 1;
  }

  /** The last row of the group, or -1. */
  last(group: number): number {
    let node = group < this.#roots.length ? this.#roots[group]! : 0;
    if (node === 0) return -1;
    while (this.#right[node - 1] !== 0) node = this.#right[node - 1]!;
    return node - 1;
  }

  /** The row at place `at`, counted from 0; `at` lies below the group's total. */
  at(group: number, at: number): number {
    let node = this.#roots[group]! - 1;
    for (;;) {
      const before = this.#sizeOf(this.#left[node]!);
      if (at < before) {
        node = this.#left[node]! - 1;
        continue;
      }
      const after = this.#sizeOf(this.#right[node]!);
      const copies = this.#sizes[node]! - before - after;
      if (at < before + copies) return node;
      at -= before + copies;
      node = this.#right[node]! - 1;
    }
  }

  /** Copies before row `id` of the group. */
  place(group: number, id: number): number {
    let node = this.#roots[group]! - 1;
    let place = 0;
    while (node !== id) {
      if (this.compare(id, node) < 0) {
        node = this.#left[node]! - 1;
        continue;
      }
      place += this.#sizes[node]! - this.#sizeOf(this.#right[node]!);
      node = this.#right[node]! - 1;
    }
    return place + this.#sizeOf(this.#left[id]!);
  }

  /** Calls `visit` with the group's rows in order, from a place on, until it returns false. */
  walk(group: number, visit: (id: number) => boolean, from = 0): void {
    if (group < this.#roots.length) this.#walk(this.#roots[group]!, visit, from);
  }

  /** Order of two rows of the table. */
  compare(a: number, b: number): number {
    const left = this.#table.chunk(a).columns;
    const right = this.#table.chunk(b).columns;
    for (const { column, compare } of this.#parts) {
      const order = compare(left[column]!, a & mask, right[column]!, b & mask);
      if (order !== 0) return order;
    }
    return a - b;
  }

  clear(): void {
    this.#roots.fill(0);
  }

  #sizeOf(node: number): number {
    return node === 0 ? 0 : this.#sizes[node - 1]!;
  }

  #walk(node: number, visit: (id: number) => boolean, from: number): boolean {
    if (node === 0 || from >= this.#sizes[node - 1]!) return true;
    const id = node - 1;
    // Read first: a visitor may take the row out of the table, though not out of the index.
    const right = this.#right[id]!;
    const before = from === 0 ? 0 : this.#sizeOf(this.#left[id]!);
    const isSkipped = from > before;
    const through = from === 0 ? 0 : this.#sizes[id]! - this.#sizeOf(right);
    if (!isSkipped && !(this.#walk(this.#left[id]!, visit, from) && visit(id))) return false;
    return this.#walk(right, visit, Math.max(0, from - through));
  }

  #insert(root: number, id: number, copies: number): number {
    if (root === 0) return id + 1;
    const top = root - 1;
    if (priority(id) > priority(top)) {
      this.#split(root, id);
      this.#sizes[id] = copies + this.#sizeOf(this.#left[id]!) + this.#sizeOf(this.#right[id]!);
      return id + 1;
    }
    const side = this.compare(id, top) < 0 ? this.#left : this.#right;
    side[top] = this.#insert(side[top]!, id, copies);
    this.#sizes[top]! += copies;
    return root;
  }

  /** Hangs the rows of the tree below `id`: smaller ones to its left, larger ones to its right. */
  #split(root: number, id: number): void {
    if (root === 0) {
      this.#left[id] = this.#right[id] = 0;
      return;
    }
    const top = root - 1;
    const isSmaller = this.compare(top, id) < 0;
    const inner = isSmaller ? this.#right : this.#left;
    const own =
      this.#sizes[top]! - this.#sizeOf(this.#left[top]!) - this.#sizeOf(this.#right[top]!);
    this.#split(inner[top]!, id);
    const half = isSmaller ? this.#left : this.#right;
    inner[top] = half[id]!;
    half[id] = root;
    this.#sizes[top] = own + this.#sizeOf(this.#left[top]!) + this.#sizeOf(this.#right[top]!);
  }

  #remove(root: number, id: number, copies: number): number {
    if (root === id + 1) return this.#merge(this.#left[id]!, this.#right[id]!);
    const top = root - 1;
    const side = this.compare(id, top) < 0 ? this.#left : this.#right;
    side[top] = this.#remove(side[top]!, id, copies);
    this.#sizes[top]! -= copies;
    return root;
  }

  #merge(left: number, right: number): number {
    if (left === 0) return right;
    if (right === 0) return left;
    const total = this.#sizes[left - 1]! + this.#sizes[right - 1]!;
    if (priority(left - 1) > priority(right - 1)) {
      this.#right[left - 1] = this.#merge(this.#right[left - 1]!, right);
      this.#sizes[left - 1] = total;
      return left;
    }
    this.#left[right - 1] = this.#merge(left, this.#left[right - 1]!);
    this.#sizes[right - 1] = total;
    return right;
  }

  #reserve(count: number): void {
    const capacity = Math.max(count, 2 * this.#left.length, 1024);
    this.#left = grown(this.#left, capacity, Int32Array);
    this.#right = grown(this.#right, capacity, Int32Array);
    this.#sizes = grown(this.#sizes, capacity, Float64Array);
  }
}

/** MurmurHash3's finisher (public domain), a bijection: no two ids have one priority. */
function priority(id: number): number {
  let h = id | 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
