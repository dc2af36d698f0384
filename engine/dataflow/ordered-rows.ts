import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { SortKey } from '../../sql/plan/physical.ts';
import { indexed } from './arrangement.ts';
import { Groups } from './groups.ts';
import { hashRows } from './hashing.ts';
import { OrderedIndex } from './ordered-index.ts';
import { orderParts } from './ordering.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

interface Options {
  /** Of the rows. */
  readonly fields: readonly Field[];
  /** Columns of the table behind those of the rows. */
  readonly extra?: readonly Field[];
  readonly partitionBy: readonly number[];
  readonly orderBy: readonly SortKey[];
}

/**
 * The rows of a windowed or bounded query as state: each partition's rows in order, ties broken by
 * the whole row. The table is what a checkpoint keeps; groups and order are derived.
 */
export class OrderedRows {
  readonly table: RowTable;
  readonly order: OrderedIndex;
  readonly #rows: RowIndex;
  readonly #groups: Groups;
  /** Group by row id. */
  #groupOf = new Int32Array(1024);
  readonly #width: number;

  constructor({ fields, extra = [], partitionBy, orderBy }: Options) {
    this.#width = fields.length;
    this.table = new RowTable([...fields, ...extra]);
    const all = fields.map((_, index) => index);
    this.#rows = new RowIndex(this.table, all, 'exact');
    this.order = new OrderedIndex(this.table, orderParts(fields, orderBy, true));
    this.#groups = new Groups(fields, partitionBy);
  }

  groupOf(id: number): number {
    return this.#groupOf[id]!;
  }

  /** What the methods below need to know of a batch, each row of which is then to be released. */
  prepare(batch: Batch): Prepared {
    const hashes = new Int32Array(batch.rowCount);
    hashRows(batch.columns, batch.rowCount, hashes);
    return { batch, hashes, groups: this.#groups.add(batch) };
  }

  /** The newest row that equals row `row` of the batch, or -1. */
  find({ batch, hashes }: Prepared, row: number): number {
    return this.#rows.first(batch.columns, row, hashes[row]!);
  }

  /** Adds a row; `head` is what `find` said. */
  insert({ batch, hashes, groups }: Prepared, row: number, copies: number, head: number): number {
    const id = this.table.insert(batch, row, copies);
    this.#rows.add(id, hashes[row]!, head);
    this.#enter(id, groups[row]!);
    return id;
  }

  /** Nothing more will be asked about row `row` of the batch. */
  release({ groups }: Prepared, row: number): void {
    this.#groups.release(groups[row]!);
  }

  /** Row `row` of the batch as one row with a number of copies; without copies it goes. */
  addCopies(prepared: Prepared, row: number, copies: number): void {
    const id = this.find(prepared, row);
    if (id < 0) {
      this.insert(prepared, row, copies, id);
      return;
    }
    const left = this.table.weight(id) + copies;
    if (left === 0) {
      this.remove(id);
    } else {
      this.table.setWeight(id, left);
      this.order.addCopies(this.groupOf(id), id, copies);
    }
  }

  remove(id: number): void {
    const group = this.groupOf(id);
    this.order.remove(group, id);
    this.#rows.remove(id);
    this.table.remove(id);
    this.#groups.release(group);
  }

  /** For a checkpoint; `restored` is called when everything is there again. */
  stateTable(restored: () => void): StateTable {
    const table = indexed(this.table, this.#rows);
    return {
      ...table,
      restored: () => {
        table.restored();
        this.#rebuild();
        restored();
      },
    };
  }

  #enter(id: number, group: number): void {
    if (id >= this.#groupOf.length) {
      this.#groupOf = grown(this.#groupOf, Math.max(id + 1, 2 * this.#groupOf.length), Int32Array);
    }
    this.#groupOf[id] = group;
    this.#groups.retain(group);
    this.order.insert(group, id, this.table.weight(id));
  }

  #rebuild(): void {
    let chunkStart = -1;
    let groups: Int32Array = new Int32Array(0);
    for (const id of this.table.ids()) {
      const start = id - (id % limits.chunkRows);
      if (start !== chunkStart) {
        for (const group of groups) this.#groups.release(group);
        chunkStart = start;
        groups = this.#groupsOfChunk(start);
      }
      this.#enter(id, groups[id - start]!);
    }
    for (const group of groups) this.#groups.release(group);
  }

  /** Groups of the rows of a chunk, in use or not. */
  #groupsOfChunk(start: number): Int32Array {
    const { columns, used, weights } = this.table.chunk(start);
    const rows: readonly Column[] = columns.slice(0, this.#width);
    return this.#groups.add({ rowCount: used, columns: rows, weights });
  }
}

export interface Prepared {
  readonly batch: Batch;
  readonly hashes: Int32Array;
  readonly groups: Int32Array;
}
