import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { firstColumnId } from '../plan/joins.ts';
import { filterNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { Operand } from '../plan/subqueries.ts';
import type { Expression, Query, Span, SubqueryExpression } from '../syntax/ast.ts';
import type { AggregateOwner, Aggregates } from './aggregates.ts';
import { asBoolean } from './coerce.ts';
import { complain, unsupported } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
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
      if (width !== 1) {
        throw complain(context, node.query.span, 'subquery must return only one column', {
          sqlState: '42601',
        });
      }
      const { type } = plan.fields[0]!;
      return context.statement.subqueries.add({ form: 'scalar', plan, type, span, operands });
    }
    case 'any':
    case 'all':
      return quantified(place, node.operand!, node.operator!, node.query, node.form, span);
    case 'array':
      throw unsupported(context, span, 'ARRAY of a subquery');
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

function innerPlan(place: ExpressionPlace, query: Query) {
  const { context, scope, clause } = place;
  if (closedClauses.has(clause)) throw unsupported(context, query.span, `a subquery in ${clause}`);
  const operands: Operand[] = [];
  const owner = place.aggregates && collecting(place.aggregates, operands);
  const outer = { ...scope, clause, ...(owner === undefined ? {} : { aggregates: owner }) };
  const outerScopes = [outer, ...context.outerScopes];
  const { root, visibleColumns } = analyzeQuery({ ...context, outerScopes }, query, 'derived');
  return { plan: root, width: visibleColumns, operands };
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
function isNullable({ scope }: ExpressionPlace, expr: Expr): boolean {
  if (expr.kind === 'constant') return expr.value === null;
  if (expr.kind !== 'column') return true;
  const shown = scope.relations.flatMap(({ fields, columns }) =>
    fields.filter((_, index) => columns[index] === expr.index),
  );
  return shown[0]?.nullable ?? true;
}
