import { assert } from '../../platform/assert.ts';
import { foldConstant } from '../codegen/fold.ts';
import type { Field, SqlValue } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { located, type Side } from '../plan/joins.ts';
import { constantsNode, mapNode, unionNode } from '../plan/nodes.ts';
import type { PlanNode, QueryPlan } from '../plan/physical.ts';
import type { CommonTable, Expression, Query, QueryBody, Values } from '../syntax/ast.ts';
import { coerce, coerceAll, settled } from './coerce.ts';
import { type CommonPlan, type Context, complain, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeRecursive } from './recursion.ts';
import { emptyScope } from './scope.ts';
import { analyzeSelect, type SelectPlan, sortKey } from './select.ts';
import { analyzeSetOperation } from './set-operation.ts';

/**
 * A whole query. `use` says what becomes of it: only the rows of a `statement` have an order, so
 * elsewhere ORDER BY alone is dropped and LIMIT is refused for now.
 */
export function analyzeQuery(
  outer: Context,
  query: Query,
  use: 'statement' | 'view' | 'derived',
): QueryPlan {
  let context = outer;
  for (const table of query.with) {
    const common = query.recursive
      ? analyzeRecursive(context, table, (inside, side) => analyzeBody(inside, unwrapped(side)))
      : undefined;
    const plan = common ?? analyzeCommonTable(context, table);
    context = { ...context, commonTables: [...context.commonTables, plan] };
  }
  const body = unwrapped(query.body);
  if (use !== 'statement') {
    const bound = query.limit ?? query.offset;
    if (bound !== undefined) {
      throw unsupported(
        context,
        bound.span,
        `LIMIT or OFFSET in a ${use === 'view' ? 'view' : 'derived table'}`,
      );
    }
  }
  if (body.kind === 'select') {
    const orderBy = use === 'statement' ? query.orderBy : [];
    return withLimits(context, query, analyzeSelect(context, body, orderBy));
  }
  const root = analyzeBody(context, body);
  const keys = (use === 'statement' ? query.orderBy : []).map((item) => {
    const { expression } = item;
    let column = -1;
    if (expression.kind === 'column' && expression.parts.length === 1) {
      column = root.fields.findIndex(({ name }) => name === expression.parts[0]!.name);
    } else if (expression.kind === 'literal' && expression.literal.type === 'integer') {
      column = Number(expression.literal.text) - 1;
    }
    if (root.fields[column] === undefined) {
      throw complain(
        context,
        item.span,
        'ORDER BY of a set operation or VALUES takes output columns only',
        { sqlState: '42P10', hint: 'Use a column name or number of the result.' },
      );
    }
    return sortKey(item, column);
  });
  return withLimits(context, query, { root, visibleColumns: root.fields.length, orderBy: keys });
}

/** Planned even when nothing uses it: its errors count. */
function analyzeCommonTable(context: Context, table: CommonTable): CommonPlan {
  const { root, visibleColumns } = analyzeQuery(context, table.query, 'derived');
  const names = table.columns;
  if (names.length > visibleColumns) {
    throw complain(
      context,
      names[visibleColumns]!.span,
      `WITH query "${table.name.name}" has ${visibleColumns} columns available but ${names.length} columns specified`,
      { sqlState: '42P10' },
    );
  }
  const fields = root.fields.map((field, index) => {
    return { ...field, name: names[index]?.name ?? field.name };
  });
  return { table, plan: { ...root, fields }, visibleColumns };
}

/** Parentheses around a query that adds nothing. */
function unwrapped(body: QueryBody): QueryBody {
  const isBare =
    body.kind === 'query' &&
    body.with.length === 0 &&
    body.orderBy.length === 0 &&
    body.limit === undefined &&
    body.offset === undefined;
  return isBare ? unwrapped(body.body) : body;
}

function withLimits(context: Context, query: Query, plan: SelectPlan): QueryPlan {
  const limit = rowCount(context, query.limit, 'LIMIT');
  const offset = rowCount(context, query.offset, 'OFFSET');
  return {
    ...plan,
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
  };
}

function rowCount(context: Context, node: Expression | undefined, clause: string) {
  if (node === undefined) return undefined;
  const place = { context, scope: emptyScope, clause };
  const expr = coerce(context, analyzeExpression(place, node), { kind: 'bigint' }, 'implicit');
  const constant = expr.kind === 'call' ? expr.args[0]! : expr;
  if (constant.kind !== 'constant')
    throw unsupported(context, node.span, `${clause} with an expression`);
  if (constant.value === null) return undefined;
  const count = Number(constant.value);
  if (count < 0) {
    throw complain(context, node.span, `${clause} must not be negative`, {
      sqlState: clause === 'LIMIT' ? '2201W' : '2201X',
    });
  }
  return count;
}

function analyzeBody(context: Context, body: QueryBody): PlanNode {
  switch (body.kind) {
    case 'select':
      return analyzeSelect(context, body, []).root;
    case 'query':
      return analyzeQuery(context, body, 'derived').root;
    case 'values':
      return analyzeValues(context, body);
    case 'set':
      return analyzeSetOperation(context, body, (side) => {
        const bare = unwrapped(side);
        if (bare.kind !== 'select') return analyzeBody(context, bare);
        return analyzeSelect(context, bare, [], 'keep-untyped').root;
      });
  }
}

/**
 * Constant rows become constants; others are one map of a single row each. `typed` may give an
 * item as a value of the column that it is meant for.
 */
export function analyzeValues(
  context: Context,
  values: Values,
  typed?: (item: Expression, position: number) => Expr | undefined,
): PlanNode {
  const width = values.rows[0]!.length;
  const rows = values.rows.map((row) => {
    if (row.length !== width) {
      throw complain(context, row[0]!.span, 'VALUES lists must all be the same length', {
        sqlState: '42601',
      });
    }
    const place = { context, scope: emptyScope, clause: 'VALUES' };
    return row.map((item, index) => typed?.(item, index) ?? analyzeExpression(place, item));
  });
  const columns = Array.from({ length: width }, (_, column) =>
    coerceAll(
      context,
      rows.map((row) => row[column]!),
      'VALUES',
    ).map((expr) => settled(context, expr)),
  );
  const names = columns.map((_, index) => `column${index + 1}`);
  const table = rows.map((_, row) => columns.map((column) => column[row]!));
  return rowsNode(context, table, names);
}

function rowsNode(
  context: Context,
  table: readonly (readonly Expr[])[],
  names: readonly string[],
): PlanNode {
  const rows = table.map((row) => row.map(foldConstant));
  const first = rows[0]!;
  const fields = first.map(({ type }, index): Field => {
    return { name: names[index]!, type, nullable: true };
  });
  const isConstant = rows.every((row) => row.every((expr) => expr.kind === 'constant'));
  if (isConstant) {
    const values = rows.map((row) =>
      row.map((expr): SqlValue => {
        assert(expr.kind === 'constant', 'all are constants');
        return expr.value;
      }),
    );
    return constantsNode(fields, values);
  }
  const single: Side = { plan: constantsNode([], [[]]), columns: [] };
  return unionNode(
    rows.map((row) => {
      const side = context.statement.subqueries.attached(single, row);
      return mapNode(
        side.plan,
        names,
        row.map((expr) => located(expr, side)),
      );
    }),
    fields,
  );
}
