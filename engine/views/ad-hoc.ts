import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { buildDataflow } from '../dataflow/build.ts';
import { orderedRows } from '../dataflow/sort.ts';

/** The present rows of a relation. */
export type Contents = (relationId: number) => AsyncIterable<Batch>;

/**
 * Runs a plan once, over the present contents of its inputs, with the operators that also keep
 * views. Each input's rows go in batch by batch; what comes out adds up to the result.
 */
export async function runOnce(
  plan: QueryPlan,
  contents: Contents,
  text: string,
  isCancelled: () => boolean,
): Promise<readonly Batch[]> {
  const { root, inputs } = buildDataflow(plan.root, { mode: 'fail', text });
  const result = plan.root.appendOnly ? undefined : new Arrangement(plan.root.fields);
  const batches: Batch[] = [];
  const take = (deltas: readonly Batch[]) => {
    if (isCancelled()) throw new MillraceError('CANCELLED', 'the query was cancelled');
    for (const delta of deltas) {
      if (result === undefined) batches.push(delta);
      else result.apply(delta);
    }
  };
  take(root.step());
  for (const input of inputs) {
    for await (const batch of contents(input.relationId)) {
      input.feed([batch]);
      take(root.step());
    }
  }
  const rows = orderedRows(plan, result === undefined ? batches : [...result.snapshot()]);
  return rows === undefined ? [] : [rows];
}
