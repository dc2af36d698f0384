import { noBatches, type Operator } from '../../engine/dataflow/operator.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import type { Observe } from './dataflow-run.ts';

/** An operator whose deltas go through `change`. */
export function changed(
  operator: Operator,
  change: (deltas: readonly Batch[]) => readonly Batch[],
): Operator {
  return { step: () => change(operator.step()), stateTables: () => operator.stateTables() };
}

/** Rows that each kind of operator took back. */
export class RetractionCount {
  readonly counts = new Map<string, number>();

  readonly observe: Observe = (node, operator) => {
    const name = kindOf(node);
    // What never changes takes nothing back.
    if (node.kind === 'constants' || node.appendOnly) return operator;
    this.counts.set(name, this.counts.get(name) ?? 0);
    return changed(operator, (deltas) => {
      for (const { weights, rowCount } of deltas) {
        for (let row = 0; row < rowCount; row++) {
          if (weights[row]! < 0) this.counts.set(name, this.counts.get(name)! + 1);
        }
      }
      return deltas;
    });
  };
}

/** The operator's name, with the kind of join or set operation where there are several. */
export function kindOf(node: PlanNode): string {
  const { kind } = node;
  const more = node as { readonly type?: unknown; readonly operator?: unknown };
  const detail = more.type ?? more.operator;
  return typeof detail === 'string' ? `${kind} ${detail}` : kind;
}

/** What can be wrong with an operator. */
export const faults: Readonly<Record<string, (operator: Operator) => Operator>> = {
  'loses retractions': (operator) => changed(operator, (deltas) => deltas.map(onlyInsertions)),
  'takes weights for 1': (operator) =>
    changed(operator, (deltas) =>
      deltas.map((batch) => ({
        ...batch,
        weights: batch.weights.map((weight) => Math.sign(weight) || 1).map(Math.abs),
      })),
    ),
  'gives each delta twice': (operator) => changed(operator, (deltas) => [...deltas, ...deltas]),
  'loses the first row of a delta': (operator) =>
    changed(operator, (deltas) => deltas.map((batch) => without(batch, (row) => row === 0))),
  'is a step late': (operator) => {
    let held = noBatches;
    return changed(operator, (deltas) => {
      const late = held;
      held = deltas;
      return late;
    });
  },
  'forgets its state at a restart': (operator) => ({
    step: () => operator.step(),
    stateTables: () =>
      operator.stateTables().map((table) => ({
        checkpoint: () => table.checkpoint(),
        restore: () => undefined,
        restored: () => table.restored(),
      })),
  }),
};

function onlyInsertions(batch: Batch): Batch {
  return without(batch, (row) => batch.weights[row]! < 0);
}

/** A weight of 0 is no row. */
function without(batch: Batch, test: (row: number) => boolean): Batch {
  const kept = Array.from({ length: batch.rowCount }, (_, row) => row).filter((row) => !test(row));
  return gatherBatch(batch, Int32Array.from(kept), kept.length);
}
