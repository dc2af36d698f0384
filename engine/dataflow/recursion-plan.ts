import { iterationNode, mapInputs } from '../../sql/plan/nodes.ts';
import type { PlanNode, RecursiveNode } from '../../sql/plan/physical.ts';

/**
 * The step of a recursion cut at its edges: what does not depend on the iteration is computed once
 * and enters through a port. The iteration's own rows are port 0, `inputs` the others from 1 on; in
 * `plan` a port is an iteration node with the port's number for its id.
 */
export function splitStep({ id, step }: RecursiveNode): {
  readonly plan: PlanNode;
  readonly inputs: readonly PlanNode[];
} {
  const inputs: PlanNode[] = [];
  const split = (node: PlanNode): PlanNode => {
    if (node.kind === 'iteration' && node.id === id) return iterationNode(0, node.fields);
    if (dependsOn(node, id)) return mapInputs(node, split);
    const port = inputs.push(node);
    const { appendOnly, uniqueKey } = node;
    return {
      ...iterationNode(port, node.fields),
      appendOnly,
      ...(uniqueKey === undefined ? {} : { uniqueKey }),
    };
  };
  return { plan: split(step), inputs };
}

function dependsOn(node: PlanNode, id: number): boolean {
  if (node.kind === 'iteration') return node.id === id;
  let depends = false;
  mapInputs(node, (input) => {
    depends ||= dependsOn(input, id);
    return input;
  });
  return depends;
}
