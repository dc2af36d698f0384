import { Arrangement } from '../../engine/dataflow/arrangement.ts';
import { buildDataflow, type Dataflow } from '../../engine/dataflow/build.ts';
import type { RowError } from '../../engine/dataflow/linear.ts';
import type { Operator } from '../../engine/dataflow/operator.ts';
import type { ChunkPiece, StateTable } from '../../engine/dataflow/table.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import type { PlanNode, QueryPlan } from '../../sql/plan/physical.ts';

/** May put something around an operator: to count, or to break it. */
export type Observe = (node: PlanNode, operator: Operator) => Operator;

/** A plan kept current as a view is: its operators, the rows that they add up to, its errors. */
export class DataflowRun {
  readonly #plan: QueryPlan;
  readonly #text: string;
  readonly #observe: Observe;
  #dataflow: Dataflow;
  #rows: Arrangement;
  /** SQLSTATE and row to weight. */
  readonly #errors = new Map<string, number>();
  readonly #pieces = new Map<string, ChunkPiece>();

  constructor(plan: QueryPlan, text: string, observe: Observe) {
    this.#plan = plan;
    this.#text = text;
    this.#observe = observe;
    this.#dataflow = this.#build();
    this.#rows = new Arrangement(plan.root.fields);
    this.step(() => []);
  }

  #build(): Dataflow {
    return buildDataflow(this.#plan.root, {
      mode: 'collect',
      text: this.#text,
      onErrors: (errors) => this.#note(errors),
      observe: this.#observe,
    });
  }

  #note(errors: readonly RowError[]): void {
    for (const { error, weight, row } of errors) {
      const cells = row.map(({ type, value }) => (value === null ? null : toText(type, value)));
      const key = JSON.stringify([error.sqlState, cells]);
      this.#errors.set(key, (this.#errors.get(key) ?? 0) + weight);
    }
  }

  /** What the step changes in the view. */
  step(deltas: (relationId: number) => readonly Batch[]): readonly Batch[] {
    for (const input of this.#dataflow.inputs) input.feed(deltas(input.relationId));
    const changes = this.#dataflow.root.step();
    for (const batch of changes) this.#rows.apply(batch);
    return changes;
  }

  snapshot(): readonly Batch[] {
    return [...this.#rows.snapshot()];
  }

  /** Goes on with new operators and the state that a checkpoint has of the old ones. */
  restart(): void {
    for (const [number, table] of this.#tables().entries()) {
      for (const change of table.checkpoint()) {
        const { chunk, delta, replaced } = change;
        for (let old = 1; old <= replaced; old++) this.#pieces.delete(`${number}/${chunk}/${old}`);
        this.#pieces.set(`${number}/${chunk}/${delta}`, { chunk, delta, bytes: change.encode() });
      }
    }
    this.#dataflow = this.#build();
    this.#rows = new Arrangement(this.#plan.root.fields);
    for (const [number, table] of this.#tables().entries()) {
      const pieces = [...this.#pieces].filter(([key]) => key.startsWith(`${number}/`));
      pieces.sort(([, a], [, b]) => a.chunk - b.chunk || a.delta - b.delta);
      for (const [, piece] of pieces) table.restore(piece);
      table.restored();
    }
    this.#dataflow.constantsGiven.isSet = true;
  }

  #tables(): readonly StateTable[] {
    return [...this.#dataflow.root.stateTables(), ...this.#rows.stateTables()];
  }

  /** The visible columns of the present rows as text. Throws what a negative weight is: a bug. */
  rows(): string[][] {
    const rows: string[][] = [];
    for (const batch of this.#rows.snapshot()) {
      for (let row = 0; row < batch.rowCount; row++) {
        const weight = batch.weights[row]!;
        if (weight < 0) throw new MillraceError('INTERNAL', 'a row has a negative weight');
        const cells = cellsOf(batch, row, this.#plan.visibleColumns);
        for (let n = 0; n < weight; n++) rows.push(cells);
      }
    }
    return rows;
  }

  /** SQLSTATEs of the rows that fail at present. */
  errors(): string[] {
    const present = [...this.#errors].filter(([, weight]) => weight !== 0);
    return present.map(([key]) => (JSON.parse(key) as [string])[0]).sort();
  }
}

export interface ChainedView {
  readonly relation: Relation;
  readonly plan: QueryPlan;
  readonly text: string;
}

/** Views of which each may read those before it; what is asked is asked of the last one. */
export class ViewChain {
  readonly #views: readonly { readonly id: number; readonly run: DataflowRun }[];

  constructor(
    views: readonly (Omit<ChainedView, 'relation'> & { readonly relation?: Relation })[],
    observe: Observe,
  ) {
    const changes = new Map<number, readonly Batch[]>();
    this.#views = views.map(({ relation, plan, text }) => ({
      id: relation?.id ?? 0,
      run: new DataflowRun(plan, text, observe),
    }));
    // Those without an input have their rows before the first step.
    for (const { id, run } of this.#views) {
      run.step((read) => changes.get(read) ?? []);
      changes.set(id, run.snapshot());
    }
  }

  step(deltas: (relationId: number) => readonly Batch[]): void {
    const changes = new Map<number, readonly Batch[]>();
    for (const { id, run } of this.#views) {
      changes.set(
        id,
        run.step((read) => changes.get(read) ?? deltas(read)),
      );
    }
  }

  restart(): void {
    for (const { run } of this.#views) run.restart();
  }

  snapshot(id: number): readonly Batch[] {
    return this.#views.find((view) => view.id === id)!.run.snapshot();
  }

  rows(): string[][] {
    return this.#views.at(-1)!.run.rows();
  }

  errors(): string[] {
    return this.#views.at(-1)!.run.errors();
  }
}

export function cellsOf(batch: Batch, row: number, width: number): string[] {
  return batch.columns.slice(0, width).map((column) => {
    const value = valueAt(column, row);
    return value === null ? 'NULL' : toText(column.type, value);
  });
}
