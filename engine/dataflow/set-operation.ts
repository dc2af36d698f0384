import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { SetNode } from '../../sql/plan/physical.ts';
import { addToCount, countOf } from './accumulators.ts';
import { indexed } from './arrangement.ts';
import { consolidated } from './consolidate.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { noBatches, type Operator } from './operator.ts';
import { Representatives } from './representatives.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';
import { weightOf } from './weights.ts';

const mask = limits.chunkRows - 1;

/**
 * INTERSECT and EXCEPT. Different rows are kept with their counts; one that occurs l times on the
 * left and r times on the right comes out f(l, r) times (SQL:2016, 7.17):
 *
 * | operation     | f                         |
 * |---------------|---------------------------|
 * | INTERSECT     | 1 if l > 0 and r > 0      |
 * | INTERSECT ALL | min(l, r)                 |
 * | EXCEPT        | 1 if l > 0 and r = 0      |
 * | EXCEPT ALL    | max(l - r, 0)             |
 *
 * A step gives f after minus f before for each row that it touches. NULLs are equal here. Of values
 * that are equal but look different (1.0, 1.00) the least one on the left comes out.
 */
export class SetOperator implements Operator {
  readonly #inputs: readonly [Operator, Operator];
  readonly #node: SetNode;
  readonly #count: (left: number, right: number) => number;
  /** Every different row of either input, then its two counts; of weight 1. */
  readonly #table: RowTable;
  readonly #rows: RowIndex;
  readonly #width: number;
  readonly #representatives: Representatives | undefined;
  /** Rows touched in this step, and how often each came out before it. */
  readonly #touched = new Map<number, number>();

  constructor(node: SetNode, left: Operator, right: Operator) {
    this.#inputs = [left, right];
    this.#node = node;
    this.#count = counting(node);
    this.#width = node.fields.length;
    const counts = ['left', 'right'].map((name): Field => {
      return { name, type: { kind: 'bigint' }, nullable: false };
    });
    this.#table = new RowTable([...node.fields, ...counts]);
    const all = node.fields.map((_, index) => index);
    this.#rows = new RowIndex(this.#table, all, 'sql');
    // The cells may be those of a row on the right: that the left only grows is of no help.
    this.#representatives = Representatives.of(this.#table, all, false);
  }

  step(): readonly Batch[] {
    const [left, right] = this.#inputs;
    const before: Batch[] = [];
    for (const batch of left.step()) {
      const ids = this.#apply(0, batch, before);
      this.#representatives?.update(batch.columns, batch, ids);
    }
    for (const batch of right.step()) this.#apply(1, batch, before);
    if (this.#touched.size === 0) return noBatches;
    const changes = this.#changes(before);
    this.#touched.clear();
    return changes;
  }

  stateTables(): readonly StateTable[] {
    const inputs = this.#inputs.flatMap((input) => input.stateTables());
    const variants = this.#representatives?.stateTables() ?? [];
    return [...inputs, indexed(this.#table, this.#rows), ...variants];
  }

  /** Counts the rows of one side, whose ids it returns; rows that it may change go to `before`. */
  #apply(side: 0 | 1, batch: Batch, before: Batch[]): Int32Array {
    const { rowCount, columns, weights } = batch;
    const hashes = new Int32Array(rowCount);
    hashRows(columns, rowCount, hashes);
    const ids = new Int32Array(rowCount);
    const old: number[] = [];
    for (let row = 0; row < rowCount; row++) {
      const id = this.#idOf(batch, row, hashes[row]!);
      ids[row] = id;
      if (!this.#touched.has(id)) {
        const outputs = this.#outputs(id);
        this.#touched.set(id, outputs);
        if (outputs !== 0) old.push(id);
      }
      const chunk = this.#table.writable(id);
      addToCount(chunk.columns[this.#width + side]!, id & mask, weights[row]!);
    }
    if (this.#representatives !== undefined && old.length > 0) {
      const copies = old.map((id) => -this.#touched.get(id)!);
      before.push(this.#batchOf(Int32Array.from(old), Int32Array.from(copies)));
    }
    return ids;
  }

  /** `before`: the old rows of this step, where the row that is shown may be another one now. */
  #changes(before: readonly Batch[]): readonly Batch[] {
    const representatives = this.#representatives;
    representatives?.settle(this.#touched.keys());
    const ids: number[] = [];
    const weights: number[] = [];
    for (const [id, outputs] of this.#touched) {
      const change = this.#outputs(id) - (representatives === undefined ? outputs : 0);
      if (change === 0) continue;
      ids.push(id);
      weights.push(weightOf(change));
    }
    const after = this.#batchOf(Int32Array.from(ids), Int32Array.from(weights));
    for (const id of this.#touched.keys()) this.#dropEmpty(id);
    if (representatives === undefined) return ids.length === 0 ? noBatches : [after];
    return consolidated(this.#node.fields, [...before, after]);
  }

  #idOf(batch: Batch, row: number, hash: number): number {
    const known = this.#rows.first(batch.columns, row, hash);
    if (known >= 0) return known;
    const id = this.#table.insert(batch, row, 1);
    for (const side of [0, 1]) {
      const column = this.#table.writable(id).columns[this.#width + side]!;
      if (column.layout === 'i64') column.words.fill(0, 2 * (id & mask), 2 * (id & mask) + 2);
    }
    this.#rows.add(id, hash, -1);
    return id;
  }

  #dropEmpty(id: number): void {
    if (this.#of(id, 0) !== 0 || this.#of(id, 1) !== 0) return;
    this.#rows.remove(id);
    this.#table.remove(id);
  }

  #of(id: number, side: 0 | 1): number {
    return Number(countOf(this.#table, this.#width + side, id));
  }

  #outputs(id: number): number {
    return this.#count(this.#of(id, 0), this.#of(id, 1));
  }

  #batchOf(ids: Int32Array, weights: Int32Array): Batch {
    const rowCount = weights.length;
    const columns = Array.from({ length: this.#width }, (_, column) =>
      gatherStored(this.#table, column, ids, rowCount),
    );
    return { rowCount, columns, weights };
  }
}

function counting({ operation, all }: SetNode): (left: number, right: number) => number {
  const clamped = (count: number) => Math.max(0, count);
  if (operation === 'intersect') {
    return all
      ? (left, right) => Math.min(clamped(left), clamped(right))
      : (left, right) => Number(left > 0 && right > 0);
  }
  return all
    ? (left, right) => clamped(clamped(left) - clamped(right))
    : (left, right) => Number(left > 0 && right <= 0);
}
