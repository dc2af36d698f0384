import type { Field, SqlType, SqlValue } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr, exprKey } from '../plan/expr-tools.ts';
import { located, type Side } from '../plan/joins.ts';
import { aggregateNode, expandNode, mapNode } from '../plan/nodes.ts';
import type { AggregateCall, PlanNode, SortKey } from '../plan/physical.ts';
import type { Operand } from '../plan/subqueries.ts';
import type { CallExpression, Expression, Select, Span } from '../syntax/ast.ts';
import {
  type Aggregates,
  columnsRead,
  type TypedAggregate,
  type TypedOrder,
} from './aggregates.ts';
import { settled } from './coerce.ts';
import { type Context, complain, newColumn } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { groupingSets } from './grouping-sets.ts';
import { columnsIn, type Scope } from './scope.ts';
import { firstWindowColumn } from './windows.ts';

/** Aggregate calls become columns past all input columns, GROUPING calls past those. */
const firstCallColumn = 1_000_000;
const firstGroupingColumn = 2_000_000;

/** What is computed, and how an expression over FROM's rows reads in terms of it. */
export interface Lowered {
  readonly side: Side;
  readonly lower: (expr: Expr) => Expr;
}

interface Call extends TypedAggregate {
  readonly key: string;
}

const setField: Field = { name: 'set', type: { kind: 'integer' }, nullable: false };

/** GROUP BY, its sets, and the aggregates of one SELECT. */
export class Grouping implements Aggregates {
  readonly #context: Context;
  readonly #scope: Scope;
  readonly #calls: Call[] = [];
  /** Arguments of GROUPING calls. */
  readonly #groupings: { readonly args: readonly Expr[]; readonly node: CallExpression }[] = [];
  /** Different group expressions. */
  #groups: Expr[] = [];
  /** Each set as numbers of group expressions; a plain GROUP BY is one set of all. */
  #sets: readonly (readonly number[])[] = [[]];
  #hasGroupBy = false;
  /** The calls that stand in subqueries, by their expressions. */
  readonly #operands = new Map<string, Operand>();

  constructor(context: Context, scope: Scope) {
    this.#context = context;
    this.#scope = scope;
  }

  get isUsed(): boolean {
    return this.#hasGroupBy || this.#calls.length > 0 || this.#groupings.length > 0;
  }

  analyze(node: Expression, clause: string, window?: (call: CallExpression) => Expr): Expr {
    const allowsRows = clause === 'SELECT' || clause === 'ORDER BY';
    const place = { context: this.#context, scope: this.#scope, clause, allowsRows };
    return analyzeExpression(
      {
        ...place,
        aggregates: this,
        ...(window === undefined ? {} : { window }),
      },
      node,
    );
  }

  /** `typed` types one expression of GROUP BY. */
  groupBy(
    { groupBy: elements, groupByDistinct }: Pick<Select, 'groupBy' | 'groupByDistinct'>,
    typed: (node: Expression) => Expr,
  ): void {
    this.#hasGroupBy = elements.length > 0;
    const numbers = new Map<string, number>();
    const numberOf = (node: Expression) => {
      const expr = typed(node);
      this.#checkGroup(expr, node);
      const key = exprKey(expr);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, this.#groups.length);
      return this.#groups.push(expr) - 1;
    };
    this.#sets = groupingSets(this.#context, elements, numberOf, groupByDistinct === true);
  }

  /** A name or number may stand for an item of the select list that is no value of a row. */
  #checkGroup(expr: Expr, { span }: Expression): void {
    const wrong = columnsRead(this.#context, [expr]).find((column) => {
      return column >= firstCallColumn || this.owns(column);
    });
    if (wrong === undefined) return;
    const isWindow = wrong >= firstWindowColumn;
    const what = isWindow ? 'window functions' : 'aggregate functions';
    throw complain(this.#context, span, `${what} are not allowed in GROUP BY`, {
      sqlState: isWindow ? '42P20' : '42803',
    });
  }

  /**
   * Below: a map that computes groups and arguments; for several sets, each row once per set, with
   * NULL for the groups that are not in it and the set's number as one group more; then the
   * aggregate. `exprs` are all that will be asked of it.
   */
  plan(base: Side, having: Expr | undefined, exprs: readonly Expr[]): Lowered {
    const asked = having === undefined ? exprs : [having, ...exprs];
    for (const expr of asked) this.#addDependent(expr);
    const outputs: Expr[] = [];
    const place = (expr: Expr): number => {
      const column = located(expr, base);
      const key = exprKey(column);
      const known = outputs.findIndex((output) => exprKey(output) === key);
      return known >= 0 ? known : outputs.push(column) - 1;
    };
    const groupColumns = this.#groups.map(place);
    const calls = this.#calls.map((call) => placedCall(call, place));
    const below = mapNode(
      base.plan,
      outputs.map((_, index) => `c${index}`),
      outputs,
    );
    const callFields = this.#calls.map(({ type }, index): Field => {
      return { name: `aggregate${index}`, type, nullable: true };
    });
    const plan =
      this.#sets.length === 1 && this.#sets[0]!.length === this.#groups.length
        ? aggregateNode(below, groupColumns, calls, callFields)
        : this.#overSets(below, groupColumns, calls, callFields);
    const lower = (expr: Expr) => this.#above(expr, plan.groupBy.length);
    const { subqueries, tableCalls } = this.#context.statement;
    const used = tableCalls.withArgs(exprs.map(lower), lower);
    const filters = having === undefined ? [] : [lower(having)];
    const scope = columnsIn(this.#scope);
    const grouped = subqueries.lowered(plan, [...filters, ...used], lower, scope);
    const kept = subqueries.filtered(grouped, filters);
    return { side: subqueries.attached(kept, used), lower };
  }

  /** What is computed below the aggregate. */
  inputs(): readonly Expr[] {
    return [
      ...this.#groups,
      ...this.#calls.flatMap(({ args, orderBy, filter }) => [
        ...args,
        ...orderBy.map(({ expr }) => expr),
        ...(filter === undefined ? [] : [filter]),
      ]),
    ];
  }

  /** Output of the expansion: groups, number of the set, then all columns of `below`. */
  #overSets(
    below: PlanNode,
    groupColumns: readonly number[],
    calls: readonly AggregateCall[],
    callFields: readonly Field[],
  ) {
    const shift = groupColumns.length + 1;
    const groupFields = groupColumns.map((column) => ({
      ...below.fields[column]!,
      nullable: true,
    }));
    const outputs = this.#sets.map((set, number): Expr[] => [
      ...groupColumns.map((column, group): Expr => {
        const { type } = below.fields[column]!;
        return set.includes(group)
          ? columnExpr(column, type)
          : { kind: 'constant', type, value: null };
      }),
      { kind: 'constant', type: setField.type, value: number },
      ...below.fields.map(({ type }, column) => columnExpr(column, type)),
    ]);
    const expanded = expandNode(below, outputs, [...groupFields, setField, ...below.fields]);
    const always = this.#sets.flatMap((set, number): SqlValue[][] =>
      set.length === 0 ? [[...groupColumns.map(() => null), number]] : [],
    );
    const groups = Array.from({ length: shift }, (_, column) => column);
    return aggregateNode(
      expanded,
      groups,
      calls.map((call) => shifted(call, shift)),
      callFields,
      always,
    );
  }

  add(call: TypedAggregate, span: Span): Expr {
    const key = [
      call.functionId,
      call.args.map(exprKey),
      call.orderBy.map((item) => [exprKey(item.expr), item.descending, item.nullsFirst]),
      call.direct,
      call.filter && exprKey(call.filter),
      call.distinct,
    ];
    const text = JSON.stringify(key);
    let index = this.#calls.findIndex((other) => other.key === text);
    if (index < 0) index = this.#calls.push({ ...call, key: text }) - 1;
    return { ...columnExpr(firstCallColumn + index, call.type), span };
  }

  owns(column: number): boolean {
    return [...this.#operands.values()].some(({ id }) => id === column);
  }

  operand(call: Expr): Operand {
    const key = exprKey(call);
    const operand = this.#operands.get(key) ?? { id: newColumn(this.#context), expr: call };
    this.#operands.set(key, operand);
    return operand;
  }

  grouping(node: CallExpression): Expr {
    const place = { context: this.#context, scope: this.#scope, clause: 'GROUPING' };
    const args = node.args.map((arg) => settled(this.#context, analyzeExpression(place, arg)));
    if (args.length > 31) {
      throw complain(this.#context, node.span, 'GROUPING must have fewer than 32 arguments', {
        sqlState: '54023',
      });
    }
    const index = this.#groupings.push({ args, node }) - 1;
    return { ...columnExpr(firstGroupingColumn + index, { kind: 'integer' }), span: node.span };
  }

  /**
   * Columns of a relation whose primary key is grouped by depend on it: they become groups too,
   * which changes nothing but that they can be shown (PostgreSQL, SELECT, GROUP BY clause).
   */
  #addDependent(expr: Expr): void {
    if (this.#numberOf(expr) >= 0) return;
    if (expr.kind === 'call') for (const arg of expr.args) this.#addDependent(arg);
    if (expr.kind === 'case') {
      for (const { when, then } of expr.branches) {
        this.#addDependent(when);
        this.#addDependent(then);
      }
      this.#addDependent(expr.otherwise);
    }
    if (expr.kind !== 'column' || expr.index >= firstCallColumn || !this.#isDependent(expr.index)) {
      return;
    }
    const group = this.#groups.push(columnExpr(expr.index, expr.type)) - 1;
    this.#sets = this.#sets.map((set) => [...set, group]);
  }

  #isDependent(column: number): boolean {
    const relation = this.#scope.relations.find(({ columns }) => columns.includes(column));
    const key = relation?.key ?? [];
    if (key.length === 0) return false;
    return key.every((part) => {
      const group = this.#groups.findIndex((expr) => expr.kind === 'column' && expr.index === part);
      return group >= 0 && this.#sets.every((set) => set.includes(group));
    });
  }

  #numberOf(expr: Expr): number {
    const key = exprKey(expr);
    return this.#groups.findIndex((group) => exprKey(group) === key);
  }

  /** An expression over the aggregate's output, in which `groupCount` columns come first. */
  #above(expr: Expr, groupCount: number): Expr {
    const group = this.#numberOf(expr);
    const span = expr.span === undefined ? {} : { span: expr.span };
    if (group >= 0) return { ...columnExpr(group, expr.type), ...span };
    const above = (part: Expr) => this.#above(part, groupCount);
    switch (expr.kind) {
      case 'column': {
        if (expr.index >= firstWindowColumn) return expr;
        if (expr.index >= firstGroupingColumn) {
          return this.#groupingValue(expr.index - firstGroupingColumn, groupCount);
        }
        if (expr.index >= firstCallColumn) {
          const index = groupCount + expr.index - firstCallColumn;
          return { ...columnExpr(index, expr.type), ...span };
        }
        // A column of an enclosing query is one value here.
        if (!columnsIn(this.#scope).has(expr.index)) return expr;
        throw this.#ungrouped(expr);
      }
      case 'constant':
        return expr;
      case 'call':
        return { ...expr, args: expr.args.map(above) };
      case 'case':
        return {
          ...expr,
          branches: expr.branches.map(({ when, then }) => ({
            when: above(when),
            then: above(then),
          })),
          otherwise: above(expr.otherwise),
        };
    }
  }

  /** One bit per argument, the last one lowest: 1 where the set has not grouped by it. */
  #groupingValue(index: number, groupCount: number): Expr {
    const integer: SqlType = { kind: 'integer' };
    const { args, node } = this.#groupings[index]!;
    const groups = args.map((arg) => this.#numberOf(arg));
    if (groups.includes(-1)) {
      throw complain(
        this.#context,
        node.span,
        'arguments to GROUPING must be grouping expressions of the associated query level',
        { sqlState: '42803' },
      );
    }
    const values = this.#sets.map((set) =>
      groups.reduce((bits, group) => 2 * bits + (set.includes(group) ? 0 : 1), 0),
    );
    const constant = (value: number): Expr => ({ kind: 'constant', type: integer, value });
    if (this.#sets.length === 1) return constant(values[0]!);
    const branches = values.map((value, set) => ({
      when: {
        kind: 'call' as const,
        functionId: '=:integer',
        args: [columnExpr(groupCount - 1, integer), constant(set)],
        type: { kind: 'boolean' as const },
      },
      then: constant(value),
    }));
    return { kind: 'case', branches, otherwise: constant(0), type: integer };
  }

  #ungrouped(expr: Expr & { readonly kind: 'column' }) {
    const relation = this.#scope.relations.find(({ columns }) => columns.includes(expr.index));
    const name =
      relation === undefined
        ? this.#scope.shown.find(({ column }) => column === expr.index)!.field.name
        : `${relation.alias}.${relation.fields[relation.columns.indexOf(expr.index)]!.name}`;
    return complain(
      this.#context,
      expr.span ?? { start: 0, end: 0 },
      `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`,
      { sqlState: '42803' },
    );
  }
}

/** Sort keys of expressions that `place` gives columns. */
export function placedOrder(
  orderBy: readonly TypedOrder[],
  place: (expr: Expr) => number,
): SortKey[] {
  return orderBy.map(({ expr, descending, nullsFirst }) => ({
    column: place(expr),
    descending,
    nullsFirst,
  }));
}

function placedCall(call: TypedAggregate, place: (expr: Expr) => number): AggregateCall {
  const { functionId, args, orderBy, direct, filter, distinct } = call;
  return {
    functionId,
    args: args.map(place),
    orderBy: placedOrder(orderBy, place),
    direct,
    distinct,
    ...(filter === undefined ? {} : { filter: place(filter) }),
  };
}

function shifted(call: AggregateCall, by: number): AggregateCall {
  return {
    ...call,
    args: call.args.map((arg) => arg + by),
    orderBy: call.orderBy.map((key) => ({ ...key, column: key.column + by })),
    ...(call.filter === undefined ? {} : { filter: call.filter + by }),
  };
}
