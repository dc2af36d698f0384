import { foldConstant } from '../codegen/fold.ts';
import { typeName } from '../columns/type-name.ts';
import { SqlArray, type SqlType, type SqlValue } from '../columns/types.ts';
import { isOrderedSetName, resolveAggregate, resolveOrderedSet } from '../functions/aggregates.ts';
import { candidates } from '../functions/resolve.ts';
import type { ResolvedAggregate } from '../functions/signature.ts';
import { exprCanFail, freeColumns } from '../plan/correlation.ts';
import type { Expr } from '../plan/expr.ts';
import { columnsOf, exprKey } from '../plan/expr-tools.ts';
import type { Operand } from '../plan/subqueries.ts';
import type { CallExpression, OrderItem, Span } from '../syntax/ast.ts';
import { asBoolean, coerce, settled } from './coerce.ts';
import { type Context, complain, type OuterScope } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { columnsIn } from './scope.ts';

/** An aggregate call over the rows of FROM. */
export interface TypedAggregate {
  readonly functionId: string;
  readonly args: readonly Expr[];
  readonly orderBy: readonly TypedOrder[];
  readonly direct: readonly SqlValue[];
  readonly filter: Expr | undefined;
  readonly distinct: boolean;
  readonly type: SqlType;
}

export interface TypedOrder {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export function typedOrder(
  context: Context,
  items: readonly OrderItem[],
  analyze: (item: OrderItem) => Expr,
): TypedOrder[] {
  return items.map((item) => ({
    expr: settled(context, analyze(item)),
    descending: item.descending,
    nullsFirst: item.nullsFirst ?? item.descending,
  }));
}

/** Takes the aggregate calls of one SELECT, also those that stand in queries inside it. */
export interface AggregateOwner {
  /** The expression that stands for the call's result. */
  add(call: TypedAggregate, span: Span): Expr;
  /** Whether the column is the result of a call that stands in a query inside. */
  owns(column: number): boolean;
}

/** The same as its own expressions see it. */
export interface Aggregates extends AggregateOwner {
  /** A call of GROUPING. */
  grouping(node: CallExpression): Expr;
  /** The result of `add` as queries inside read it. */
  operand(call: Expr): Operand;
}

/**
 * An aggregate call. It belongs to the innermost query that one of its columns is of, which may be
 * one around the query that it is written in; without a column to this one (SQL:2016, 6.9, and
 * PostgreSQL's documentation, 4.2.7).
 */
export function aggregateCall(place: ExpressionPlace, node: CallExpression): Expr {
  const { context, scope, aggregates } = place;
  if (aggregates === undefined && context.outerScopes.length === 0) {
    throw misplaced(context, node, place.clause);
  }
  const call = analyzeAggregate(place, node);
  const own = aggregates === undefined ? {} : { aggregates };
  const queries: readonly OuterScope[] = [
    { ...scope, clause: place.clause, ...own },
    ...context.outerScopes,
  ];
  const columns = columnsRead(context, [
    ...call.args,
    ...call.orderBy.map(({ expr }) => expr),
    ...(call.filter === undefined ? [] : [call.filter]),
  ]);
  const owner = queries.findIndex((query) => {
    const known = columnsIn(query);
    return columns.some((column) => known.has(column) || query.aggregates?.owns(column) === true);
  });
  const query = queries[Math.max(owner, 0)]!;
  const { aggregates: those, clause } = query;
  if (those === undefined) throw misplaced(context, node, clause);
  if (columns.some((column) => those.owns(column))) throw misplaced(context, node, 'an aggregate');
  return those.add(call, node.span);
}

export function misplaced(context: Context, { span }: CallExpression, clause: string) {
  const message =
    clause === 'an aggregate'
      ? 'aggregate function calls cannot be nested'
      : `aggregate functions are not allowed in ${clause}`;
  return complain(context, span, message, { sqlState: '42803' });
}

/** The columns that expressions read, those that subqueries in them read of the queries around. */
export function columnsRead(context: Context, exprs: readonly Expr[]): number[] {
  const { subqueries } = context.statement;
  const direct = exprs.flatMap((expr) => [...columnsOf(expr)]);
  const inside = subqueries.of(exprs).flatMap(({ plan, operands }) => [
    ...freeColumns(plan),
    ...columnsRead(
      context,
      operands.map(({ expr }) => expr),
    ),
  ]);
  return [...direct, ...inside];
}

/** `place` is that of the call; no aggregate of the same query may stand inside. */
function analyzeAggregate(outer: ExpressionPlace, node: CallExpression): TypedAggregate {
  const { context, scope } = outer;
  const place: ExpressionPlace = { context, scope, clause: 'an aggregate' };
  const name = node.name.parts.at(-1)!.name;
  if (node.withinGroup === true || isOrderedSetName(name)) return orderedSet(place, node);
  const given = node.args.map((arg) => analyzeExpression(place, arg));
  const resolved = node.star && name !== 'count' ? undefined : resolveAggregate(name, types(given));
  if (resolved !== undefined && given.length === 0 && !node.star) {
    const message = `${name}(*) must be used to call a parameterless aggregate function`;
    throw complain(context, node.span, message, { sqlState: '42809' });
  }
  if (resolved === undefined) throw unknown(context, node, given);
  const args = coerced(context, resolved, given);
  const orderBy = typedOrder(context, node.orderBy, (item) =>
    analyzeExpression(place, item.expression),
  );
  if (node.distinct) checkDistinctOrder(context, node, args, orderBy);
  const filter = filterOf(place, node);
  return {
    functionId: resolved.signature.id,
    args: args.map((arg) => guarded(context, arg, filter)),
    orderBy: guardedOrder(context, orderBy, filter),
    direct: [],
    filter,
    distinct: node.distinct || resolved.distinct === true,
    type: resolved.signature.result,
  };
}

function types(exprs: readonly Expr[]): SqlType[] {
  return exprs.map(({ type }) => type);
}

export function coerced(
  context: Context,
  { signature }: ResolvedAggregate,
  given: readonly Expr[],
): Expr[] {
  return given.map((arg, index) => coerce(context, arg, signature.args[index]!, 'implicit'));
}

export function filterOf(place: ExpressionPlace, node: CallExpression): Expr | undefined {
  if (node.filter === undefined) return undefined;
  return asBoolean(place.context, analyzeExpression(place, node.filter), 'FILTER');
}

/** The value where FILTER takes the row: one that it drops cannot fail. */
export function guarded(context: Context, expr: Expr, filter: Expr | undefined): Expr {
  // The value of a subquery fails where it has several rows.
  const fails = exprCanFail(expr) || context.statement.subqueries.isIn(expr);
  if (filter === undefined || !fails) return expr;
  const { type } = expr;
  const otherwise: Expr = { kind: 'constant', type, value: null };
  return { kind: 'case', branches: [{ when: filter, then: expr }], otherwise, type };
}

function guardedOrder(
  context: Context,
  orderBy: readonly TypedOrder[],
  filter: Expr | undefined,
): TypedOrder[] {
  return orderBy.map((item) => ({ ...item, expr: guarded(context, item.expr, filter) }));
}

export function unknown(context: Context, node: CallExpression, given: readonly Expr[]) {
  const name = node.name.parts.at(-1)!.name;
  const shown = node.star ? '*' : types(given).map(typeName).join(', ');
  return complain(context, node.span, `function ${name}(${shown}) does not exist`, {
    sqlState: '42883',
    hint: candidates(name).join(', ') || undefined,
  });
}

/** Equal arguments count once, so an order by something else would say nothing. */
function checkDistinctOrder(
  context: Context,
  node: CallExpression,
  args: readonly Expr[],
  orderBy: readonly TypedOrder[],
): void {
  const keys = new Set(args.map(exprKey));
  const wrong = orderBy.findIndex(({ expr }) => !keys.has(exprKey(expr)));
  if (wrong < 0) return;
  throw complain(
    context,
    node.orderBy[wrong]!.span,
    'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
    { sqlState: '42P10' },
  );
}

/** `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`. */
function orderedSet(place: ExpressionPlace, node: CallExpression): TypedAggregate {
  const { context } = place;
  const name = node.name.parts.at(-1)!.name;
  const given = node.args.map((arg) => analyzeExpression(place, arg));
  if (!isOrderedSetName(name)) throw unknown(context, node, given);
  const direct = name === 'mode' ? 0 : 1;
  const isApproximate = name === 'approx_percentile';
  if (node.withinGroup !== true) {
    if (given.length !== direct + 1) throw unknown(context, node, given);
    const message = `WITHIN GROUP is required for ordered-set aggregate ${name}`;
    throw complain(context, node.span, message, { sqlState: '42809' });
  }
  const [key, ...more] = typedOrder(context, node.orderBy, (item) =>
    analyzeExpression(place, item.expression),
  );
  const resolved =
    more.length > 0
      ? undefined
      : resolveOrderedSet(name, key!.expr.type, given[0]?.type.kind === 'array');
  const isCounted = given.length === direct || (isApproximate && given.length === 2);
  if (resolved === undefined || !isCounted || (isApproximate && given[0]!.type.kind === 'array')) {
    throw unknown(context, node, [...given, key!.expr]);
  }
  const [arg] = coerced(context, resolved, [key!.expr]);
  const filter = filterOf(place, node);
  const expr = guarded(context, arg!, filter);
  return {
    functionId: resolved.signature.id,
    args: [expr],
    orderBy: [{ ...key!, expr }],
    direct: isApproximate
      ? approximation(context, given)
      : given.map((arg) => fraction(context, arg)),
    filter,
    distinct: false,
    type: resolved.signature.result,
  };
}

/** The percentile, and how far off its value may be as a share of it: RisingWave's 0.01 by default. */
function approximation(context: Context, [percentile, error]: readonly Expr[]): SqlValue[] {
  const share = error === undefined ? 0.01 : fraction(context, error);
  if (share === 0 || share === 1) {
    const message =
      'the relative error of approx_percentile is between 0 and 1, and neither of them';
    throw complain(context, error!.span ?? { start: 0, end: 0 }, message, { sqlState: '22003' });
  }
  return [fraction(context, percentile!), share];
}

/** A double between 0 and 1, or an array of them. */
function fraction(context: Context, arg: Expr): SqlValue {
  const double: SqlType = { kind: 'double' };
  const type: SqlType = arg.type.kind === 'array' ? { kind: 'array', element: double } : double;
  const folded = foldConstant(coerce(context, arg, type, 'implicit'));
  const span = arg.span ?? { start: 0, end: 0 };
  if (folded.kind !== 'constant') {
    throw complain(context, span, 'a percentile other than a constant is not supported yet', {
      code: 'UNSUPPORTED',
      sqlState: '0A000',
    });
  }
  const { value } = folded;
  const numbers = value instanceof SqlArray ? value.items : [value];
  const wrong = numbers.find((item) => item !== null && !(Number(item) >= 0 && Number(item) <= 1));
  if (wrong === undefined) return value;
  throw complain(context, span, `percentile value ${wrong} is not between 0 and 1`, {
    sqlState: '22003',
  });
}
