import type { Expr } from './expr.ts';
import { conjunction } from './expr-tools.ts';

/**
 * Conditions that are true together exactly when the given one is true; a condition is not asked
 * whether it is false or NULL. So `NOT (a OR b)` are NOT a and NOT b, and `a OR (b AND NULL)`, the
 * form of IN with NULLs, is a.
 */
export function trueParts(expr: Expr): readonly Expr[] {
  if (expr.kind !== 'call') return [expr];
  switch (expr.functionId) {
    case 'and':
      return expr.args.flatMap(trueParts);
    case 'or': {
      const possible = expr.args.filter((arg) => !isNeverTrue(arg));
      if (possible.length === 0 || possible.length === expr.args.length) return [expr];
      const [first] = possible;
      return possible.length === 1 ? trueParts(first!) : [{ ...expr, args: possible }];
    }
    case 'not':
      return falseParts(expr.args[0]!);
    default:
      return [expr];
  }
}

/** Conditions that are true together exactly when the given one is false. */
function falseParts(expr: Expr): readonly Expr[] {
  const negated: Expr = { kind: 'call', functionId: 'not', args: [expr], type: expr.type };
  if (expr.kind !== 'call') return [negated];
  switch (expr.functionId) {
    case 'not':
      return trueParts(expr.args[0]!);
    case 'or':
      return expr.args.flatMap(falseParts);
    case 'and': {
      // NULL does not make AND false.
      const others = expr.args.filter((arg) => !isNull(arg));
      if (others.length === expr.args.length) return [negated];
      const rest = conjunction(others);
      return rest === undefined ? [negated] : falseParts(rest);
    }
    default:
      return [negated];
  }
}

function isNull(expr: Expr): boolean {
  return expr.kind === 'constant' && expr.value === null;
}

function isNeverTrue(expr: Expr): boolean {
  const isAnd = expr.kind === 'call' && expr.functionId === 'and';
  return isNull(expr) || (isAnd && expr.args.some(isNeverTrue));
}
