import { Arrangement } from '../../../engine/dataflow/arrangement.ts';
import { buildDataflow, type Dataflow } from '../../../engine/dataflow/build.ts';
import type { ChunkPiece } from '../../../engine/dataflow/table.ts';
import type { Relation } from '../../../sql/analyze/catalog.ts';
import type { Batch } from '../../../sql/columns/batch.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { rowsOf } from '../../../sql/columns/read.ts';
import { toText } from '../../../sql/columns/text.ts';
import type { SqlValue } from '../../../sql/columns/types.ts';
import type { QueryPlan } from '../../../sql/plan/physical.ts';
import { planQuery } from '../../../sql/plan/planner.ts';
import { parseStatement } from '../../../sql/syntax/parser.ts';

/** A row of a relation that comes (weight 1) or goes (-1). */
export interface Change {
  readonly relation: number;
  readonly row: readonly SqlValue[];
  readonly weight: 1 | -1;
}

export function planView(text: string, relations: readonly Relation[]): QueryPlan {
  const catalog = {
    find: (name: string) => relations.find((relation) => relation.name === name),
    names: () => relations.map(({ name }) => name),
  };
  const statement = parseStatement(text);
  if (statement.kind !== 'query') throw new Error(`not a query: ${text}`);
  return planQuery(statement, 'view', { catalog, text });
}

/** A view's dataflow on its own, with the sum of its output; can be checkpointed and restored. */
export class DataflowRun {
  readonly #plan: QueryPlan;
  readonly #relations: readonly Relation[];
  #dataflow!: Dataflow;
  #result!: Arrangement;
  /** What checkpoints wrote so far, by table. */
  readonly #pieces: ChunkPiece[][] = [];
  /** Rows of output with negative weights: retractions. */
  retractions = 0;

  constructor(plan: QueryPlan, relations: readonly Relation[]) {
    this.#plan = plan;
    this.#relations = relations;
    this.#build();
    this.#run();
  }

  /** Applies the changes in one step. */
  step(changes: readonly Change[]): void {
    for (const input of this.#dataflow.inputs) {
      const relation = this.#relations.find(({ id }) => id === input.relationId)!;
      const mine = changes.filter((change) => change.relation === relation.id);
      if (mine.length === 0) continue;
      input.feed([
        batchOf(
          relation.columns,
          mine.map(({ row }) => row),
          mine.map(({ weight }) => weight),
        ),
      ]);
    }
    this.#run();
  }

  checkpoint(): void {
    for (const [index, table] of this.#tables().entries()) {
      const pieces = this.#pieces[index] ?? [];
      for (const change of table.checkpoint()) {
        const { chunk, delta, replaced } = change;
        if (delta === 0) {
          const kept = pieces.filter((piece) => piece.chunk !== chunk || piece.delta > replaced);
          pieces.splice(0, pieces.length, ...kept.filter((piece) => piece.chunk !== chunk));
        }
        pieces.push({ chunk, delta, bytes: change.encode() });
      }
      this.#pieces[index] = pieces;
    }
  }

  /** Goes on from the checkpoint, as after a restart. */
  restore(): void {
    this.#build();
    for (const [index, table] of this.#tables().entries()) {
      for (const piece of this.#pieces[index]!) table.restore(piece);
      table.restored();
    }
    this.#dataflow.constantsGiven.isSet = true;
  }

  /** Rows as text, copies repeated, in no order. */
  rows(): string[] {
    const { fields } = this.#plan.root;
    return [...this.#result.snapshot()].flatMap((batch) =>
      rowsOf(batch).flatMap((row, index) => {
        const weight = batch.weights[index]!;
        if (weight < 0) return [`negative weight ${weight}`];
        // A boolean cast to text is spelt out.
        const text = row.map((value, column) =>
          value === null
            ? 'NULL'
            : typeof value === 'boolean'
              ? String(value)
              : toText(fields[column]!.type, value),
        );
        return Array.from({ length: weight }, () => text.join('|'));
      }),
    );
  }

  #build(): void {
    this.#dataflow = buildDataflow(this.#plan.root, { mode: 'fail' });
    this.#result = new Arrangement(this.#plan.root.fields);
  }

  #tables() {
    return [...this.#dataflow.root.stateTables(), ...this.#result.stateTables()];
  }

  #run(): void {
    for (const batch of this.#dataflow.root.step()) {
      this.retractions += countNegative(batch);
      this.#result.apply(batch);
    }
  }
}

function countNegative({ weights, rowCount }: Batch): number {
  let count = 0;
  for (let row = 0; row < rowCount; row++) if (weights[row]! < 0) count++;
  return count;
}
