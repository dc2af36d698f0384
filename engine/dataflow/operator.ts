import type { Batch } from '../../sql/columns/batch.ts';
import type { StateTable } from './table.ts';

/**
 * One node of a running plan: maps the deltas of its inputs to its own delta (DESIGN section 7).
 *
 * Contract
 * - `step` takes what the inputs have for this step and returns this operator's change; each step
 *   calls it once. The accumulated output depends only on the accumulated input.
 * - Returned batches are never changed later.
 * - While `Loading` is set an operator may keep its change to itself, and give it with the next
 *   step's after.
 */
export interface Operator {
  step(): readonly Batch[];
  /** State that a checkpoint keeps, own and inputs', in an order that never changes. */
  stateTables(): readonly StateTable[];
}

export const noBatches: readonly Batch[] = [];

/** Set while more input of the same step is to come: whole relations go in portion by portion. */
export interface Loading {
  isSet: boolean;
}

/**
 * How recursions give their rows. While `isSet` a step takes each of them through the iterations up
 * to the next one that has rows, and `running` counts those that have more to come: then the owner
 * takes further steps before anything else goes in.
 */
export interface Pace {
  isSet: boolean;
  running: number;
}
