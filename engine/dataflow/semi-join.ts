import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { SemiJoinNode } from '../../sql/plan/physical.ts';
import { indexed } from './arrangement.ts';
import { gatherStored } from './gather-stored.ts';
import { Probe, Side } from './join-side.ts';
import { noBatches, type Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const mask = limits.chunkRows - 1;

/**
 * Semi join and anti join. With p(k) = 1 when the right input has a row of key k, else 0, and
 * L, R the inputs so far,
 *
 *   d(L semi R) = dL * p_R(k) + (L + dL) * d p(k)
 *
 * and the anti join is L minus that. Only keys whose p changes in the step touch stored left rows.
 * A left row whose key can match nothing never joins: the anti join passes it on unstored.
 */
export class SemiJoinOperator implements Operator {
  readonly #anti: boolean;
  readonly #left: Side;
  readonly #rightInput: Operator;
  readonly #rightKeys: readonly number[];
  readonly #nullSafe: readonly boolean[];
  /** One row per key of the right input; its weight is the number of rows. */
  readonly #counts: RowTable;
  readonly #keys: RowIndex;

  constructor(node: SemiJoinNode, left: Operator, right: Operator) {
    this.#anti = node.anti;
    this.#left = new Side(left, node.left, node.leftKeys, node.nullSafe);
    this.#rightInput = right;
    this.#rightKeys = node.rightKeys;
    this.#nullSafe = node.nullSafe;
    this.#counts = new RowTable(node.rightKeys.map((key) => node.right.fields[key]!));
    this.#keys = new RowIndex(
      this.#counts,
      node.rightKeys.map((_, index) => index),
      'sql',
    );
  }

  step(): readonly Batch[] {
    const leftDeltas = this.#left.input.step();
    const rightDeltas = this.#rightInput.step();
    const results: Batch[] = [];
    for (const delta of leftDeltas) {
      const probe = this.#left.probeOf(delta);
      this.#pass(probe, results);
      this.#left.apply(probe);
    }
    if (rightDeltas.length > 0) this.#turn(this.#count(rightDeltas), results);
    return results.length === 0 ? noBatches : results;
  }

  stateTables(): readonly StateTable[] {
    return [
      ...this.#left.input.stateTables(),
      ...this.#rightInput.stateTables(),
      ...this.#left.stateTables(),
      indexed(this.#counts, this.#keys),
    ];
  }

  /** Left rows that join by what the right side had before this step. */
  #pass(probe: Probe, results: Batch[]): void {
    const { batch, keys, hashes } = probe;
    const rows = new Int32Array(batch.rowCount);
    let count = 0;
    for (let row = 0; row < batch.rowCount; row++) {
      const isPresent = !probe.hasNull(row) && this.#isPresent(keys, row, hashes[row]!);
      if (isPresent !== this.#anti) rows[count++] = row;
    }
    if (count === 0) return;
    results.push(count === batch.rowCount ? batch : gatherBatch(batch, rows, count));
  }

  #isPresent(keys: readonly Column[], row: number, hash: number): boolean {
    const id = this.#keys.first(keys, row, hash);
    return id >= 0 && this.#counts.weight(id) > 0;
  }

  /** Counts right rows; returns the keys that came (+1) or went (-1). */
  #count(deltas: readonly Batch[]): readonly Turn[] {
    const before = new Map<number, { weight: number; hash: number }>();
    for (const delta of deltas) {
      const probe = new Probe(delta, this.#rightKeys, this.#nullSafe);
      const { keys, hashes } = probe;
      const keyRows: Batch = { rowCount: delta.rowCount, columns: keys, weights: delta.weights };
      for (let row = 0; row < delta.rowCount; row++) {
        if (probe.hasNull(row)) continue;
        const hash = hashes[row]!;
        const weight = delta.weights[row]!;
        const id = this.#keys.first(keys, row, hash);
        if (id < 0) {
          const added = this.#counts.insert(keyRows, row, weight);
          this.#keys.add(added, hash, -1);
          before.set(added, { weight: 0, hash });
          continue;
        }
        const old = this.#counts.weight(id);
        if (!before.has(id)) before.set(id, { weight: old, hash });
        this.#counts.setWeight(id, old + weight);
      }
    }
    const turns: Turn[] = [];
    for (const [id, { weight, hash }] of before) {
      const now = this.#counts.weight(id);
      const change = Number(now > 0) - Number(weight > 0);
      if (change !== 0) turns.push({ id, hash, change, isGone: now === 0 });
      else if (now === 0) this.#forget(id);
    }
    return turns;
  }

  #forget(id: number): void {
    this.#keys.remove(id);
    this.#counts.remove(id);
  }

  /** Stored left rows of the keys that turned. */
  #turn(turns: readonly Turn[], results: Batch[]): void {
    const ids: number[] = [];
    const signs: number[] = [];
    for (const { id, hash, change, isGone } of turns) {
      const { columns } = this.#counts.chunk(id);
      const sign = this.#anti ? -change : change;
      let row = this.#left.index.first(columns, id & mask, hash);
      for (; row >= 0; row = this.#left.index.next(row)) {
        ids.push(row);
        signs.push(sign);
      }
      if (isGone) this.#forget(id);
    }
    const { table } = this.#left;
    for (let from = 0; from < ids.length; from += limits.stepRowsMax) {
      const some = Int32Array.from(ids.slice(from, from + limits.stepRowsMax));
      const weights = some.map((id, index) => table.weight(id) * signs[from + index]!);
      const columns = table.fields.map((_, column) =>
        gatherStored(table, column, some, some.length),
      );
      results.push({ rowCount: some.length, columns, weights });
    }
  }
}

interface Turn {
  readonly id: number;
  readonly hash: number;
  readonly change: number;
  /** No rows of the key are left. */
  readonly isGone: boolean;
}
