import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { SetNode } from '../../sql/plan/physical.ts';
import { addToCount, countOf } from './accumulators.ts';
import { indexed } from './arrangement.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { noBatches, type Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

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
 * A step gives f after minus f before for each row that it touches. NULLs are equal here. Values
 * that are equal but look different (1.0, 1.00) come out as the one that came first.
 */
export class SetOperator implements Operator {
  readonly #inputs: readonly [Operator, Operator];
  readonly #count: (left: number, right: number) => number;
  /** Every different row of either input, then its two counts; of weight 1. */
  readonly #table: RowTable;
  readonly #rows: RowIndex;
  readonly #width: number;

  constructor(node: SetNode, left: Operator, right: Operator) {
    this.#inputs = [left, right];
    this.#count = counting(node);
    this.#width = node.fields.length;
    const counts = ['left', 'right'].map((name): Field => {
      return { name, type: { kind: 'bigint' }, nullable: false };
    });
    this.#table = new RowTable([...node.fields, ...counts]);
    this.#rows = new RowIndex(
      this.#table,
      node.fields.map((_, index) => index),
      'sql',
    );
  }

  step(): readonly Batch[] {
    const [left, right] = this.#inputs;
    const results = [
      ...left.step().flatMap((batch) => this.#apply(0, batch)),
      ...right.step().flatMap((batch) => this.#apply(1, batch)),
    ];
    return results.length === 0 ? noBatches : results;
  }

  stateTables(): readonly StateTable[] {
    const inputs = this.#inputs.flatMap((input) => input.stateTables());
    return [...inputs, indexed(this.#table, this.#rows)];
  }

  /** One row after the other: each sees the counts that those before it left. */
  #apply(side: 0 | 1, batch: Batch): Batch[] {
    const { rowCount, columns } = batch;
    const hashes = new Int32Array(rowCount);
    hashRows(columns, rowCount, hashes);
    const ids = new Int32Array(rowCount);
    const weights = new Int32Array(rowCount);
    const empty: number[] = [];
    let count = 0;
    for (let row = 0; row < rowCount; row++) {
      const id = this.#idOf(batch, row, hashes[row]!);
      const before = this.#outputs(id);
      const chunk = this.#table.writable(id);
      addToCount(chunk.columns[this.#width + side]!, id & mask, batch.weights[row]!);
      const change = this.#outputs(id) - before;
      if (this.#of(id, 0) === 0 && this.#of(id, 1) === 0) empty.push(id);
      if (change === 0) continue;
      ids[count] = id;
      weights[count++] = change;
    }
    const results = count === 0 ? [] : [this.#batchOf(ids, weights.slice(0, count))];
    for (const id of empty) this.#dropEmpty(id);
    return results;
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

  /** A row that is empty twice in a step was listed twice. */
  #dropEmpty(id: number): void {
    if (this.#table.weight(id) === 0 || this.#of(id, 0) !== 0 || this.#of(id, 1) !== 0) return;
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
