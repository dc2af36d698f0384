import { assert } from '../../platform/assert.ts';
import { foldConstant } from '../codegen/fold.ts';
import type { Field, SqlValue } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { located, type Side } from '../plan/joins.ts';
import { constantsNode, mapNode, topNNode, unionNode } from '../plan/nodes.ts';
import type { PlanNode, QueryPlan } from '../plan/physical.ts';
import type {
  CommonTable,
  Expression,
  OrderItem,
  Query,
  QueryBody,
  Values,
} from '../syntax/ast.ts';
import type { WithClause } from '../syntax/statement-ast.ts';
import { coerce, coerceAll, settled } from './coerce.ts';
import { type CommonPlan, type Context, complain, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeRecursive } from './recursion.ts';
import { emptyScope } from './scope.ts';
import { analyzeSelect, type SelectPlan, sortKey } from './select.ts';
import { analyzeSetOperation } from './set-operation.ts';

/**
 * A whole query. `use` says what becomes of it: only the rows of a `statement` have an order, so
 * elsewhere ORDER BY alone is dropped, and with LIMIT or OFFSET it is a TopN. An `array` keeps its
 * sort keys, in columns behind the visible one.
 */
export function analyzeQuery(
  outer: Context,
  query: Query,
  use: 'statement' | 'view' | 'derived' | 'array',
): QueryPlan {
  const context = withTables(outer, { tables: query.with, recursive: query.recursive });
  const body = unwrapped(query.body);
  const isBounded = query.limit !== undefined || query.offset !== undefined;
  // The order decides which rows there are, or else only how those of a statement come.
  const needsOrder =
    use === 'statement' ||
    use === 'array' ||
    isBounded ||
    (body.kind === 'select' && Array.isArray(body.distinct));
  const orderBy = needsOrder ? query.orderBy : [];
  const plan =
    body.kind === 'select'
      ? analyzeSelect(context, body, orderBy)
      : orderedBody(context, analyzeBody(context, body), orderBy);
  const bounds = {
    limit: rowCount(context, query.limit, 'LIMIT'),
    offset: rowCount(context, query.offset, 'OFFSET'),
  };
  if (use === 'statement' && query.withTies !== true) return withLimits(plan, bounds);
  const { root, visibleColumns } = isBounded ? topOf(plan, bounds, query.withTies === true) : plan;
  if (use === 'statement' || use === 'array') {
    return { root, visibleColumns, orderBy: plan.orderBy };
  }
  return { root: visible(root, visibleColumns), visibleColumns, orderBy: [] };
}

/** The context in which the tables of a WITH clause are in sight. */
export function withTables(outer: Context, { tables, recursive }: WithClause): Context {
  let context = outer;
  for (const table of tables) {
    const common = recursive
      ? analyzeRecursive(context, table, (inside, side) => analyzeBody(inside, unwrapped(side)))
      : undefined;
    const clause = table.search ?? table.cycle;
    if (common === undefined && clause !== undefined) {
      throw complain(context, clause.span, 'WITH query is not recursive', { sqlState: '42601' });
    }
    const plan = common ?? analyzeCommonTable(context, table);
    context = { ...context, commonTables: [...context.commonTables, plan] };
  }
  return context;
}

/** ORDER BY of a set operation or of VALUES. */
function orderedBody(context: Context, root: PlanNode, orderBy: readonly OrderItem[]): SelectPlan {
  const keys = orderBy.map((item) => {
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
  return { root, visibleColumns: root.fields.length, orderBy: keys };
}

interface Bounds {
  readonly limit: number | undefined;
  readonly offset: number | undefined;
}

/** The bounded rows as an operator: of a view, of a derived table, and with ties. */
function topOf(plan: SelectPlan, { limit, offset = 0 }: Bounds, withTies: boolean): SelectPlan {
  if (limit === undefined && offset === 0) return plan;
  const root = topNNode({
    input: plan.root,
    partitionBy: [],
    orderBy: plan.orderBy,
    // All rows of one rank tie.
    ranking: withTies && limit !== 0 ? 'rank' : 'row_number',
    ...(limit === undefined ? {} : { limit: offset + limit }),
    offset,
    withRank: false,
  });
  return { ...plan, root };
}

/** Without the columns that were sort keys only. */
function visible(root: PlanNode, columns: number): PlanNode {
  if (columns === root.fields.length) return root;
  const fields = root.fields.slice(0, columns);
  return mapNode(
    root,
    fields.map(({ name }) => name),
    fields.map(({ type }, index) => columnExpr(index, type)),
  );
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

function withLimits(plan: SelectPlan, { limit, offset }: Bounds): QueryPlan {
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
  const constant = foldConstant(expr);
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
    case 'select': {
      const { root, visibleColumns } = analyzeSelect(context, body, []);
      return visible(root, visibleColumns);
    }
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
