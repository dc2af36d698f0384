import { SqlArray, type SqlType } from '../columns/types.ts';
import { resolveAggregate } from '../functions/aggregates.ts';
import type { CallExpr, Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { firstColumnId } from '../plan/joins.ts';
import { aggregateNode, filterNode, mapNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { Operand } from '../plan/subqueries.ts';
import type {
  BinaryExpression,
  Expression,
  Query,
  RowExpression,
  Span,
  SubqueryExpression,
} from '../syntax/ast.ts';
import type { AggregateOwner, Aggregates } from './aggregates.ts';
import { asBoolean } from './coerce.ts';
import { type Context, complain, unsupported } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { fieldAt } from './nested.ts';
import { analyzeQuery } from './query.ts';
import { compareRows } from './rows.ts';

const boolean: SqlType = { kind: 'boolean' };

/** A subquery in an expression: its plan is kept with the statement, an id stands for its value. */
export function analyzeSubquery(place: ExpressionPlace, node: SubqueryExpression): Expr {
  const { context } = place;
  const { span } = node;
  switch (node.form) {
    case 'exists': {
      const { plan, operands } = innerPlan(place, node.query);
      return exists(place, plan, operands, span);
    }
    case 'scalar': {
      const { plan, width, operands } = innerPlan(place, node.query);
      if (width !== 1) throw notOneColumn(context, node.query);
      const { type } = plan.fields[0]!;
      return context.statement.subqueries.add({ form: 'scalar', plan, type, span, operands });
    }
    case 'any':
    case 'all':
      return quantified(place, node.operand!, node.operator!, node.query, node.form, span);
    case 'row':
      return rowOf(place, node);
    case 'array':
      return arrayOf(place, node.query, span);
  }
}

/** `x IN (SELECT ...)`. */
export function inSubquery(
  place: ExpressionPlace,
  operand: Expression,
  query: Query,
  span: Span,
): Expr {
  return quantified(place, operand, '=', query, 'any', span);
}

/** Places whose values are computed by themselves, not by a plan. */
const closedClauses: ReadonlySet<string> = new Set([
  'CHECK',
  'DEFAULT',
  'GENERATED',
  'LIMIT',
  'OFFSET',
  'RETURNING',
  'UPDATE',
]);

function innerPlan(place: ExpressionPlace, query: Query, use: 'derived' | 'array' = 'derived') {
  const { context, scope, clause } = place;
  if (closedClauses.has(clause)) throw unsupported(context, query.span, `a subquery in ${clause}`);
  const operands: Operand[] = [];
  const owner = place.aggregates && collecting(place.aggregates, operands);
  const outer = { ...scope, clause, ...(owner === undefined ? {} : { aggregates: owner }) };
  const outerScopes = [outer, ...context.outerScopes];
  const inside = { ...context, outerScopes };
  const { root, visibleColumns, orderBy } = analyzeQuery(inside, query, use);
  return { plan: root, width: visibleColumns, operands, orderBy };
}

/** Aggregates of the outer query that the inner one asks for are values which it is given. */
function collecting(aggregates: Aggregates, operands: Operand[]): AggregateOwner {
  return {
    owns: (column) => aggregates.owns(column),
    add(call, span) {
      const operand = aggregates.operand(aggregates.add(call, span));
      if (!operands.includes(operand)) operands.push(operand);
      return { ...columnExpr(operand.id, call.type), span };
    },
  };
}

/** ARRAY (SELECT ...): the values of the one column in the query's order. */
function arrayOf(place: ExpressionPlace, query: Query, span: Span): Expr {
  const { context } = place;
  const { plan: rows, width, operands, orderBy } = innerPlan(place, query, 'array');
  if (width !== 1) throw notOneColumn(context, query);
  const { signature } = resolveAggregate('array_agg', [rows.fields[0]!.type])!;
  const { id: functionId, result: type } = signature;
  const call = { functionId, args: [0], orderBy, direct: [], distinct: false };
  const field = { name: 'array', type, nullable: true };
  const collected = aggregateNode(rows, [], [call], [field]);
  const none: Expr = { kind: 'constant', type, value: new SqlArray([]) };
  const args = [columnExpr(0, type), none];
  const plan = mapNode(
    collected,
    ['array'],
    [{ kind: 'call', functionId: 'coalesce', args, type }],
  );
  return context.statement.subqueries.add({ form: 'scalar', plan, type, span, operands });
}

/** `(a, b) = (SELECT c, d ...)`: the row's fields with those of the subquery's one row. */
export function rowAndSubquery(
  place: ExpressionPlace,
  { operator, span }: BinaryExpression,
  row: RowExpression,
  subquery: SubqueryExpression,
): Expr {
  const { context } = place;
  const left = analyzeExpression(place, row) as CallExpr;
  const value = rowOf(place, subquery);
  const width = value.type.kind === 'record' ? value.type.fields.length : 0;
  if (width !== left.args.length) {
    const message = `subquery has too ${width < left.args.length ? 'few' : 'many'} columns`;
    throw complain(context, subquery.query.span, message, { sqlState: '42601' });
  }
  const rights = left.args.map((_, index) => fieldAt(context, value, index, subquery.span));
  return compareRows(context, operator, left.args, rights, span);
}

/** The columns of the one row as fields f1, f2, ... */
function rowOf(place: ExpressionPlace, node: SubqueryExpression): Expr {
  const { query, span } = node;
  const { plan: rows, width, operands } = innerPlan(place, query);
  if (node.width !== undefined && node.width !== width) {
    const message = 'number of columns does not match number of values';
    throw complain(place.context, query.span, message, { sqlState: '42601' });
  }
  const cells = rows.fields.slice(0, width).map(({ type }, index) => columnExpr(index, type));
  const fields = cells.map(({ type }, index) => ({ name: `f${index + 1}`, type }));
  const type: SqlType = { kind: 'record', fields };
  const plan = mapNode(rows, ['row'], [{ kind: 'call', functionId: 'row', args: cells, type }]);
  return place.context.statement.subqueries.add({ form: 'scalar', plan, type, span, operands });
}

function notOneColumn(context: Context, { span }: Query) {
  return complain(context, span, 'subquery must return only one column', { sqlState: '42601' });
}

function exists(
  { context }: ExpressionPlace,
  plan: PlanNode,
  operands: readonly Operand[],
  span: Span,
): Expr {
  const { subqueries } = context.statement;
  return subqueries.add({ form: 'exists', plan, type: boolean, span, operands });
}

/**
 * `x op ANY (R)` is true if x op r is for some row r, else NULL if it is NULL for some, else false:
 *
 *   EXISTS (r: x op r)  OR  (EXISTS (r: x op r IS NULL) AND NULL)
 *
 * and `x op ALL (R)` is NOT (x not-op ANY (R)). A comparison is NULL just when a side of it is.
 */
function quantified(
  place: ExpressionPlace,
  operand: Expression,
  symbol: string,
  query: Query,
  form: 'any' | 'all',
  span: Span,
): Expr {
  const { context } = place;
  const { plan, width, operands: read } = innerPlan(place, query);
  const nodes = operand.kind === 'row' ? operand.items : [operand];
  if (nodes.length !== width) {
    const message = `subquery has too ${width < nodes.length ? 'few' : 'many'} columns`;
    throw complain(context, query.span, message, { sqlState: '42601' });
  }
  const given = nodes.map((item) => analyzeExpression(place, item));
  const operands: Operand[] = [...read];
  const lefts = given.map((expr) => {
    const isBare =
      expr.kind === 'column' && expr.index >= firstColumnId && isOfScope(place, expr.index);
    if (isBare || expr.kind === 'constant') return expr;
    const operand = context.statement.subqueries.operand(expr);
    operands.push(operand);
    const { id } = operand;
    return {
      ...columnExpr(id, expr.type),
      ...(expr.span === undefined ? {} : { span: expr.span }),
    };
  });
  const rights = plan.fields.slice(0, width).map(({ type }, index) => columnExpr(index, type));
  const compared = asBoolean(context, compareRows(context, symbol, lefts, rights, span), 'ANY');
  const test = form === 'any' ? compared : call('not', [compared]);
  const found = (filter: Expr) => exists(place, filterNode(plan, filter), operands, span);
  const isNull = (expr: Expr) => call('isNull', [expr]);
  const nulls: Expr[] = [];
  if (width > 1) {
    nulls.push(found(isNull(compared)));
  } else {
    const right = rights[0]!;
    if (plan.fields[0]!.nullable) nulls.push(found(isNull(right)));
    if (isNullable(place, given[0]!)) {
      nulls.push(call('and', [isNull(given[0]!), exists(place, plan, read, span)]));
    }
  }
  const any =
    nulls.length === 0
      ? found(test)
      : call('or', [found(test), ...nulls.map((test) => call('and', [test, nullBoolean]))]);
  return { ...(form === 'any' ? any : call('not', [any])), span };
}

const nullBoolean: Expr = { kind: 'constant', type: boolean, value: null };

function call(functionId: string, args: readonly Expr[]): Expr {
  return { kind: 'call', functionId, args, type: boolean };
}

function isOfScope({ scope }: ExpressionPlace, id: number): boolean {
  return scope.relations.some(({ columns }) => columns.includes(id));
}

/** False only where a NULL is impossible. */
function isNullable({ scope, aggregates }: ExpressionPlace, expr: Expr): boolean {
  if (expr.kind === 'constant') return expr.value === null;
  // After GROUP BY a column may be NULL for being in no grouping set.
  if (expr.kind !== 'column' || aggregates !== undefined) return true;
  const shown = scope.relations.flatMap(({ fields, columns }) =>
    fields.filter((_, index) => columns[index] === expr.index),
  );
  return shown[0]?.nullable ?? true;
}
