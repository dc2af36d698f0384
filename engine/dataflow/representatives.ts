import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { isLoose } from '../../sql/columns/nested.ts';
import { indexed } from './arrangement.ts';
import { type ChunkColumn, storeCell } from './chunk.ts';
import { cellsEqual, hashRows } from './hashing.ts';
import { OrderedIndex } from './ordered-index.ts';
import { type OrderPart, orderParts } from './ordering.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const mask = limits.chunkRows - 1;
const integer = { kind: 'integer' } as const;

/**
 * Which of several rows that SQL calls equal is shown: 1.0 or 1.00, 1 day or 24 hours, 0 or -0. It
 * must not depend on which came first (DESIGN section 7, Function of the input), so it is the least
 * one present, by the total order of representations (ordering.ts).
 *
 * The owner's table has one row per SQL-equal key. `update` takes the rows of a delta, `settle` puts
 * the least of each key's variants into its owner's cells, which neither moves nor hashes anew. Where
 * rows can go away all variants are kept, with their copies; of an input that only grows the owner's
 * cells are enough, and change at once. Whoever needs the old cells reads them before.
 */
export class Representatives {
  readonly #owner: RowTable;
  /** Columns of the owner that hold the key. */
  readonly #columns: readonly number[];
  readonly #parts: readonly OrderPart[];
  readonly #equal;
  /** Owner's row id, key; the weight is the number of copies. */
  readonly #variants: RowTable | undefined;
  readonly #index: RowIndex | undefined;
  readonly #order: OrderedIndex | undefined;

  /** `undefined` when equal keys of these columns look the same. */
  static of(
    owner: RowTable,
    columns: readonly number[],
    isGrowing: boolean,
  ): Representatives | undefined {
    const hasVariants = columns.some((column) => isLoose(owner.fields[column]!.type));
    return hasVariants ? new Representatives(owner, columns, isGrowing) : undefined;
  }

  private constructor(owner: RowTable, columns: readonly number[], isGrowing: boolean) {
    this.#owner = owner;
    this.#columns = columns;
    const fields = columns.map((column) => owner.fields[column]!);
    this.#parts = orderParts(fields, [], true);
    this.#equal = fields.map(({ type }) => cellsEqual(type, 'exact'));
    if (isGrowing) return;
    const id = { name: 'owner', type: integer, nullable: false };
    this.#variants = new RowTable([id, ...fields]);
    const all = this.#variants.fields.map((_, index) => index);
    this.#index = new RowIndex(this.#variants, all, 'exact');
    this.#order = new OrderedIndex(
      this.#variants,
      this.#parts.map(({ column, compare }) => ({ column: 1 + column, compare })),
    );
  }

  /** `keys`: the key's columns in the delta; `owners`: by row, the owner's row id. */
  update(keys: readonly Column[], { rowCount, weights }: Batch, owners: Int32Array): void {
    if (this.#variants === undefined) {
      for (let row = 0; row < rowCount; row++) this.#lower(owners[row]!, keys, row);
      return;
    }
    const values = owners.subarray(0, rowCount);
    const owner: Column = { layout: 'i32', type: integer, nulls: undefined, values };
    const batch: Batch = { rowCount, weights, columns: [owner, ...keys] };
    const hashes = new Int32Array(rowCount);
    hashRows(batch.columns, rowCount, hashes);
    for (let row = 0; row < rowCount; row++) this.#addCopies(batch, row, hashes[row]!);
  }

  /** The update of these owners is whole. */
  settle(owners: Iterable<number>): void {
    if (this.#variants === undefined) return;
    for (const owner of owners) {
      const least = this.#order!.first(owner);
      if (least < 0) continue;
      const { columns } = this.#variants.chunk(least);
      this.#show(owner, columns.slice(1), least & mask);
    }
  }

  stateTables(): readonly StateTable[] {
    if (this.#variants === undefined) return [];
    const variants = this.#variants;
    const table = indexed(variants, this.#index!);
    return [
      {
        ...table,
        restored: () => {
          table.restored();
          for (const id of variants.ids()) {
            this.#order!.insert(this.#ownerOf(id), id, variants.weight(id));
          }
        },
      },
    ];
  }

  #ownerOf(id: number): number {
    const { values } = this.#variants!.chunk(id).columns[0] as Extract<Column, { layout: 'i32' }>;
    return values[id & mask]!;
  }

  #addCopies(batch: Batch, row: number, hash: number): void {
    const variants = this.#variants!;
    const index = this.#index!;
    const order = this.#order!;
    const copies = batch.weights[row]!;
    const id = index.first(batch.columns, row, hash);
    if (id < 0) {
      const added = variants.insert(batch, row, copies);
      index.add(added, hash, -1);
      order.insert(this.#ownerOf(added), added, copies);
      return;
    }
    const left = variants.weight(id) + copies;
    if (left !== 0) {
      // Only the order counts: how many copies there are is the table's business.
      variants.setWeight(id, left);
      return;
    }
    order.remove(this.#ownerOf(id), id);
    index.remove(id);
    variants.remove(id);
  }

  /** Shows the key of a row if it is less than what is shown. */
  #lower(owner: number, keys: readonly Column[], row: number): void {
    const { columns } = this.#owner.chunk(owner);
    for (const [key, { compare }] of this.#parts.entries()) {
      const order = compare(keys[key]!, row, columns[this.#columns[key]!]!, owner & mask);
      if (order > 0) return;
      if (order < 0) return this.#show(owner, keys, row);
    }
  }

  #show(owner: number, keys: readonly Column[], row: number): void {
    const { columns } = this.#owner.chunk(owner);
    const isShown = this.#columns.every((column, key) =>
      this.#equal[key]!(keys[key]!, row, columns[column]!, owner & mask),
    );
    if (isShown) return;
    const { columns: cells } = this.#owner.writable(owner);
    for (const [key, column] of this.#columns.entries()) {
      storeCell(cells[column] as ChunkColumn, owner & mask, keys[key]!, row);
    }
  }
}
