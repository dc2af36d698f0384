import { limits } from '../../platform/limits.ts';
import { compileFilter, type RowFilter } from '../../sql/codegen/compile-filter.ts';
import { located } from '../../sql/codegen/compile-map.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import { gather } from '../../sql/columns/gather.ts';
import type { SqlType } from '../../sql/columns/types.ts';
import { columnsOf } from '../../sql/plan/expr-tools.ts';
import type { OuterJoinNode } from '../../sql/plan/physical.ts';
import { CountedSide } from './counted-side.ts';
import { gatherStored } from './gather-stored.ts';
import { tooManyPairs } from './join.ts';
import type { Probe } from './join-side.ts';
import { failedRow, type OnErrors } from './linear.ts';
import { noBatches, type Operator } from './operator.ts';
import type { StateTable } from './table.ts';
import { weightOf } from './weights.ts';

/**
 * LEFT and FULL JOIN. With L, R the inputs so far and P = L join R the pairs (bilinear, as in
 * join.ts, then filtered by the residual condition),
 *
 *   L left R = P + u(L, R) x NULLs,   u = the rows of L that have no pair
 *
 * Every row is kept with the number of its pairs, so that a change of R finds the rows of L whose
 * number leaves or reaches 0: they lose or gain their row of NULLs. FULL does the same for R. A row
 * whose key can match nothing has no pair for ever: its row of NULLs passes without being kept.
 */
export class OuterJoinOperator implements Operator {
  readonly #node: OuterJoinNode;
  readonly #left: CountedSide;
  readonly #right: CountedSide;
  readonly #test: RowFilter | undefined;
  readonly #tested: readonly number[];
  readonly #onErrors: OnErrors;
  readonly #text: string | undefined;
  /** Pairs looked at and kept in this step. */
  #pairs = 0;
  #kept = 0;

  constructor(
    node: OuterJoinNode,
    left: Operator,
    right: Operator,
    onErrors: OnErrors,
    text: string | undefined,
  ) {
    const { nullSafe, residual } = node;
    this.#node = node;
    this.#left = new CountedSide(left, node.left, node.leftKeys, nullSafe);
    this.#right = new CountedSide(right, node.right, node.rightKeys, nullSafe);
    this.#test = residual === undefined ? undefined : compileFilter(residual);
    this.#tested = residual === undefined ? [] : [...columnsOf(residual)];
    this.#onErrors = onErrors;
    this.#text = text;
  }

  step(): readonly Batch[] {
    const leftDeltas = this.#left.input.step();
    const rightDeltas = this.#right.input.step();
    if (leftDeltas.length === 0 && rightDeltas.length === 0) return noBatches;
    this.#pairs = 0;
    this.#kept = 0;
    const results: Batch[] = [];
    for (const delta of leftDeltas) this.#take(delta, 'left', results);
    for (const delta of rightDeltas) this.#take(delta, 'right', results);
    this.#lonely('left', results);
    if (this.#node.type === 'full') this.#lonely('right', results);
    this.#left.settle();
    this.#right.settle();
    return results;
  }

  stateTables(): readonly StateTable[] {
    const own = [this.#left, this.#right].flatMap((side) => side.stateTables());
    return [...this.#left.input.stateTables(), ...this.#right.input.stateTables(), ...own];
  }

  #take(delta: Batch, side: 'left' | 'right', results: Batch[]): void {
    const [own, other] = side === 'left' ? [this.#left, this.#right] : [this.#right, this.#left];
    const probe = own.probeOf(delta);
    const pairs = new Float64Array(delta.rowCount);
    const rows: number[] = [];
    const ids: number[] = [];
    const unkeyed: number[] = [];
    const flush = () => {
      this.#match(
        { probe, side, rows: Int32Array.from(rows), ids: Int32Array.from(ids) },
        pairs,
        results,
      );
      rows.length = 0;
      ids.length = 0;
    };
    for (let row = 0; row < delta.rowCount; row++) {
      if (probe.hasNull(row)) {
        unkeyed.push(row);
        continue;
      }
      let id = other.index.first(probe.keys, row, probe.hashes[row]!);
      for (; id >= 0; id = other.index.next(id)) {
        if (other.table.weight(id) === 0) continue;
        rows.push(row);
        if (ids.push(id) === limits.stepRowsMax) flush();
      }
    }
    if (rows.length > 0) flush();
    own.apply(probe, pairs);
    if (unkeyed.length > 0 && (side === 'left' || this.#node.type === 'full')) {
      const some = Int32Array.from(unkeyed);
      const weights = some.map((row) => delta.weights[row]!);
      results.push(
        this.#batch(weights, side, (column) => gather(delta.columns[column]!, some, some.length)),
      );
    }
  }

  /** The pairs that pass the residual condition come out and are counted. */
  #match(candidates: Candidates, pairs: Float64Array, results: Batch[]): void {
    this.#pairs += candidates.rows.length;
    const { probe, side, rows, ids } = this.#passing(candidates);
    const count = rows.length;
    this.#kept += count;
    if (this.#pairs > limits.stepPairsMax || this.#kept > limits.stepPairsKeptMax) {
      throw tooManyPairs();
    }
    if (count === 0) return;
    const other = side === 'left' ? this.#right : this.#left;
    const weights = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const own = probe.batch.weights[rows[i]!]!;
      const theirs = other.table.weight(ids[i]!);
      weights[i] = weightOf(own * theirs);
      pairs[rows[i]!]! += theirs;
      if (side === 'right' || this.#node.type === 'full') other.addPairs(ids[i]!, own);
    }
    const columns = this.#node.outputs.map((output) =>
      output.side === side
        ? gather(probe.batch.columns[output.column]!, rows, count)
        : gatherStored(other.table, output.column, ids, count),
    );
    results.push({ rowCount: count, columns, weights });
  }

  #passing(candidates: Candidates): Candidates {
    const { probe, side, rows, ids } = candidates;
    const test = this.#test;
    if (test === undefined) return candidates;
    const batch = this.#pairBatch(candidates);
    const passed = new Int32Array(batch.rowCount);
    const fields = [...this.#node.left.fields, ...this.#node.right.fields];
    const count = test(batch, passed, (row, error) => {
      const failure = located(error, this.#node.residual!, this.#text);
      this.#onErrors([failedRow(fields, this.#tested, batch, row, failure)]);
    });
    const kept = passed.subarray(0, count);
    return { probe, side, rows: kept.map((i) => rows[i]!), ids: kept.map((i) => ids[i]!) };
  }

  /** The columns that the residual condition reads; the others are left out. */
  #pairBatch({ probe, side, rows, ids }: Candidates): Batch {
    const other = side === 'left' ? this.#right : this.#left;
    const width = this.#left.width;
    const columns: Column[] = [];
    for (const index of this.#tested) {
      const columnSide = index < width ? 'left' : 'right';
      const column = index < width ? index : index - width;
      columns[index] =
        columnSide === side
          ? gather(probe.batch.columns[column]!, rows, rows.length)
          : gatherStored(other.table, column, ids, ids.length);
    }
    const weights = rows.map((row, i) =>
      weightOf(probe.batch.weights[row]! * other.table.weight(ids[i]!)),
    );
    return { rowCount: rows.length, columns, weights };
  }

  /** Rows of NULLs for kept rows whose last pair went or whose first one came. */
  #lonely(side: 'left' | 'right', results: Batch[]): void {
    const own = side === 'left' ? this.#left : this.#right;
    const { ids, weights } = own.changes();
    if (ids.length === 0) return;
    results.push(
      this.#batch(weights, side, (column) => gatherStored(own.table, column, ids, ids.length)),
    );
  }

  /** Rows of one side with NULLs for the other. */
  #batch(weights: Int32Array, side: 'left' | 'right', own: (column: number) => Column): Batch {
    const rowCount = weights.length;
    const columns = this.#node.outputs.map((output, index) =>
      output.side === side
        ? own(output.column)
        : nullColumn(this.#node.fields[index]!.type, rowCount),
    );
    return { rowCount, columns, weights };
  }
}

/** Rows of one side's delta, each with a kept row of the other side. */
interface Candidates {
  readonly probe: Probe;
  readonly side: 'left' | 'right';
  readonly rows: Int32Array;
  readonly ids: Int32Array;
}

function nullColumn(type: SqlType, rowCount: number): Column {
  const builder = new ColumnBuilder(type);
  for (let row = 0; row < rowCount; row++) builder.push(null);
  return builder.finish();
}
