import type { Expr } from '../plan/expr.ts';
import { columnExpr, conjunctsOf, exprKey } from '../plan/expr-tools.ts';
import { located } from '../plan/joins.ts';
import { aggregateNode, mapNode, topNNode } from '../plan/nodes.ts';
import type { PlanNode, SortKey } from '../plan/physical.ts';
import type { Expression, OrderItem, Select, SubqueryExpression } from '../syntax/ast.ts';
import { asBoolean, settled } from './coerce.ts';
import { type Context, complain } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeFrom, joinedWith } from './from.ts';
import { Grouping } from './grouping.ts';
import type { Scope } from './scope.ts';
import { starColumns } from './whole-rows.ts';
import { Windows } from './windows.ts';

/** A SELECT with its sort keys behind the visible columns. */
export interface SelectPlan {
  readonly root: PlanNode;
  readonly visibleColumns: number;
  readonly orderBy: readonly SortKey[];
}

/** FROM, WHERE, GROUP BY, HAVING, windows, the select list, DISTINCT; ORDER BY of the same query. */
export function analyzeSelect(
  context: Context,
  select: Select,
  orderBy: readonly OrderItem[],
  untyped: 'settle-untyped' | 'keep-untyped' = 'settle-untyped',
): SelectPlan {
  const from = analyzeFrom(context, select.from);
  const conditions: Expr[] = [];
  if (select.where !== undefined) {
    const place = { context, scope: from.scope, clause: 'WHERE' };
    const where = asBoolean(context, analyzeExpression(place, select.where), 'WHERE');
    conditions.push(...conjunctsOf(where));
  }
  const grouping = new Grouping(context, from.scope);
  const windows = new Windows(context, grouping, select.windows ?? []);
  const analyze: Analyze = (node, clause) =>
    grouping.analyze(node, clause, (call) => windows.add(call));
  const keepsUntyped = untyped === 'keep-untyped' && select.distinct === 'none';
  const items = selectItems(context, from.scope, select, analyze, keepsUntyped);
  grouping.groupBy(select, (node) => groupExpr(context, from.scope, node, items));
  const having =
    select.having === undefined
      ? undefined
      : asBoolean(context, grouping.analyze(select.having, 'HAVING'), 'HAVING');
  const sortItems = orderBy.map((item) => sortExpr(item, items, analyze, context));
  const distinctOn =
    typeof select.distinct === 'string'
      ? undefined
      : select.distinct.map((node) => distinctExpr(node, items, analyze, context));

  const { subqueries, tableCalls } = context.statement;
  const joined = joinedWith(context, from, conditions);
  const inputs = tableCalls.withArgs(grouping.inputs());
  const base = tableCalls.expanded(subqueries.attached(joined, inputs), inputs);
  const exprs = [...items, ...sortItems, ...(distinctOn ?? [])].map(({ expr }) => expr);
  windows.checkOperands(exprs);
  const asked = [...exprs, ...windows.exprs()];
  const grouped =
    grouping.isUsed || having !== undefined
      ? grouping.plan(base, having, asked)
      : {
          side: subqueries.attached(base, tableCalls.withArgs(asked)),
          lower: (expr: Expr) => expr,
        };
  const { side: windowed, lower } = windows.plan(grouped);
  const side = tableCalls.expanded(windowed, exprs.map(lower), lower);
  const names = exprs.map((_, index) => items[index]?.name ?? `sort${index}`);
  const outputs = exprs.map((expr) => located(lower(expr), side));
  const root = mapNode(side.plan, names, outputs);
  if (distinctOn !== undefined) {
    return firstOfEach(context, root, items.length, sortItems, distinctOn);
  }
  return ordered(context, select, root, items.length, sortItems);
}

/** An expression of the select list or ORDER BY: aggregates and window functions may stand in it. */
type Analyze = (node: Expression, clause: string) => Expr;

interface Item {
  readonly expr: Expr;
  readonly name: string;
  readonly node: Expression | undefined;
}

function selectItems(
  context: Context,
  scope: Scope,
  select: Select,
  analyze: Analyze,
  keepsUntyped: boolean,
): Item[] {
  return select.items.flatMap(({ expression, alias }): Item[] => {
    if (expression.kind === 'star') {
      const columns = starColumns({ context, scope }, expression, (node) =>
        analyze(node, 'SELECT'),
      );
      return columns.map((column) => ({ ...column, node: undefined }));
    }
    const given = analyze(expression, 'SELECT');
    const expr = keepsUntyped ? given : settled(context, given);
    return [{ expr, name: alias?.name ?? nameOf(expression), node: expression }];
  });
}

/** PostgreSQL's name for a column without an alias (FigureColname). */
export function nameOf(node: Expression): string {
  switch (node.kind) {
    case 'column':
      return node.parts.at(-1)!.name;
    case 'call':
      return node.name.parts.at(-1)!.name;
    case 'cast': {
      const inner = nameOf(node.operand);
      return inner === '?column?' ? node.typeName.name : inner;
    }
    case 'case': {
      const inner = node.otherwise === undefined ? '?column?' : nameOf(node.otherwise);
      return inner === '?column?' ? 'case' : inner;
    }
    case 'literal':
      return node.literal.type === 'typed' ? node.literal.typeName.name : '?column?';
    case 'subquery':
      return subqueryName(node);
    case 'field':
      return node.name.name;
    case 'subscript':
      return nameOf(node.operand);
    case 'array':
    case 'row':
      return node.kind;
    case 'json-query':
      return `json_${node.form}`;
    case 'json-constructor':
      return node.form === 'parse' ? 'json' : `json_${node.form === 'query' ? 'array' : node.form}`;
    default:
      return '?column?';
  }
}

function subqueryName({ form, query }: SubqueryExpression): string {
  if (form === 'exists' || form === 'array') return form;
  const { body } = query;
  const [item] = form === 'scalar' && body.kind === 'select' ? body.items : [];
  if (item === undefined) return '?column?';
  return item.alias?.name ?? nameOf(item.expression);
}

/** An ordinal or an output name of the select list, or an expression over the input. */
function groupExpr(context: Context, scope: Scope, node: Expression, items: readonly Item[]): Expr {
  const item = itemByOrdinal(context, node, items, 'GROUP BY');
  if (item !== undefined) return item.expr;
  if (node.kind === 'column' && node.parts.length === 1) {
    // An input column wins over an output name here; ORDER BY has it the other way round.
    const name = node.parts[0]!.name;
    const isInput = scope.shown.some(({ field }) => field.name === name);
    const output = isInput ? -1 : itemNamed(context, items, name, node, 'GROUP BY');
    if (output >= 0) return items[output]!.expr;
  }
  const place = { context, scope, clause: 'GROUP BY', allowsRows: true };
  return settled(context, analyzeExpression(place, node));
}

function itemByOrdinal(
  context: Context,
  node: Expression,
  items: readonly Item[],
  clause: string,
): Item | undefined {
  if (node.kind !== 'literal') return undefined;
  if (node.literal.type !== 'integer') {
    if (node.literal.type === 'typed') return undefined;
    throw complain(context, node.span, `non-integer constant in ${clause}`, { sqlState: '42601' });
  }
  const item = items[Number(node.literal.text) - 1];
  if (item === undefined) {
    throw complain(
      context,
      node.span,
      `${clause} position ${node.literal.text} is not in select list`,
      { sqlState: '42P10' },
    );
  }
  return item;
}

/** The number of the item of that name, or -1. Items of one name must be the same. */
function itemNamed(
  context: Context,
  items: readonly Item[],
  name: string,
  { span }: Expression,
  clause: string,
): number {
  const found = items.findIndex((item) => item.name === name);
  if (found < 0) return found;
  const key = exprKey(items[found]!.expr);
  if (items.every((item) => item.name !== name || exprKey(item.expr) === key)) return found;
  throw complain(context, span, `${clause} "${name}" is ambiguous`, { sqlState: '42702' });
}

interface SortItem extends OutputExpr {
  readonly node: OrderItem;
}

function sortExpr(
  node: OrderItem,
  items: readonly Item[],
  analyze: Analyze,
  context: Context,
): SortItem {
  return { node, ...outputExpr(node.expression, items, analyze, context, 'ORDER BY') };
}

interface OutputExpr {
  readonly expr: Expr;
  /** Number of the select item that it is, or -1. */
  readonly item: number;
}

function distinctExpr(
  node: Expression,
  items: readonly Item[],
  analyze: Analyze,
  context: Context,
): OutputExpr {
  return outputExpr(node, items, analyze, context, 'DISTINCT ON');
}

/** An ordinal or an output name of the select list, or an expression over the input. */
function outputExpr(
  node: Expression,
  items: readonly Item[],
  analyze: Analyze,
  context: Context,
  clause: string,
): OutputExpr {
  const ordinal = itemByOrdinal(context, node, items, clause);
  let item = ordinal === undefined ? -1 : items.indexOf(ordinal);
  if (item < 0 && node.kind === 'column' && node.parts.length === 1) {
    item = itemNamed(context, items, node.parts[0]!.name, node, clause);
  }
  if (item >= 0) return { expr: items[item]!.expr, item };
  const expr = settled(context, analyze(node, clause));
  const key = exprKey(expr);
  return { expr, item: items.findIndex((candidate) => exprKey(candidate.expr) === key) };
}

/** DISTINCT, then the sort keys as column numbers. */
function ordered(
  context: Context,
  select: Select,
  root: PlanNode,
  visibleColumns: number,
  sortItems: readonly SortItem[],
): SelectPlan {
  const isDistinct = select.distinct === 'all';
  const orderBy = sortItems.map(({ node, item }, index): SortKey => {
    if (isDistinct && item < 0) {
      throw complain(
        context,
        node.span,
        'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
        { sqlState: '42P10' },
      );
    }
    return sortKey(node, item >= 0 ? item : visibleColumns + index);
  });
  if (!isDistinct) return { root, visibleColumns, orderBy };
  const visible = mapNode(
    root,
    root.fields.slice(0, visibleColumns).map(({ name }) => name),
    root.fields.slice(0, visibleColumns).map(({ type }, index) => columnExpr(index, type)),
  );
  const all = visible.fields.map((_, index) => index);
  return { root: aggregateNode(visible, all, [], []), visibleColumns, orderBy };
}

/** DISTINCT ON: the first row of each combination, in the query's order. */
function firstOfEach(
  context: Context,
  root: PlanNode,
  visibleColumns: number,
  sortItems: readonly SortItem[],
  distinctOn: readonly OutputExpr[],
): SelectPlan {
  const firstSort = visibleColumns;
  const firstDistinct = firstSort + sortItems.length;
  const keys = new Set(distinctOn.map(({ expr }) => exprKey(expr)));
  for (const { expr, node } of sortItems.slice(0, keys.size)) {
    if (keys.has(exprKey(expr))) continue;
    throw complain(
      context,
      node.span,
      'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
      { sqlState: '42P10' },
    );
  }
  const orderBy = sortItems.map(({ node, item }, index) =>
    sortKey(node, item >= 0 ? item : firstSort + index),
  );
  const partitionBy = distinctOn.map(({ item }, index) =>
    item >= 0 ? item : firstDistinct + index,
  );
  const bounds = { ranking: 'row_number', limit: 1, offset: 0, withRank: false } as const;
  const top = topNNode({ input: root, partitionBy, orderBy, ...bounds });
  return { root: top, visibleColumns, orderBy };
}

export function sortKey(node: OrderItem, column: number): SortKey {
  return {
    column,
    descending: node.descending,
    // NULLs count as larger than everything.
    nullsFirst: node.nullsFirst ?? node.descending,
  };
}
