import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { gather } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { JoinNode } from '../../sql/plan/physical.ts';
import { indexed } from './arrangement.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { noBatches, type Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

/** Output rows of one batch; more become several batches. */
const outputRowsMax = limits.stepRowsMax;

/**
 * Inner equi-join. Bilinear: with L and R the inputs so far and dL, dR their deltas,
 *
 *   d(L join R) = dL join R + (L + dL) join dR
 *
 * Each side is kept in a table indexed by its key columns. Weights multiply. A NULL in the key
 * joins nothing, so such rows are not even kept. Keys compare as SQL's `=`.
 */
export class JoinOperator implements Operator {
  readonly #left: Side;
  readonly #right: Side;
  readonly #outputs: JoinNode['outputs'];

  constructor(node: JoinNode, left: Operator, right: Operator) {
    this.#left = new Side(left, node.left.fields, node.leftKeys, node.left.appendOnly);
    this.#right = new Side(right, node.right.fields, node.rightKeys, node.right.appendOnly);
    this.#outputs = node.outputs;
  }

  step(): readonly Batch[] {
    const leftDeltas = this.#left.input.step();
    const rightDeltas = this.#right.input.step();
    if (leftDeltas.length === 0 && rightDeltas.length === 0) return noBatches;
    const results: Batch[] = [];
    for (const delta of leftDeltas) {
      const probe = this.#left.probeOf(delta);
      this.#match(probe, this.#right, 'left', results);
      this.#left.apply(probe);
    }
    for (const delta of rightDeltas) {
      const probe = this.#right.probeOf(delta);
      this.#match(probe, this.#left, 'right', results);
      this.#right.apply(probe);
    }
    return results;
  }

  stateTables(): readonly StateTable[] {
    const own = [this.#left, this.#right].flatMap((side) => side.stateTables());
    return [...this.#left.input.stateTables(), ...this.#right.input.stateTables(), ...own];
  }

  #match(probe: Probe, other: Side, probeSide: 'left' | 'right', results: Batch[]): void {
    let rows = new Int32Array(1024);
    let ids = new Int32Array(1024);
    let count = 0;
    for (let row = 0; row < probe.batch.rowCount; row++) {
      if (probe.hasNull(row)) continue;
      let id = other.index.first(probe.keys, row, probe.hashes[row]!);
      for (; id >= 0; id = other.index.next(id)) {
        if (count === rows.length) {
          if (count === outputRowsMax) {
            results.push(this.#output(probe, other, probeSide, rows, ids, count));
            count = 0;
          } else {
            rows = grown(rows, 2 * count, Int32Array);
            ids = grown(ids, 2 * count, Int32Array);
          }
        }
        rows[count] = row;
        ids[count++] = id;
      }
    }
    if (count > 0) results.push(this.#output(probe, other, probeSide, rows, ids, count));
  }

  #output(
    probe: Probe,
    other: Side,
    probeSide: 'left' | 'right',
    rows: Int32Array,
    ids: Int32Array,
    count: number,
  ): Batch {
    const weights = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      weights[i] = probe.batch.weights[rows[i]!]! * other.table.weight(ids[i]!);
    }
    const columns = this.#outputs.map(({ side, column }) =>
      side === probeSide
        ? gather(probe.batch.columns[column]!, rows, count)
        : gatherStored(other.table, column, ids, count),
    );
    return { rowCount: count, columns, weights };
  }
}

/** A delta with its keys hashed. */
class Probe {
  readonly batch: Batch;
  readonly keys: readonly Column[];
  readonly hashes: Int32Array;
  readonly #nullable: readonly Uint8Array[];

  constructor(batch: Batch, keys: readonly number[]) {
    this.batch = batch;
    this.keys = keys.map((key) => batch.columns[key]!);
    this.hashes = new Int32Array(batch.rowCount);
    hashRows(this.keys, batch.rowCount, this.hashes);
    this.#nullable = this.keys.flatMap(({ nulls }) => (nulls === undefined ? [] : [nulls]));
  }

  hasNull(row: number): boolean {
    for (const nulls of this.#nullable) if (nulls[row] === 1) return true;
    return false;
  }
}

class Side {
  readonly input: Operator;
  readonly table: RowTable;
  readonly index: RowIndex;
  readonly #keys: readonly number[];
  /** Finds the row to retract; append-only inputs never ask. */
  readonly #rows: RowIndex | undefined;

  constructor(
    input: Operator,
    fields: readonly Field[],
    keys: readonly number[],
    appendOnly: boolean,
  ) {
    this.input = input;
    this.table = new RowTable(fields);
    this.index = new RowIndex(this.table, keys, 'sql');
    this.#keys = keys;
    const all = fields.map((_, index) => index);
    this.#rows = appendOnly ? undefined : new RowIndex(this.table, all, 'exact');
  }

  probeOf(delta: Batch): Probe {
    return new Probe(delta, this.#keys);
  }

  apply(probe: Probe): void {
    const { batch, keys, hashes } = probe;
    const rowHashes = this.#rows === undefined ? hashes : new Int32Array(batch.rowCount);
    if (this.#rows !== undefined) hashRows(batch.columns, batch.rowCount, rowHashes);
    for (let row = 0; row < batch.rowCount; row++) {
      if (probe.hasNull(row)) continue;
      const weight = batch.weights[row]!;
      const same = this.#rows?.first(batch.columns, row, rowHashes[row]!) ?? -1;
      if (same < 0) {
        const id = this.table.insert(batch, row, weight);
        const head = this.index.first(keys, row, hashes[row]!);
        this.index.add(id, hashes[row]!, head);
        this.#rows?.add(id, rowHashes[row]!, -1);
        continue;
      }
      const sum = this.table.weight(same) + weight;
      if (sum !== 0) {
        this.table.setWeight(same, sum);
      } else {
        this.index.remove(same);
        this.#rows?.remove(same);
        this.table.remove(same);
      }
    }
  }

  stateTables(): readonly StateTable[] {
    const indexes = this.#rows === undefined ? [this.index] : [this.index, this.#rows];
    return [indexed(this.table, ...indexes)];
  }
}
