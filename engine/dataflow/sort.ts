import type { Batch } from '../../sql/columns/batch.ts';
import { concatenated, gather, gatherBatch, sliceBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { type OrderPart, orderParts } from './ordering.ts';

/**
 * ORDER BY, OFFSET and LIMIT over the final rows of a query; rows of weight n come n times. Ties
 * are broken by the whole row, so that equal data always comes in the same order.
 */
export function orderedRows(
  plan: Pick<QueryPlan, 'orderBy' | 'limit' | 'offset' | 'visibleColumns'>,
  batches: readonly Batch[],
): Batch | undefined {
  if (batches.length === 0) return undefined;
  const all = repeated(concatenated(batches));
  const from = Math.min(plan.offset ?? 0, all.rowCount);
  const count = Math.min(plan.limit ?? Infinity, all.rowCount - from);
  const rows = Int32Array.from({ length: all.rowCount }, (_, row) => row);
  if (plan.orderBy.length > 0) {
    rows.sort(partsOrder(all, orderParts(fieldsOf(all), plan.orderBy, true)));
  }
  const picked = rows.subarray(from, from + count);
  return {
    rowCount: count,
    columns: all.columns
      .slice(0, plan.visibleColumns)
      .map((column) => gather(column, picked, count)),
    weights: new Int32Array(count).fill(1),
  };
}

/** The order of two rows of the batch by all that they are: only equal bytes are equal. */
export function rowOrder(batch: Batch): (a: number, b: number) => number {
  return partsOrder(batch, orderParts(fieldsOf(batch), [], true));
}

function fieldsOf({ columns }: Batch): Field[] {
  return columns.map(({ type }) => ({ name: '', type, nullable: true }));
}

function partsOrder(batch: Batch, parts: readonly OrderPart[]): (a: number, b: number) => number {
  return (a, b) => {
    for (const { column, compare } of parts) {
      const order = compare(batch.columns[column]!, a, batch.columns[column]!, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** Rows of weight n as n rows of weight 1. */
function repeated(batch: Batch): Batch {
  let total = 0;
  let isPlain = true;
  for (let row = 0; row < batch.rowCount; row++) {
    const weight = batch.weights[row]!;
    if (weight !== 1) isPlain = false;
    total += Math.max(0, weight);
  }
  if (isPlain) return batch;
  const rows = new Int32Array(total);
  let at = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    for (let n = batch.weights[row]!; n > 0; n--) rows[at++] = row;
  }
  return { ...gatherBatch(batch, rows, total), weights: new Int32Array(total).fill(1) };
}

/** Parts of at most `rowsMax` rows. */
export function* sliced(batch: Batch, rowsMax: number): Generator<Batch> {
  for (let from = 0; from < batch.rowCount; from += rowsMax) {
    yield sliceBatch(batch, from, Math.min(rowsMax, batch.rowCount - from));
  }
}
