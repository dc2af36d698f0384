import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { mapInputs } from '../../sql/plan/nodes.ts';
import type { PlanNode, QueryPlan } from '../../sql/plan/physical.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { buildDataflow, type DataflowOptions } from '../dataflow/build.ts';
import { orderedRows } from '../dataflow/sort.ts';
import { OpenErrors } from './open-errors.ts';
import { cancelled, QueryBudget } from './query-budget.ts';
import type { RelationReader } from './relation-reader.ts';
import { Slices } from './slices.ts';

/** What a query needs of the engine. */
export interface RunOptions {
  readonly reader: Pick<RelationReader, 'pinned'>;
  readonly clock: Clock;
  /** The statement, so that run-time errors can point. */
  readonly text: string;
  readonly isCancelled?: () => boolean;
  /** As in DataflowOptions. */
  readonly observe?: DataflowOptions['observe'];
  readonly budget?: QueryBudget;
}

/**
 * Runs a plan once, over the contents of its inputs at one frontier, with the operators that also
 * keep views. Each input's rows go in batch by batch, and recursions go iteration by iteration; what
 * comes out adds up to the result, of which LIMIT without ORDER BY reads no more than it needs. Steps go on between slices. Throws CANCELLED, RESOURCE_LIMIT, and SQL_RUNTIME of the first row that
 * fails.
 */
export async function runOnce(
  plan: QueryPlan,
  { reader, clock, text, isCancelled, observe, budget = new QueryBudget(clock) }: RunOptions,
): Promise<readonly Batch[]> {
  const errors = new OpenErrors();
  const { appendOnly } = plan.root;
  const isGrowing = appendOnly || (plan.limit !== undefined && onlyGrows(plan.root));
  const { root, inputs, loading, pace } = buildDataflow(plan.root, {
    mode: 'fail',
    onErrors: (some) => errors.add(some),
    text,
    ...(observe === undefined ? {} : { observe }),
  });
  const result = isGrowing ? undefined : new Arrangement(plan.root.fields);
  const batches: Batch[] = [];
  const slices = new Slices(clock);
  let held = 0;
  const take = (deltas: readonly Batch[]) => {
    if (isCancelled?.() === true) throw cancelled();
    for (const delta of deltas) {
      if (result === undefined) batches.push(delta);
      else result.apply(delta);
      held = result?.rowCount ?? held + delta.rowCount;
      if (held > limits.queryRowsMax) throw tooManyRows();
    }
  };
  /** Any rows will do, none of these goes again, and none has failed. */
  const isEnough = () => {
    const { orderBy, limit, offset = 0 } = plan;
    const isAny = isGrowing && orderBy.length === 0 && limit !== undefined;
    return isAny && held >= limit + offset && errors.isEmpty;
  };
  /** What went in, through the iterations of every recursion, or until the rows are enough. */
  const step = async () => {
    for (;;) {
      take(root.step());
      if (pace.running === 0 || isEnough()) return;
      budget.check(root);
      if (slices.isOver) await slices.next();
    }
  };
  pace.isSet = true;
  const relationIds = [...new Set(inputs.map(({ relationId }) => relationId))];
  const contents = reader.pinned(relationIds, plan.root);
  loading.isSet = true;
  await step();
  for (const id of relationIds) {
    if (isEnough()) break;
    const readers = inputs.filter(({ relationId }) => relationId === id);
    for await (const portion of slices.portions(contents(id))) {
      for (const input of readers) input.feed([portion]);
      await step();
      budget.check(root);
      if (isEnough()) break;
    }
  }
  loading.isSet = false;
  // A recursion that has been left is not taken up again.
  if (pace.running === 0) await step();
  errors.throwAny();
  const rows = result === undefined ? batches : [...result.snapshot()];
  if (copiesOf(rows) > limits.queryRowsMax) throw tooManyRows();
  const ending = orderedRows(plan, rows);
  for (;;) {
    const { done, value } = ending.next();
    if (done === true) return value;
    if (isCancelled?.() === true) throw cancelled();
    budget.check(root);
    if (slices.isOver) await slices.next();
  }
}

/**
 * No row of the result goes again while rows of the inputs come: as `appendOnly`, which views need
 * and which is false for every recursion, says of all else. UNION may move a row to an earlier
 * iteration when its inputs come in portions.
 */
function onlyGrows(node: PlanNode): boolean {
  switch (node.kind) {
    case 'recursive':
      return (node.all || !readsRelation(node)) && onlyGrows(node.base) && onlyGrows(node.step);
    case 'iteration':
      return true;
    case 'map':
    case 'flat':
    case 'expand':
    case 'join':
    case 'union':
      return inputsOf(node).every(onlyGrows);
    default:
      return node.appendOnly;
  }
}

function readsRelation(node: PlanNode): boolean {
  return node.kind === 'input' || inputsOf(node).some(readsRelation);
}

function inputsOf(node: PlanNode): PlanNode[] {
  const inputs: PlanNode[] = [];
  mapInputs(node, (input) => {
    inputs.push(input);
    return input;
  });
  return inputs;
}

function copiesOf(batches: readonly Batch[]): number {
  let copies = 0;
  for (const { weights, rowCount } of batches) {
    for (let row = 0; row < rowCount; row++) copies += Math.max(0, weights[row]!);
  }
  return copies;
}

function tooManyRows(): MillraceError {
  return new MillraceError(
    'RESOURCE_LIMIT',
    `the query's result has more than ${limits.queryRowsMax} rows`,
    { sqlState: '54000', hint: 'Filter or aggregate; a materialized view holds more.' },
  );
}
