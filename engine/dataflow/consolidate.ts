import type { Batch } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { Arrangement } from './arrangement.ts';

/**
 * The same Z-set with each row once, retractions before insertions: deltas of one step come in any
 * order, so a row may be taken away before it is given. What is left adds to a valid state at any
 * point.
 */
export function consolidated(fields: readonly Field[], deltas: readonly Batch[]): Batch[] {
  if (deltas.every(({ weights, rowCount }) => allPositive(weights, rowCount))) return [...deltas];
  const sum = new Arrangement(fields);
  for (const delta of deltas) sum.apply(delta);
  const rows = [...sum.snapshot()];
  return [
    ...rows.flatMap((batch) => signed(batch, -1)),
    ...rows.flatMap((batch) => signed(batch, 1)),
  ];
}

function allPositive(weights: Int32Array, rowCount: number): boolean {
  for (let row = 0; row < rowCount; row++) if (weights[row]! < 0) return false;
  return true;
}

function signed(batch: Batch, sign: 1 | -1): Batch[] {
  const rows = new Int32Array(batch.rowCount);
  let count = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    if (sign * batch.weights[row]! > 0) rows[count++] = row;
  }
  return count === 0 ? [] : [gatherBatch(batch, rows, count)];
}
