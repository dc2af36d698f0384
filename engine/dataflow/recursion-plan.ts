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
  /** Of the nodes of `plan`, those of the step that they come from. */
  readonly origins: ReadonlyMap<PlanNode, PlanNode>;
} {
  const inputs: PlanNode[] = [];
  const known = new Map<PlanNode, boolean>();
  // A node that several others use is cut once, and stays one node.
  const done = new Map<PlanNode, PlanNode>();
  const origins = new Map<PlanNode, PlanNode>();
  const split = (node: PlanNode): PlanNode => {
    const before = done.get(node);
    if (before !== undefined) return before;
    const result = cut(node);
    done.set(node, result);
    const isPort = result.kind === 'iteration' && result.id > 0;
    if (!isPort) origins.set(result, node);
    return result;
  };
  const cut = (node: PlanNode): PlanNode => {
    if (node.kind === 'iteration' && node.id === id) return iterationNode(0, node.fields);
    if (dependsOn(node, id, known)) return mapInputs(node, split);
    const port = inputs.push(node);
    const { appendOnly, uniqueKey } = node;
    return {
      ...iterationNode(port, node.fields),
      appendOnly,
      ...(uniqueKey === undefined ? {} : { uniqueKey }),
    };
  };
  return { plan: split(step), inputs, origins };
}

/** `known`: what was found out about other nodes before. */
function dependsOn(node: PlanNode, id: number, known: Map<PlanNode, boolean>): boolean {
  if (node.kind === 'iteration') return node.id === id;
  const before = known.get(node);
  if (before !== undefined) return before;
  let depends = false;
  mapInputs(node, (input) => {
    depends ||= dependsOn(input, id, known);
    return input;
  });
  known.set(node, depends);
  return depends;
}
