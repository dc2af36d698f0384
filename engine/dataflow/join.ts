import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { compileFilter, type RowFilter } from '../../sql/codegen/compile-filter.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { gather } from '../../sql/columns/gather.ts';
import type { Expr } from '../../sql/plan/expr.ts';
import { columnsOf } from '../../sql/plan/expr-tools.ts';
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
 *
 * `test` is a condition that whoever reads the pairs tests again: pairs for which it is not true,
 * of a join by inequality nearly all, are not even made.
 */
export class JoinOperator implements Operator {
  readonly #left: Side;
  readonly #right: Side;
  readonly #outputs: JoinNode['outputs'];
  readonly #test: RowFilter | undefined;
  /** Output columns that the test reads. */
  readonly #tested: ReadonlySet<number>;
  /** Pairs looked at and kept in this step. */
  #pairs = 0;
  #kept = 0;

  constructor(node: JoinNode, left: Operator, right: Operator, test?: Expr) {
    const { nullSafe } = node;
    this.#left = new Side(left, node.left, node.leftKeys, nullSafe);
    this.#right = new Side(right, node.right, node.rightKeys, nullSafe);
    this.#outputs = node.outputs;
    this.#test = test === undefined ? undefined : compileFilter(test);
    this.#tested = new Set(test === undefined ? [] : columnsOf(test));
  }

  step(): readonly Batch[] {
    const leftDeltas = this.#left.input.step();
    const rightDeltas = this.#right.input.step();
    if (leftDeltas.length === 0 && rightDeltas.length === 0) return noBatches;
    this.#pairs = 0;
    this.#kept = 0;
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
    const { index } = other;
    const { rowCount } = probe.batch;
    const heads = new Int32Array(rowCount);
    index.find(probe.keys, probe.hashes, rowCount, heads);
    for (let row = 0; row < rowCount; row++) {
      if (probe.hasNull(row)) continue;
      for (let id = heads[row]!; id >= 0; id = index.next(id)) {
        if (count === rows.length) {
          if (count === outputRowsMax) {
            this.#emit({ probe, other, probeSide, rows, ids, count }, results);
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
    if (count > 0) this.#emit({ probe, other, probeSide, rows, ids, count }, results);
  }

  #emit(pairs: Pairs, results: Batch[]): void {
    const passing = this.#passing(pairs);
    this.#pairs += pairs.count;
    this.#kept += passing.count;
    if (this.#pairs > limits.stepPairsMax || this.#kept > limits.stepPairsKeptMax) {
      throw tooManyPairs();
    }
    if (passing.count > 0) results.push(this.#output(passing));
  }

  #passing(pairs: Pairs): Pairs {
    if (this.#test === undefined) return pairs;
    const { rows, ids, count } = pairs;
    const columns: Column[] = [];
    for (const index of this.#tested) columns[index] = this.#column(pairs, this.#outputs[index]!);
    const passed = new Int32Array(count);
    // One on which the test fails is left to whoever tests it again, and reports it.
    const failed: number[] = [];
    const batch = { rowCount: count, columns, weights: new Int32Array(count) };
    const passes = this.#test(batch, passed, (row) => failed.push(row));
    const matching = passed.subarray(0, passes);
    const all = failed.length === 0 ? matching : Int32Array.from([...matching, ...failed]);
    return {
      ...pairs,
      rows: all.map((pair) => rows[pair]!),
      ids: all.map((pair) => ids[pair]!),
      count: all.length,
    };
  }

  #column({ probe, other, probeSide, rows, ids, count }: Pairs, output: Output): Column {
    return output.side === probeSide
      ? gather(probe.batch.columns[output.column]!, rows, count)
      : gatherStored(other.table, output.column, ids, count);
  }

  #output(pairs: Pairs): Batch {
    const { probe, other, rows, ids, count } = pairs;
    const weights = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      weights[i] = weightOf(probe.batch.weights[rows[i]!]! * other.table.weight(ids[i]!));
    }
    const columns = this.#outputs.map((output) => this.#column(pairs, output));
    return { rowCount: count, columns, weights };
  }
}

type Output = JoinNode['outputs'][number];

/** Rows of one side's delta, each with a kept row of the other side. */
interface Pairs {
  readonly probe: Probe;
  readonly other: Side;
  readonly probeSide: 'left' | 'right';
  readonly rows: Int32Array;
  readonly ids: Int32Array;
  readonly count: number;
}

export function tooManyPairs(): MillraceError {
  return new MillraceError(
    'RESOURCE_LIMIT',
    `a join has more than ${limits.stepPairsMax} pairs of rows in one step, or ` +
      `${limits.stepPairsKeptMax} that match`,
    { sqlState: '54000', hint: 'Filter before the join, or join by equality.' },
  );
}
