import type { Expr } from './expr.ts';
import { conjunction, conjunctsOf, eachColumn, mapColumns } from './expr-tools.ts';
import { bottomUp, mapNode } from './nodes.ts';
import type { MapNode, PlanNode } from './physical.ts';

/**
 * Merges a map over a map into one row loop, and drops maps that change nothing. An inner output
 * that is more than a column or a constant is merged only where it is used at most once, so that
 * nothing is computed twice. The inner filter stays in front: AND does not look further.
 */
export function fuseMaps(root: PlanNode): PlanNode {
  return bottomUp(root, fuse);
}

function fuse(over: PlanNode): PlanNode {
  if (over.kind !== 'map') return over;
  const { input } = over;
  const fused = input.kind === 'map' && canFuse(over, input) ? merged(over, input) : over;
  return isIdentity(fused) ? fused.input : fused;
}

function canFuse(outer: MapNode, inner: MapNode): boolean {
  const uses = new Array<number>(inner.outputs.length).fill(0);
  const count = (expr: Expr) =>
    eachColumn(expr, ({ index }) => {
      uses[index]!++;
    });
  outer.outputs.forEach(count);
  if (outer.filter !== undefined) count(outer.filter);
  return inner.outputs.every(
    (expr, index) => expr.kind === 'column' || expr.kind === 'constant' || uses[index]! <= 1,
  );
}

function merged(outer: MapNode, inner: MapNode): MapNode {
  const through = (expr: Expr) => mapColumns(expr, ({ index }) => inner.outputs[index]!);
  const filters = [
    ...(inner.filter === undefined ? [] : conjunctsOf(inner.filter)),
    ...(outer.filter === undefined ? [] : conjunctsOf(through(outer.filter))),
  ];
  return mapNode(
    inner.input,
    outer.fields.map(({ name }) => name),
    outer.outputs.map(through),
    conjunction(filters),
  );
}

/** The root's names come from its query, so only maps that keep the names too may go. */
function isIdentity(node: MapNode): boolean {
  const { input, outputs, filter, fields } = node;
  return (
    filter === undefined &&
    outputs.length === input.fields.length &&
    outputs.every(
      (expr, index) =>
        expr.kind === 'column' &&
        expr.index === index &&
        fields[index]!.name === input.fields[index]!.name,
    )
  );
}
