import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Node, Span } from './ast.ts';
import { positionAt } from './position.ts';

/**
 * Levels of nodes in a tree. The parser bounds its own recursion (TokenStream.nested), but a chain
 * as `a + b + c` is read by a loop and yet as deep a tree as it is long. All who walk the tree
 * recurse, so its depth is bounded once, here, by a walk that does not.
 */
const levelsMax = limits.sqlDepthMax * 5;

/** Throws RESOURCE_LIMIT at the place that lies too deep. */
export function checkDepth(text: string, root: Node): void {
  const pending: { readonly value: unknown; readonly level: number }[] = [
    { value: root, level: 0 },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, level } = next;
    if (typeof value !== 'object' || value === null) continue;
    const isNode = 'span' in value;
    if (isNode && level > levelsMax) throw tooDeep(text, value.span as Span);
    for (const child of Object.values(value)) {
      pending.push({ value: child, level: isNode ? level + 1 : level });
    }
  }
}

function tooDeep(text: string, { start, end }: Span): MillraceError {
  return new MillraceError(
    'RESOURCE_LIMIT',
    `the statement has more than ${levelsMax} operators or clauses inside each other`,
    {
      position: positionAt(text, start, end),
      hint: 'Use IN (...) for many comparisons, or insert the values into a table.',
      sqlState: '54001',
    },
  );
}
