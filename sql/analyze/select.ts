import { typeName } from '../columns/type-name.ts';
import type { Field, SqlType } from '../columns/types.ts';
import { candidates, resolveAggregate } from '../functions/resolve.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr, conjunctsOf, exprKey } from '../plan/expr-tools.ts';
import { located, type Side } from '../plan/joins.ts';
import { aggregateNode, mapNode } from '../plan/nodes.ts';
import type { AggregateCall, PlanNode, SortKey } from '../plan/physical.ts';
import type {
  CallExpression,
  Expression,
  OrderItem,
  Select,
  SubqueryExpression,
} from '../syntax/ast.ts';
import { asBoolean, settled } from './coerce.ts';
import { type Context, complain, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeFrom, joinedWith } from './from.ts';
import { columnsIn, expandStar, type Scope } from './scope.ts';

/** A SELECT with its sort keys behind the visible columns. */
export interface SelectPlan {
  readonly root: PlanNode;
  readonly visibleColumns: number;
  readonly orderBy: readonly SortKey[];
}

/** FROM, WHERE, GROUP BY, HAVING, the select list, DISTINCT; ORDER BY of the same query. */
export function analyzeSelect(
  context: Context,
  select: Select,
  orderBy: readonly OrderItem[],
  untyped: 'settle-untyped' | 'keep-untyped' = 'settle-untyped',
): SelectPlan {
  if (Array.isArray(select.distinct)) throw unsupported(context, select.span, 'DISTINCT ON');
  const from = analyzeFrom(context, select.from);
  const conditions: Expr[] = [];
  if (select.where !== undefined) {
    const place = { context, scope: from.scope, clause: 'WHERE' };
    const where = asBoolean(context, analyzeExpression(place, select.where), 'WHERE');
    conditions.push(...conjunctsOf(where));
  }
  const grouping = new Grouping(context, from.scope);
  const keepsUntyped = untyped === 'keep-untyped' && select.distinct === 'none';
  const items = selectItems(context, from.scope, select, grouping, keepsUntyped);
  const groupExprs = select.groupBy.map((node) => groupExpr(context, from.scope, node, items));
  const having =
    select.having === undefined
      ? undefined
      : asBoolean(context, grouping.analyze(select.having, 'HAVING'), 'HAVING');
  const sortItems = orderBy.map((item) => sortExpr(item, items, grouping, context));
  const isGrouped =
    select.groupBy.length > 0 || grouping.callCount > 0 || select.having !== undefined;

  const { subqueries, tableCalls } = context.statement;
  const joined = joinedWith(context, from, conditions);
  const inputs = tableCalls.withArgs(grouping.inputs(groupExprs));
  const base = tableCalls.expanded(subqueries.attached(joined, inputs), inputs);
  const exprs = [...items.map(({ expr }) => expr), ...sortItems.map(({ expr }) => expr)];
  const names = exprs.map((_, index) => items[index]?.name ?? `sort${index}`);
  const { side: attached, lower } = isGrouped
    ? grouping.plan(base, groupExprs, having, exprs)
    : {
        side: subqueries.attached(base, tableCalls.withArgs(exprs)),
        lower: (expr: Expr) => expr,
      };
  const side = tableCalls.expanded(attached, exprs.map(lower), lower);
  const outputs = exprs.map((expr) => located(lower(expr), side));
  const root = mapNode(side.plan, names, outputs);
  return ordered(context, select, root, items.length, sortItems);
}

interface Item {
  readonly expr: Expr;
  readonly name: string;
  readonly node: Expression | undefined;
}

function selectItems(
  context: Context,
  scope: Scope,
  select: Select,
  grouping: Grouping,
  keepsUntyped: boolean,
): Item[] {
  return select.items.flatMap(({ expression, alias }): Item[] => {
    if (expression.kind === 'star') {
      return expandStar(context, scope, expression).map(({ field, column }) => ({
        expr: { ...columnExpr(column, field.type), span: expression.span },
        name: field.name,
        node: undefined,
      }));
    }
    const given = grouping.analyze(expression, 'SELECT');
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
    const output = isInput ? undefined : items.find((candidate) => candidate.name === name);
    if (output !== undefined) return output.expr;
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

interface SortItem {
  readonly expr: Expr;
  readonly node: OrderItem;
  /** Number of the select item that it is, when it is one. */
  readonly item: number;
}

function sortExpr(
  node: OrderItem,
  items: readonly Item[],
  grouping: Grouping,
  context: Context,
): SortItem {
  const ordinal = itemByOrdinal(context, node.expression, items, 'ORDER BY');
  let item = ordinal === undefined ? -1 : items.indexOf(ordinal);
  if (item < 0 && node.expression.kind === 'column' && node.expression.parts.length === 1) {
    const name = node.expression.parts[0]!.name;
    item = items.findIndex((candidate) => candidate.name === name);
  }
  if (item >= 0) return { expr: items[item]!.expr, node, item };
  const expr = settled(context, grouping.analyze(node.expression, 'ORDER BY'));
  return {
    expr,
    node,
    item: items.findIndex((candidate) => exprKey(candidate.expr) === exprKey(expr)),
  };
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

export function sortKey(node: OrderItem, column: number): SortKey {
  return {
    column,
    descending: node.descending,
    // NULLs count as larger than everything.
    nullsFirst: node.nullsFirst ?? node.descending,
  };
}

/** Expressions that may hold aggregates: each call becomes a column past all input columns. */
const firstCallColumn = 1_000_000;

class Grouping {
  readonly #context: Context;
  readonly #scope: Scope;
  readonly #calls: {
    readonly functionId: string;
    readonly arg: Expr | undefined;
    readonly filter: Expr | undefined;
    readonly type: SqlType;
    readonly key: string;
  }[] = [];

  constructor(context: Context, scope: Scope) {
    this.#context = context;
    this.#scope = scope;
  }

  get callCount(): number {
    return this.#calls.length;
  }

  analyze(node: Expression, clause: string): Expr {
    const allowsRows = clause === 'SELECT' || clause === 'ORDER BY';
    const place = { context: this.#context, scope: this.#scope, clause, allowsRows };
    return analyzeExpression({ ...place, aggregate: (call) => this.#aggregate(call) }, node);
  }

  /** Below: a map that computes groups and arguments; then the aggregate; above: the items. */
  plan(
    base: Side,
    groups: readonly Expr[],
    having: Expr | undefined,
    exprs: readonly Expr[],
  ): { readonly side: Side; readonly lower: (expr: Expr) => Expr } {
    const outputs: Expr[] = [];
    const place = (expr: Expr): number => {
      const column = located(expr, base);
      const known = outputs.findIndex((output) => exprKey(output) === exprKey(column));
      return known >= 0 ? known : outputs.push(column) - 1;
    };
    const distinctGroups = [...new Map(groups.map((group) => [exprKey(group), group])).values()];
    const groupColumns = distinctGroups.map(place);
    const calls = this.#calls.map(
      ({ functionId, arg, filter }): AggregateCall => ({
        functionId,
        distinct: false,
        ...(arg === undefined ? {} : { arg: place(arg) }),
        ...(filter === undefined ? {} : { filter: place(filter) }),
      }),
    );
    const callFields = this.#calls.map(({ type }, index): Field => {
      return { name: `aggregate${index}`, type, nullable: true };
    });
    const below = mapNode(
      base.plan,
      outputs.map((_, index) => `c${index}`),
      outputs,
    );
    const plan = aggregateNode(below, groupColumns, calls, callFields);
    const lower = (expr: Expr) => this.#above(expr, distinctGroups);
    const { subqueries, tableCalls } = this.#context.statement;
    const used = tableCalls.withArgs(exprs.map(lower), lower);
    const filters = having === undefined ? [] : [lower(having)];
    const scope = columnsIn(this.#scope);
    const grouped = subqueries.lowered(plan, [...filters, ...used], lower, scope);
    const kept = subqueries.filtered(grouped, filters);
    return { side: subqueries.attached(kept, used), lower };
  }

  /** What is computed below the aggregate. */
  inputs(groups: readonly Expr[]): readonly Expr[] {
    return [
      ...groups,
      ...this.#calls.flatMap(({ arg, filter }) => [arg ?? [], filter ?? []].flat()),
    ];
  }

  #aggregate(node: CallExpression): Expr {
    const context = this.#context;
    const name = node.name.parts.at(-1)!.name;
    if (node.distinct) throw unsupported(context, node.span, 'DISTINCT in an aggregate');
    if (node.orderBy.length > 0) throw unsupported(context, node.span, 'ORDER BY in an aggregate');
    const place = { context, scope: this.#scope, clause: 'an aggregate' };
    if (node.args.length > 1) throw unsupported(context, node.span, 'more than one argument');
    const [argNode] = node.args;
    let arg = argNode === undefined ? undefined : analyzeExpression(place, argNode);
    const resolved = node.star || arg !== undefined ? resolveAggregate(name, arg?.type) : undefined;
    if (resolved === undefined || (node.star && resolved.signature.arg !== undefined)) {
      const shown = node.star ? '*' : arg === undefined ? '' : typeName(arg.type);
      throw complain(context, node.span, `function ${name}(${shown}) does not exist`, {
        sqlState: '42883',
        hint: candidates(name).join(', ') || undefined,
      });
    }
    const { signature, argCast } = resolved;
    if (arg !== undefined) {
      arg = settled(context, arg);
      if (argCast !== undefined) {
        const type = signature.arg ?? arg.type;
        arg = { kind: 'call', functionId: argCast, args: [arg], type, span: node.span };
      }
    }
    const filter =
      node.filter === undefined
        ? undefined
        : asBoolean(context, analyzeExpression(place, node.filter), 'FILTER');
    const parts = [signature.id, arg && exprKey(arg), filter && exprKey(filter)];
    const key = parts.map((part) => part ?? '').join('|');
    let index = this.#calls.findIndex((call) => call.key === key);
    if (index < 0) {
      const call = { functionId: signature.id, arg, filter, type: signature.result, key };
      index = this.#calls.push(call) - 1;
    }
    return { ...columnExpr(firstCallColumn + index, signature.result), span: node.span };
  }

  /** An expression over the aggregate's output: groups and calls become its columns. */
  #above(expr: Expr, groups: readonly Expr[]): Expr {
    const group = groups.findIndex((candidate) => exprKey(candidate) === exprKey(expr));
    const span = expr.span === undefined ? {} : { span: expr.span };
    if (group >= 0) return { ...columnExpr(group, groups[group]!.type), ...span };
    switch (expr.kind) {
      case 'column': {
        if (expr.index >= firstCallColumn) {
          const index = groups.length + expr.index - firstCallColumn;
          return { ...columnExpr(index, expr.type), ...span };
        }
        const relation = this.#scope.relations.find(({ columns }) => columns.includes(expr.index));
        // A column of an enclosing query is one value here.
        if (relation === undefined) return expr;
        const field = relation.fields[relation.columns.indexOf(expr.index)]!;
        throw complain(
          this.#context,
          expr.span ?? { start: 0, end: 0 },
          `column "${relation.alias}.${field.name}" must appear in the GROUP BY clause or be used in an aggregate function`,
          { sqlState: '42803' },
        );
      }
      case 'constant':
        return expr;
      case 'call':
        return { ...expr, args: expr.args.map((arg) => this.#above(arg, groups)) };
      case 'case':
        return {
          ...expr,
          branches: expr.branches.map(({ when, then }) => ({
            when: this.#above(when, groups),
            then: this.#above(then, groups),
          })),
          otherwise: this.#above(expr.otherwise, groups),
        };
    }
  }
}
