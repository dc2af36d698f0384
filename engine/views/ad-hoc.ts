import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { buildDataflow } from '../dataflow/build.ts';
import { orderedRows } from '../dataflow/sort.ts';
import type { RelationReader } from './relation-reader.ts';
import { Slices } from './slices.ts';

/** What a query needs of the engine. */
export interface RunOptions {
  readonly reader: RelationReader;
  readonly clock: Clock;
  /** The statement, so that run-time errors can point. */
  readonly text: string;
  readonly isCancelled?: () => boolean;
}

/**
 * Runs a plan once, over the contents of its inputs at one frontier, with the operators that also
 * keep views. Each input's rows go in batch by batch; what comes out adds up to the result. Steps
 * go on between slices. Throws CANCELLED, and SQL_RUNTIME of the first row that fails.
 */
export async function runOnce(
  plan: QueryPlan,
  { reader, clock, text, isCancelled }: RunOptions,
): Promise<readonly Batch[]> {
  const { root, inputs } = buildDataflow(plan.root, { mode: 'fail', text });
  const result = plan.root.appendOnly ? undefined : new Arrangement(plan.root.fields);
  const batches: Batch[] = [];
  const slices = new Slices(clock);
  const take = (deltas: readonly Batch[]) => {
    if (isCancelled?.() === true) throw new MillraceError('CANCELLED', 'the query was cancelled');
    for (const delta of deltas) {
      if (result === undefined) batches.push(delta);
      else result.apply(delta);
    }
  };
  const contents = reader.pinned(inputs.map(({ relationId }) => relationId));
  take(root.step());
  for (const input of inputs) {
    for await (const batch of contents(input.relationId)) {
      input.feed([batch]);
      take(root.step());
      if (slices.isOver) await slices.next();
    }
  }
  const rows = orderedRows(plan, result === undefined ? batches : [...result.snapshot()]);
  return rows === undefined ? [] : [rows];
}
