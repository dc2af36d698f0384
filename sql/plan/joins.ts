import { assert } from '../../platform/assert.ts';
import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from './expr.ts';
import { columnExpr, columnsOf, conjunction, mapColumns } from './expr-tools.ts';
import { filterNode, joinNode, mapNode } from './nodes.ts';
import type { JoinNode, PlanNode } from './physical.ts';

/**
 * Joins the relations of a FROM clause. Expressions see the relations' columns side by side, in
 * FROM order. A condition over one relation filters it before the join; `=` between expressions
 * of two sides becomes a join key; the rest filters the join's result. Relations are taken in
 * FROM order, but one that a key connects comes before one that would make a cross join.
 */
export function joinRelations(
  relations: readonly PlanNode[],
  conditions: readonly Expr[],
): { readonly plan: PlanNode; readonly columns: readonly number[] } {
  const starts: number[] = [];
  let width = 0;
  for (const relation of relations) {
    starts.push(width);
    width += relation.fields.length;
  }
  const relationOf = (column: number) => starts.findLastIndex((start) => start <= column);
  const usedBy = (expr: Expr) => new Set([...columnsOf(expr)].map(relationOf));

  const sides = relations.map((relation, index): Side => {
    const own = conditions.filter((condition) => {
      const used = usedBy(condition);
      return used.size === 1 && used.has(index);
    });
    const filter = conjunction(own.map((condition) => shifted(condition, -starts[index]!)));
    const columns = relation.fields.map((_, column) => starts[index]! + column);
    return { plan: filter === undefined ? relation : filterNode(relation, filter), columns };
  });
  let pending = conditions.filter((condition) => usedBy(condition).size !== 1);
  const waiting = sides.map((_, index) => index);
  const joined = new Set([waiting.shift()!]);
  let left = sides[0]!;
  while (waiting.length > 0) {
    const isConnecting = (index: number) =>
      pending.some((condition) => keyOf(condition, joined, index, usedBy) !== undefined);
    const next = waiting.find(isConnecting) ?? waiting[0]!;
    waiting.splice(waiting.indexOf(next), 1);
    const keys = pending.flatMap((condition) => {
      const key = keyOf(condition, joined, next, usedBy);
      return key === undefined ? [] : [key];
    });
    pending = pending.filter((condition) => !keys.some((key) => key.condition === condition));
    left = join(left, sides[next]!, keys);
    joined.add(next);
    const ready = pending.filter((condition) => isSubset(usedBy(condition), joined));
    pending = pending.filter((condition) => !ready.includes(condition));
    const residual = conjunction(ready.map((condition) => relocated(condition, left.columns)));
    if (residual !== undefined) left = { ...left, plan: filterNode(left.plan, residual) };
  }
  const rest = conjunction(pending.map((condition) => relocated(condition, left.columns)));
  const plan = rest === undefined ? left.plan : filterNode(left.plan, rest);
  return { plan, columns: left.columns };
}

interface Side {
  readonly plan: PlanNode;
  /** Which column of the FROM clause each column of the plan is. */
  readonly columns: readonly number[];
}

interface JoinKey {
  readonly condition: Expr;
  readonly left: Expr;
  readonly right: Expr;
}

/** The condition as an equality between what is joined already and relation `next`. */
function keyOf(
  condition: Expr,
  joined: ReadonlySet<number>,
  next: number,
  usedBy: (expr: Expr) => Set<number>,
): JoinKey | undefined {
  if (condition.kind !== 'call' || !isEquality(condition.functionId)) return undefined;
  const [a, b] = condition.args as readonly [Expr, Expr];
  if (typeName(plainType(a.type)) !== typeName(plainType(b.type))) return undefined;
  const usedByA = usedBy(a);
  const usedByB = usedBy(b);
  if (usedByA.size === 0 || usedByB.size === 0) return undefined;
  const isNext = (used: Set<number>) => used.size === 1 && used.has(next);
  if (isSubset(usedByA, joined) && isNext(usedByB)) return { condition, left: a, right: b };
  if (isSubset(usedByB, joined) && isNext(usedByA)) return { condition, left: b, right: a };
  return undefined;
}

/** Without length or precision, which do not matter to equality. */
function plainType(type: SqlType): SqlType {
  const isNested = type.kind === 'array' || type.kind === 'record';
  return isNested ? type : ({ kind: type.kind } as SqlType);
}

function isEquality(functionId: string): boolean {
  return functionId === '=' || functionId.startsWith('=:');
}

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  return [...part].every((item) => whole.has(item));
}

function join(left: Side, right: Side, keys: readonly JoinKey[]): Side {
  const leftSide = withKeys(
    left,
    keys.map((key) => key.left),
  );
  const rightSide = withKeys(
    right,
    keys.map((key) => key.right),
  );
  const outputs: JoinNode['outputs'] = [
    ...left.columns.map((_, column) => ({ side: 'left' as const, column })),
    ...right.columns.map((_, column) => ({ side: 'right' as const, column })),
  ];
  return {
    plan: joinNode(leftSide.plan, rightSide.plan, leftSide.keys, rightSide.keys, outputs),
    columns: [...left.columns, ...right.columns],
  };
}

/** Keys that are not plain columns are computed behind the others. */
function withKeys(side: Side, keys: readonly Expr[]): { plan: PlanNode; keys: number[] } {
  const located = keys.map((key) => relocated(key, side.columns));
  if (located.every((key) => key.kind === 'column')) {
    return { plan: side.plan, keys: located.map(({ index }) => index) };
  }
  const { fields } = side.plan;
  const outputs: Expr[] = fields.map(({ type }, index) => columnExpr(index, type));
  const positions = located.map((key) => {
    if (key.kind === 'column') return key.index;
    outputs.push(key);
    return outputs.length - 1;
  });
  const names = outputs.map((_, index) => fields[index]?.name ?? `key${index}`);
  return { plan: mapNode(side.plan, names, outputs), keys: positions };
}

function shifted(expr: Expr, by: number): Expr {
  return mapColumns(expr, (column) => ({ ...column, index: column.index + by }));
}

/** The expression over the columns of a plan instead of those of the FROM clause. */
export function relocated(expr: Expr, columns: readonly number[]): Expr {
  return mapColumns(expr, (column) => {
    const index = columns.indexOf(column.index);
    assert(index >= 0, 'a condition uses columns that are joined');
    return { ...column, index };
  });
}
