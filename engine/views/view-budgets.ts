import { MillraceError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Catalogue } from './catalogue.ts';
import { ViewNode } from './nodes.ts';

/**
 * Stops the views whose state is over their budget, and those that read them: they would lack
 * rows. All others, and the server, go on.
 */
export function enforceBudgets(catalogue: Catalogue, logger: Logger): void {
  for (const node of catalogue.nodes.values()) {
    if (!(node instanceof ViewNode) || node.failure !== undefined) continue;
    const { name } = node.relation;
    const { bytes } = node.stateSize;
    if (bytes <= node.budgetBytes) continue;
    const message = `view "${name}" stopped: its state of ${bytes} bytes is over its budget of ${node.budgetBytes}`;
    stop(catalogue, node, logger, message);
  }
}

function stop(catalogue: Catalogue, node: ViewNode, logger: Logger, message: string): void {
  const failure = new MillraceError('RESOURCE_LIMIT', message, {
    sqlState: '53200',
    hint: "Drop it, or make it anew with a larger WITH (state_budget = '...').",
  });
  logger.log('warn', message, {});
  node.stop(failure);
  for (const id of catalogue.dependants(node.relation.id)) {
    const reader = catalogue.nodes.get(id);
    if (reader instanceof ViewNode && reader.failure === undefined) reader.stop(failure);
  }
}
