import { limits } from '../../platform/limits.ts';
import { grown } from '../../sql/columns/builder.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import { indexed } from './arrangement.ts';
import type { ChunkColumn } from './chunk.ts';
import { hashRows } from './hashing.ts';
import { Probe } from './join-side.ts';
import type { Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const mask = limits.chunkRows - 1;

/**
 * One input of an outer join, kept by key: every row with the number of its pairs, which is the
 * sum of its partners' weights. Rows whose key matches nothing are left out.
 *
 * Within a step a row may have weight 0; `settle` ends the step and removes such rows.
 */
export class CountedSide {
  readonly input: Operator;
  readonly table: RowTable;
  readonly index: RowIndex;
  readonly width: number;
  readonly #keys: readonly number[];
  readonly #nullSafe: readonly boolean[];
  /** Finds the row to retract; append-only inputs never ask. */
  readonly #rows: RowIndex | undefined;
  /** By row id: the last step that touched it. */
  #stamps = new Int32Array(1024);
  #step = 1;
  readonly #touched: number[] = [];
  /** Per touched row: its weight before the step if it had no pair then, else 0. */
  readonly #lonely: number[] = [];

  constructor(
    input: Operator,
    { fields, appendOnly }: PlanNode,
    keys: readonly number[],
    nullSafe: readonly boolean[],
  ) {
    // A double counts exactly up to 2^53.
    const pairs: Field = { name: 'pairs', type: { kind: 'double' }, nullable: false };
    this.input = input;
    this.width = fields.length;
    this.table = new RowTable([...fields, pairs]);
    this.index = new RowIndex(this.table, keys, 'sql');
    this.#keys = keys;
    this.#nullSafe = nullSafe;
    const all = fields.map((_, index) => index);
    this.#rows = appendOnly ? undefined : new RowIndex(this.table, all, 'exact');
  }

  probeOf(delta: Probe['batch']): Probe {
    return new Probe(delta, this.#keys, this.#nullSafe);
  }

  /** Adds the rows of a delta; `pairs[row]` are those that they have when they are new. */
  apply(probe: Probe, pairs: Float64Array): void {
    const { batch, keys, hashes } = probe;
    const rowHashes = this.#rows === undefined ? hashes : new Int32Array(batch.rowCount);
    if (this.#rows !== undefined) hashRows(batch.columns, batch.rowCount, rowHashes);
    for (let row = 0; row < batch.rowCount; row++) {
      if (probe.hasNull(row)) continue;
      const weight = batch.weights[row]!;
      const same = this.#rows?.first(batch.columns, row, rowHashes[row]!) ?? -1;
      if (same >= 0) {
        this.#touch(same);
        this.table.setWeight(same, this.table.weight(same) + weight);
        continue;
      }
      const head = this.index.first(keys, row, hashes[row]!);
      const id = this.table.insert(batch, row, weight);
      this.index.add(id, hashes[row]!, head);
      this.#rows?.add(id, rowHashes[row]!, -1);
      this.#pairsIn(this.table.writable(id).columns)[id & mask] = pairs[row]!;
      this.#note(id, 0);
    }
  }

  /** Row `id` gained pairs, or lost them. */
  addPairs(id: number, count: number): void {
    this.#touch(id);
    this.#pairsIn(this.table.writable(id).columns)[id & mask]! += count;
  }

  /** Rows whose weight as a row without a pair changed in this step, and by how much. */
  changes(): { readonly ids: Int32Array; readonly weights: Int32Array } {
    const ids = new Int32Array(this.#touched.length);
    const weights = new Int32Array(this.#touched.length);
    let count = 0;
    for (const [position, id] of this.#touched.entries()) {
      const change = this.#lonelyWeight(id) - this.#lonely[position]!;
      if (change === 0) continue;
      ids[count] = id;
      weights[count++] = change;
    }
    return { ids: ids.subarray(0, count), weights: weights.slice(0, count) };
  }

  /** The step is over. */
  settle(): void {
    for (const id of this.#touched) {
      if (this.table.weight(id) !== 0) continue;
      this.index.remove(id);
      this.#rows?.remove(id);
      this.table.remove(id);
    }
    this.#touched.length = 0;
    this.#lonely.length = 0;
    this.#step++;
  }

  stateTables(): readonly StateTable[] {
    const indexes = this.#rows === undefined ? [this.index] : [this.index, this.#rows];
    return [indexed(this.table, ...indexes)];
  }

  #touch(id: number): void {
    if (id < this.#stamps.length && this.#stamps[id] === this.#step) return;
    this.#note(id, this.#lonelyWeight(id));
  }

  #note(id: number, lonely: number): void {
    if (id >= this.#stamps.length) {
      this.#stamps = grown(this.#stamps, Math.max(id + 1, 2 * this.#stamps.length), Int32Array);
    }
    this.#stamps[id] = this.#step;
    this.#touched.push(id);
    this.#lonely.push(lonely);
  }

  #lonelyWeight(id: number): number {
    const pairs = this.#pairsIn(this.table.chunk(id).columns)[id & mask]!;
    return pairs > 0 ? 0 : this.table.weight(id);
  }

  #pairsIn(columns: readonly ChunkColumn[]): Float64Array {
    return (columns[this.width] as Extract<ChunkColumn, { layout: 'f64' }>).values;
  }
}
