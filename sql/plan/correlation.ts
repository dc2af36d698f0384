import type { SqlType } from '../columns/types.ts';
import { isVolatileFunction, scalarById, typedForms } from '../functions/scalar.ts';
import type { Expr } from './expr.ts';
import { eachColumn } from './expr-tools.ts';
import { isFree } from './joins.ts';
import { exprsOf, mapInputs } from './nodes.ts';
import type { PlanNode } from './physical.ts';

/** Which columns of enclosing queries a plan reads, and whether it can fail. */

export function freeColumns(node: PlanNode): ReadonlySet<number> {
  return new Set(freeTypes(node).keys());
}

/** The same with their types. */
export function freeTypes(node: PlanNode): ReadonlyMap<number, SqlType> {
  const known = cache.get(node);
  if (known !== undefined) return known;
  const found = new Map<number, SqlType>();
  for (const expr of exprsOf(node)) {
    eachColumn(expr, ({ index, type }) => {
      if (isFree(index)) found.set(index, type);
    });
  }
  mapInputs(node, (input) => {
    for (const [column, type] of freeTypes(input)) found.set(column, type);
    return input;
  });
  cache.set(node, found);
  return found;
}

const cache = new WeakMap<PlanNode, ReadonlyMap<number, SqlType>>();

/** True when some expression of the plan may raise an error on some row. */
export function canFail(node: PlanNode): boolean {
  const known = failing.get(node);
  if (known !== undefined) return known;
  let fails = node.kind === 'flat' || exprsOf(node).some(exprCanFail);
  mapInputs(node, (input) => {
    fails ||= canFail(input);
    return input;
  });
  failing.set(node, fails);
  return fails;
}

const failing = new WeakMap<PlanNode, boolean>();

/** True when each evaluation may give another value: it must stay one, where it was written. */
export function isVolatile(expr: Expr): boolean {
  return hasCall(expr, isVolatileFunction);
}

/** True when it may raise an error on some row. */
export function exprCanFail(expr: Expr): boolean {
  return hasCall(expr, (functionId) => {
    // Its pattern may be no regular expression.
    if (functionId === 'similar') return true;
    const isTotal = Object.hasOwn(typedForms, functionId) || /^i?like$/.test(functionId);
    return !isTotal && scalarById(functionId).signature.fails;
  });
}

function hasCall(expr: Expr, test: (functionId: string) => boolean): boolean {
  switch (expr.kind) {
    case 'column':
    case 'constant':
      return false;
    case 'case': {
      const parts = [expr.otherwise, ...expr.branches.flatMap(({ when, then }) => [when, then])];
      return parts.some((part) => hasCall(part, test));
    }
    case 'call':
      return test(expr.functionId) || expr.args.some((arg) => hasCall(arg, test));
  }
}
