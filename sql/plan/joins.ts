import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from './expr.ts';
import { columnExpr, columnsOf, conjunction, mapColumns } from './expr-tools.ts';
import { filterNode, joinNode, mapNode, outerJoinNode, semiJoinNode, unionNode } from './nodes.ts';
import type { JoinNode, PlanNode } from './physical.ts';

/**
 * Joins the relations of FROM clauses.
 *
 * While a statement is analyzed every column of every FROM clause has an id of its own, from
 * `firstColumnId` on, and expressions refer to ids. A `Side` says where ids lie in a plan;
 * `located` turns ids into its columns. An id that the side does not have belongs to an enclosing
 * query and stays: the plan is then correlated, and decorrelate.ts binds it.
 */
export const firstColumnId = 1 << 16;

export interface Side {
  readonly plan: PlanNode;
  /** The ids of the plan's first columns. */
  readonly columns: readonly number[];
  /** Ids whose value is an expression over the columns, computed where it is used. */
  readonly values?: ReadonlyMap<number, Expr>;
}

/** A column that belongs to an enclosing query. */
export function isFree(column: number): boolean {
  return column >= firstColumnId;
}

/** The expression over the columns of the side's plan; ids that it does not have stay. */
export function located(expr: Expr, side: Side): Expr {
  const { columns, values } = side;
  return mapColumns(expr, (column) => {
    const value = values?.get(column.index);
    if (value !== undefined) return located(value, side);
    const index = columns.indexOf(column.index);
    return index < 0 ? column : { ...column, index };
  });
}

/** The side with only the rows for which the conditions are true. */
export function filtered(side: Side, conditions: readonly Expr[]): Side {
  const filter = conjunction(conditions.map((condition) => located(condition, side)));
  return filter === undefined ? side : { ...side, plan: filterNode(side.plan, filter) };
}

/** The side with computed columns behind the others, under the given ids. */
export function extended(
  side: Side,
  added: readonly { readonly id: number; readonly expr: Expr; readonly name: string }[],
): Side {
  const { fields } = side.plan;
  const outputs = [
    ...fields.map(({ type }, index) => columnExpr(index, type)),
    ...added.map(({ expr }) => located(expr, side)),
  ];
  const names = [...fields, ...added].map(({ name }) => name);
  return {
    ...side,
    plan: mapNode(side.plan, names, outputs),
    columns: [...side.columns, ...added.map(({ id }) => id)],
  };
}

/**
 * Inner join of all sides. A condition over one side filters it before the join; `=` and IS NOT
 * DISTINCT FROM between expressions of two sides become join keys; the rest filters the join's
 * result as soon as it can. Sides are taken in order, but one that a key connects comes before one
 * that would make a cross join.
 */
export function joinSides(sides: readonly Side[], conditions: readonly Expr[]): Side {
  const owner = new Map<number, number>();
  for (const [index, { columns }] of sides.entries()) {
    for (const column of columns) owner.set(column, index);
  }
  // A FROM clause of many relations asks for the same ones over and over.
  const known = new Map<Expr, ReadonlySet<number>>();
  const usedBy = (expr: Expr): ReadonlySet<number> => {
    let used = known.get(expr);
    if (used === undefined) {
      const owners = [...columnsOf(expr)].map((column) => owner.get(column));
      used = new Set(owners.filter((side) => side !== undefined));
      known.set(expr, used);
    }
    return used;
  };
  const own = sides.map((side, index) =>
    filtered(
      side,
      conditions.filter((condition) => {
        const used = usedBy(condition);
        return used.size === 1 && used.has(index);
      }),
    ),
  );
  let pending = conditions.filter((condition) => usedBy(condition).size !== 1);
  const waiting = own.map((_, index) => index);
  const joined = new Set([waiting.shift()!]);
  let left = own[0]!;
  while (waiting.length > 0) {
    const keysTo = (index: number) =>
      pending.flatMap((condition) => {
        const key = keyOf(
          condition,
          (expr) => isSubset(usedBy(expr), joined) && usedBy(expr).size > 0,
          (expr) => usedBy(expr).size === 1 && usedBy(expr).has(index),
        );
        return key === undefined ? [] : [key];
      });
    const next = waiting.find((index) => keysTo(index).length > 0) ?? waiting[0]!;
    waiting.splice(waiting.indexOf(next), 1);
    const keys = keysTo(next);
    pending = pending.filter((condition) => !keys.some((key) => key.condition === condition));
    left = innerJoin(left, own[next]!, keys);
    joined.add(next);
    const ready = pending.filter((condition) => isSubset(usedBy(condition), joined));
    pending = pending.filter((condition) => !ready.includes(condition));
    left = filtered(left, ready);
  }
  return filtered(left, pending);
}

export interface JoinKey {
  readonly condition: Expr;
  readonly left: Expr;
  readonly right: Expr;
  /** NULL equals NULL. */
  readonly nullSafe: boolean;
}

/** The condition as an equality between two sides, when it is one. */
export function keyOf(
  condition: Expr,
  isLeft: (expr: Expr) => boolean,
  isRight: (expr: Expr) => boolean,
): JoinKey | undefined {
  const equality = equalityOf(condition);
  if (equality === undefined) return undefined;
  const [a, b] = equality.operands;
  const { nullSafe } = equality;
  if (isLeft(a) && isRight(b)) return { condition, left: a, right: b, nullSafe };
  if (isLeft(b) && isRight(a)) return { condition, left: b, right: a, nullSafe };
  return undefined;
}

/** `a = b` or `a IS NOT DISTINCT FROM b` over values of one kind. */
export function equalityOf(
  condition: Expr,
): { readonly operands: readonly [Expr, Expr]; readonly nullSafe: boolean } | undefined {
  if (condition.kind !== 'call') return undefined;
  const { functionId } = condition;
  const isNegation = functionId === 'not' && condition.args[0]!.kind === 'call';
  const test = isNegation ? condition.args[0]! : condition;
  if (test.kind !== 'call' || test.args.length !== 2) return undefined;
  const nullSafe = isNegation && test.functionId === 'isDistinct';
  const isEqual = !isNegation && (functionId === '=' || functionId.startsWith('=:'));
  const [a, b] = test.args as readonly [Expr, Expr];
  const isOneType = typeName(plainType(a.type)) === typeName(plainType(b.type));
  if (!(nullSafe || isEqual) || !isOneType) return undefined;
  return { operands: [a, b], nullSafe };
}

/** Without length or precision, which do not matter to equality. */
function plainType(type: SqlType): SqlType {
  const isNested = type.kind === 'array' || type.kind === 'record';
  return isNested ? type : ({ kind: type.kind } as SqlType);
}

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  return [...part].every((item) => whole.has(item));
}

export function innerJoin(
  left: Side,
  right: Side,
  keys: readonly Omit<JoinKey, 'condition'>[],
): Side {
  const { sides, leftKeys, rightKeys, nullSafe } = withKeys(left, right, keys);
  const plan = joinNode(
    sides.left,
    sides.right,
    leftKeys,
    rightKeys,
    bothOutputs(left, right),
    nullSafe,
  );
  return { ...left, plan, columns: [...left.columns, ...right.columns] };
}

/**
 * LEFT and FULL JOIN: `on` decides which pairs there are. What it says of the right side alone of
 * a LEFT JOIN filters that side; equalities become keys; the rest is tested on each pair.
 * `given` are further keys.
 */
export function outerJoin(
  type: 'left' | 'full',
  left: Side,
  right: Side,
  on: readonly Expr[],
  given: readonly Omit<JoinKey, 'condition'>[] = [],
): Side {
  const within =
    (...sides: readonly Side[]) =>
    (expr: Expr) =>
      [...columnsOf(expr)].every((column) => sides.some(({ columns }) => columns.includes(column)));
  const isConstant = (expr: Expr) => columnsOf(expr).size === 0;
  const reads = (side: Side, expr: Expr) =>
    [...columnsOf(expr)].some((column) => side.columns.includes(column));
  const onRight = on.filter(
    (condition) => type === 'left' && reads(right, condition) && !reads(left, condition),
  );
  const keys = on.flatMap((condition) => {
    const isKeyOf = (side: Side) => (expr: Expr) => !isConstant(expr) && within(side)(expr);
    const key = keyOf(condition, isKeyOf(left), isKeyOf(right));
    return key === undefined ? [] : [key];
  });
  const rest = on.filter(
    (condition) => !onRight.includes(condition) && !keys.some((key) => key.condition === condition),
  );
  const kept = filtered(right, onRight);
  const { sides, leftKeys, rightKeys, nullSafe } = withKeys(left, kept, [...keys, ...given]);
  const residual = conjunction(
    rest.map((condition) =>
      mapColumns(condition, (column) => {
        const onLeft = left.columns.indexOf(column.index);
        if (onLeft >= 0) return { ...column, index: onLeft };
        const index = right.columns.indexOf(column.index);
        return index < 0 ? column : { ...column, index: sides.left.fields.length + index };
      }),
    ),
  );
  const plan = outerJoinNode({
    type,
    left: sides.left,
    right: sides.right,
    leftKeys,
    rightKeys,
    nullSafe,
    outputs: bothOutputs(left, right),
    ...(residual === undefined ? {} : { residual }),
  });
  return { ...left, plan, columns: [...left.columns, ...right.columns] };
}

/**
 * LEFT and FULL JOIN from their pairs, whatever condition made them: the pairs, and the rows of a
 * side that are in none of them, with NULLs for the other side.
 */
export function outerJoinOfPairs(
  type: 'left' | 'full',
  left: Side,
  right: Side,
  pairs: Side,
): Side {
  const columns = [...left.columns, ...right.columns];
  const order = columns.map((id) => pairs.columns.indexOf(id));
  const fields = [...left.plan.fields, ...right.plan.fields].map((field) => {
    return { ...field, nullable: true };
  });
  const lonely = (side: Side, first: number) => {
    const own = [...side.columns.keys()];
    const joined = semiJoinNode({
      anti: true,
      left: side.plan,
      right: pairs.plan,
      leftKeys: own,
      rightKeys: own.map((column) => order[first + column]!),
      nullSafe: own.map(() => true),
    });
    const outputs = fields.map(({ type: fieldType }, index): Expr => {
      const column = index - first;
      return column in own
        ? columnExpr(column, fieldType)
        : { kind: 'constant', type: fieldType, value: null };
    });
    return mapNode(joined, names, outputs);
  };
  const names = fields.map(({ name }) => name);
  const matched = mapNode(
    pairs.plan,
    names,
    order.map((column, index) => columnExpr(column, fields[index]!.type)),
  );
  const inputs = [matched, lonely(left, 0)];
  if (type === 'full') inputs.push(lonely(right, left.columns.length));
  return { ...left, plan: unionNode(inputs, fields), columns };
}

function bothOutputs(left: Side, right: Side): JoinNode['outputs'] {
  return [
    ...left.columns.map((_, column) => ({ side: 'left' as const, column })),
    ...right.columns.map((_, column) => ({ side: 'right' as const, column })),
  ];
}

export function withKeys(left: Side, right: Side, keys: readonly Omit<JoinKey, 'condition'>[]) {
  const leftSide = keyColumns(
    left,
    keys.map((key) => key.left),
  );
  const rightSide = keyColumns(
    right,
    keys.map((key) => key.right),
  );
  return {
    sides: { left: leftSide.plan, right: rightSide.plan },
    leftKeys: leftSide.keys,
    rightKeys: rightSide.keys,
    nullSafe: keys.map((key) => key.nullSafe),
  };
}

/** Keys that are not plain columns are computed behind the others. */
function keyColumns(
  side: Side,
  keys: readonly Expr[],
): { readonly plan: PlanNode; readonly keys: readonly number[] } {
  const exprs = keys.map((key) => located(key, side));
  const { fields } = side.plan;
  const outputs: Expr[] = fields.map(({ type }, index) => columnExpr(index, type));
  const positions = exprs.map((key) => {
    if (key.kind === 'column' && !isFree(key.index)) return key.index;
    outputs.push(key);
    return outputs.length - 1;
  });
  if (outputs.length === fields.length) return { plan: side.plan, keys: positions };
  const names = outputs.map((_, index) => fields[index]?.name ?? `key${index}`);
  return { plan: mapNode(side.plan, names, outputs), keys: positions };
}
