import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { gather } from '../../sql/columns/gather.ts';
import type { JoinNode } from '../../sql/plan/physical.ts';
import { gatherStored } from './gather-stored.ts';
import { type Probe, Side } from './join-side.ts';
import { noBatches, type Operator } from './operator.ts';
import type { StateTable } from './table.ts';
import { weightOf } from './weights.ts';

/** Output rows of one batch; more become several batches. */
const outputRowsMax = limits.stepRowsMax;

/**
 * Inner equi-join. Bilinear: with L and R the inputs so far and dL, dR their deltas,
 *
 *   d(L join R) = dL join R + (L + dL) join dR
 *
 * Each side is kept in a table indexed by its key columns. Weights multiply. A NULL in the key
 * joins nothing, so such rows are not even kept; in a null-safe key NULL equals NULL. Keys compare
 * as SQL's `=` else.
 */
export class JoinOperator implements Operator {
  readonly #left: Side;
  readonly #right: Side;
  readonly #outputs: JoinNode['outputs'];

  constructor(node: JoinNode, left: Operator, right: Operator) {
    const { nullSafe } = node;
    this.#left = new Side(left, node.left, node.leftKeys, nullSafe);
    this.#right = new Side(right, node.right, node.rightKeys, nullSafe);
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
      weights[i] = weightOf(probe.batch.weights[rows[i]!]! * other.table.weight(ids[i]!));
    }
    const columns = this.#outputs.map(({ side, column }) =>
      side === probeSide
        ? gather(probe.batch.columns[column]!, rows, count)
        : gatherStored(other.table, column, ids, count),
    );
    return { rowCount: count, columns, weights };
  }
}
