import type { Batch } from '../../sql/columns/batch.ts';
import { concatenated, gather, gatherBatch, sliceBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { type OrderPart, orderParts } from './ordering.ts';

/** Rows sorted, merged or gathered without a pause. */
const pieceRows = 8192;

/**
 * ORDER BY, OFFSET and LIMIT over the final rows of a query; rows of weight n come n times. Ties
 * are broken by the whole row, so that equal data always comes in the same order. It pauses where
 * it yields, every few milliseconds.
 */
export function* orderedRows(
  plan: Pick<QueryPlan, 'orderBy' | 'limit' | 'offset' | 'visibleColumns'>,
  batches: readonly Batch[],
): Generator<undefined, readonly Batch[]> {
  if (batches.length === 0) return [];
  const all = repeated(concatenated(batches));
  yield;
  const from = Math.min(plan.offset ?? 0, all.rowCount);
  const to = from + Math.min(plan.limit ?? Infinity, all.rowCount - from);
  let rows = Int32Array.from({ length: all.rowCount }, (_, row) => row);
  if (plan.orderBy.length > 0) {
    rows = yield* sorted(rows, partsOrder(all, orderParts(fieldsOf(all), plan.orderBy, true)));
  }
  const visible = all.columns.slice(0, plan.visibleColumns);
  const results: Batch[] = [];
  for (let at = from; at < to; at += pieceRows) {
    const count = Math.min(pieceRows, to - at);
    const picked = rows.subarray(at, at + count);
    const columns = visible.map((column) => gather(column, picked, count));
    results.push({ rowCount: count, columns, weights: new Int32Array(count).fill(1) });
    yield;
  }
  return results;
}

/** A merge sort of the rows, with pauses. */
function* sorted(
  rows: Int32Array<ArrayBuffer>,
  compare: (a: number, b: number) => number,
): Generator<undefined, Int32Array<ArrayBuffer>> {
  const { length } = rows;
  for (let at = 0; at < length; at += pieceRows) {
    rows.subarray(at, at + pieceRows).sort(compare);
    yield;
  }
  let from = rows;
  let into = new Int32Array(length);
  for (let width = pieceRows; width < length; width *= 2) {
    for (let start = 0; start < length; start += 2 * width) {
      const middle = Math.min(start + width, length);
      const end = Math.min(start + 2 * width, length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const isLeft = left < middle && (right === end || compare(from[left]!, from[right]!) <= 0);
        into[at] = from[isLeft ? left++ : right++]!;
        if (at % pieceRows === 0) yield;
      }
    }
    [from, into] = [into, from];
  }
  return from;
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
