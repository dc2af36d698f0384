import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { PlanNode, RecursiveNode } from '../../sql/plan/physical.ts';
import { Arrangement } from './arrangement.ts';
import type { OnErrors } from './linear.ts';
import { sizeOf } from './meter.ts';
import { noBatches, type Operator, type Pace } from './operator.ts';
import { RecursionLevels } from './recursion-levels.ts';
import type { StateSize, StateTable } from './table.ts';

/** One input of the recursion: its operator, its rows so far. */
interface Input {
  readonly operator: Operator;
  readonly rows: Arrangement;
}

/** The step's dataflow for one iteration. `feed(0)` takes rows of the iteration before. */
export interface Iteration {
  readonly root: Operator;
  feed(port: number, batches: readonly Batch[]): void;
}

export interface RecursionParts {
  readonly base: Operator;
  /** Plans in the step that do not depend on the iteration, ports 1 and on. */
  readonly inputs: readonly { readonly plan: PlanNode; readonly operator: Operator }[];
  newIteration(onErrors: OnErrors): Iteration;
}

/**
 * WITH RECURSIVE, kept by nested iteration (DBSP, section 6: a circuit in a circuit, its inner
 * clock the iteration). With W(0) the base and Q the step over the inputs E,
 *
 *   W(n+1) = Q(W(n), E)            UNION ALL; the result is the sum of all W
 *   W(n+1) = Q(W(n), E) - earlier  UNION: a row is in the first iteration that derives it
 *
 * Each iteration n has its own dataflow of Q with its own state, so a step takes only changes
 * through it: dW(n+1) = dQ_n(dW(n), dE). Deletion needs nothing more, since an iteration rests on
 * the one before it and never on itself. Iterations are made as rows reach them.
 *
 * A checkpoint keeps the rows of the inputs alone; a restart runs the iterations over them anew.
 */
export class RecursiveOperator implements Operator {
  readonly #all: boolean;
  readonly #base: Input;
  readonly #inputs: readonly Input[];
  readonly #parts: RecursionParts;
  readonly #onErrors: OnErrors;
  readonly #levels: RecursionLevels;
  readonly #pace: Pace;
  /** What the inputs gave while iterations were under way. */
  readonly #waiting: { base: readonly Batch[]; deltas: readonly (readonly Batch[])[] }[] = [];
  #running: Generator<readonly Batch[]> | undefined;
  readonly #iterations: Iteration[] = [];
  /** Rows of each iteration, by weight. */
  readonly #sizes: number[] = [];
  /** Rows of the iterations so far in this run. */
  #total = 0;
  #isRestoring = false;

  constructor(node: RecursiveNode, parts: RecursionParts, onErrors: OnErrors, pace: Pace) {
    this.#pace = pace;
    this.#all = node.all;
    this.#parts = parts;
    this.#base = { operator: parts.base, rows: new Arrangement(node.base.fields) };
    this.#inputs = parts.inputs.map(({ plan, operator }) => {
      return { operator, rows: new Arrangement(plan.fields) };
    });
    this.#levels = new RecursionLevels(node.fields);
    this.#onErrors = (errors) => {
      if (!this.#isRestoring) onErrors(errors);
    };
  }

  step(): readonly Batch[] {
    // The inputs are asked in every step; what they have waits for the iterations under way.
    const base = this.#base.operator.step();
    const deltas = this.#inputs.map(({ operator }) => operator.step());
    const isQuiet = base.length === 0 && deltas.every((delta) => delta.length === 0);
    if (!isQuiet) this.#waiting.push({ base, deltas });
    const results: Batch[] = [];
    while (!this.#pace.isSet || results.length === 0) {
      this.#running ??= this.#begun();
      if (this.#running === undefined) break;
      const { done, value } = this.#running.next();
      if (done !== true) {
        results.push(...value);
        continue;
      }
      this.#running = undefined;
      this.#pace.running--;
    }
    return results.length === 0 ? noBatches : results;
  }

  /** Takes the next input to the iterations. */
  #begun(): Generator<readonly Batch[]> | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    const { base, deltas } = next;
    for (const batch of base) this.#base.rows.apply(batch);
    for (const [index, delta] of deltas.entries()) {
      for (const batch of delta) this.#inputs[index]!.rows.apply(batch);
    }
    this.#pace.running++;
    return this.#run(base, deltas);
  }

  stateTables(): readonly StateTable[] {
    const all = [this.#base, ...this.#inputs];
    const own = all.flatMap(({ rows }) => rows.stateTables());
    const last = own.pop()!;
    const sizes = () => this.#sizeWith(last.size);
    return [
      ...all.flatMap(({ operator }) => operator.stateTables()),
      ...own,
      {
        get size() {
          return sizes();
        },
        checkpoint: () => last.checkpoint(),
        restore: (piece) => last.restore(piece),
        restored: () => {
          last.restored();
          this.#rebuild();
        },
      },
    ];
  }

  /** With the state of every iteration, which no checkpoint keeps. */
  #sizeWith(inputs: StateSize = { rows: 0, bytes: 0 }): StateSize {
    const parts = [inputs, this.#levels.size, ...this.#iterations.map(({ root }) => sizeOf(root))];
    return {
      rows: parts.reduce((sum, { rows }) => sum + rows, 0),
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  #rebuild(): void {
    this.#isRestoring = true;
    for (const _ of this.#run([...this.#base.rows.snapshot()], []));
    this.#isRestoring = false;
  }

  /** Takes changes of the base and the inputs through every iteration that they reach. */
  *#run(
    base: readonly Batch[],
    deltas: readonly (readonly Batch[])[],
  ): Generator<readonly Batch[]> {
    const isInputChanged = deltas.some((delta) => delta.length > 0);
    /** Changes of iterations that are still to come. */
    const pending = new Map<number, Batch[]>();
    let derived = base;
    for (let level = 0; ; level++) {
      const changes = this.#changes(level, derived, pending);
      for (const batch of changes) {
        this.#sizes[level] = (this.#sizes[level] ?? 0) + weightOf(batch);
      }
      yield changes;
      const isKnown = level < this.#iterations.length;
      const isDone = changes.length === 0 && !(isKnown && isInputChanged) && pending.size === 0;
      if (isDone) break;
      this.#checkSize(level);
      if (!isKnown) this.#iterations.push(this.#newIteration());
      else {
        for (const [index, delta] of deltas.entries())
          this.#iterations[level]!.feed(index + 1, delta);
      }
      const iteration = this.#iterations[level]!;
      iteration.feed(0, changes);
      derived = iteration.root.step();
    }
    this.#trim();
  }

  /** Iterations beyond the last row have no rows to derive from. */
  #trim(): void {
    while (this.#iterations.length > 0 && (this.#sizes[this.#iterations.length - 1] ?? 0) === 0) {
      this.#iterations.pop();
    }
    this.#sizes.length = Math.min(this.#sizes.length, this.#iterations.length + 1);
  }

  /** How the rows of one iteration change, given the change of what it derives. */
  #changes(
    level: number,
    derived: readonly Batch[],
    pending: Map<number, Batch[]>,
  ): readonly Batch[] {
    if (this.#all) return derived;
    const own = pending.get(level) ?? [];
    pending.delete(level);
    for (const delta of derived) {
      this.#levels.apply(level, delta, (at, rows) => {
        if (at === level) own.push(rows);
        else pending.set(at, [...(pending.get(at) ?? []), rows]);
      });
    }
    return own;
  }

  /** A new iteration has all rows of the inputs to begin with. */
  #newIteration(): Iteration {
    const iteration = this.#parts.newIteration(this.#onErrors);
    for (const [index, { rows }] of this.#inputs.entries()) {
      iteration.feed(index + 1, [...rows.snapshot()]);
    }
    return iteration;
  }

  /** Throws RESOURCE_LIMIT: what a recursion without end has so far is no result. */
  #checkSize(level: number): void {
    const rows = this.#sizes[level] ?? 0;
    this.#total = level === 0 ? rows : this.#total + rows;
    const { recursionLevelsMax, recursionRowsMax } = limits;
    if (level < recursionLevelsMax && this.#total <= recursionRowsMax) return;
    throw new MillraceError(
      'RESOURCE_LIMIT',
      `WITH RECURSIVE has more than ${recursionLevelsMax} iterations or ${recursionRowsMax} rows`,
      { sqlState: '54000', hint: 'Its condition must become false at some time.' },
    );
  }
}

function weightOf({ weights, rowCount }: Batch): number {
  let sum = 0;
  for (let row = 0; row < rowCount; row++) sum += weights[row]!;
  return sum;
}
