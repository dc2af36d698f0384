import { MillraceError } from '../../platform/errors.ts';
import type { Catalogue } from './catalogue.ts';
import { DataflowNode } from './dataflow-node.ts';

/**
 * Stops the views and sinks whose state is over their budget, and those that read them: they would
 * lack rows. All others, and the server, go on.
 */
export function enforceBudgets(catalogue: Catalogue): void {
  for (const node of catalogue.nodes.values()) {
    if (!(node instanceof DataflowNode) || !isOverBudget(node)) continue;
    for (const id of catalogue.dependants(node.relation.id)) {
      const reader = catalogue.nodes.get(id);
      if (reader instanceof DataflowNode) reader.stop(node.failure!);
    }
  }
}

/** True when the node was stopped because of what it takes. */
export function isOverBudget(node: DataflowNode): boolean {
  if (node.failure !== undefined) return false;
  const { bytes } = node.stateSize;
  if (bytes <= node.budgetBytes) return false;
  node.contain(() => {
    const message = `its state of ${bytes} bytes is over its budget of ${node.budgetBytes}`;
    throw new MillraceError('RESOURCE_LIMIT', message, {
      sqlState: '53200',
      hint: "It needs a larger WITH (state_budget = '...').",
    });
  });
  return true;
}
