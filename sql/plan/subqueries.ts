import type { SqlType } from '../columns/types.ts';
import type { Span } from '../syntax/ast.ts';
import { freeTypes } from './correlation.ts';
import { emptyValue, unnest } from './decorrelate.ts';
import type { Expr } from './expr.ts';
import { columnExpr, columnsOf, exprKey, mapColumns } from './expr-tools.ts';
import { planFingerprint } from './intern.ts';
import { extended, filtered, innerJoin, located, outerJoin, type Side, withKeys } from './joins.ts';
import {
  aggregateNode,
  flatMapNode,
  mapNode,
  plainCall,
  projected,
  semiJoinNode,
} from './nodes.ts';
import type { PlanNode } from './physical.ts';
import { trueParts } from './truth.ts';
import type { Term } from './unnested.ts';

/**
 * A subquery of an expression, which a column id stands for. `scalar`: the one column of its one
 * row, NULL without a row; more rows are an error where the value is used. `exists`: whether it
 * has a row. IN, ANY and ALL are made of `exists` (analyze/subqueries.ts).
 */
export interface Subquery {
  readonly id: number;
  readonly form: 'scalar' | 'exists';
  readonly plan: PlanNode;
  readonly type: SqlType;
  readonly span: Span;
  /** Values of the using query that the plan reads by ids of their own. */
  readonly operands: readonly Operand[];
}

export interface Operand {
  readonly id: number;
  readonly expr: Expr;
}

const boolean: SqlType = { kind: 'boolean' };

/** The subqueries of one statement, and how they are joined to the rows that use them. */
export class Subqueries {
  readonly #byId = new Map<number, Subquery>();
  /** Ids by form and plan: equal subqueries are one, also for GROUP BY. */
  readonly #known = new Map<string, number>();
  /** Ids of operands by their expressions. */
  readonly #operands = new Map<string, number>();
  readonly #newColumn: () => number;

  /** `newColumn` gives a column id that nothing else has. */
  constructor(newColumn: () => number) {
    this.#newColumn = newColumn;
  }

  /** The expression that stands for the subquery's value. */
  add(subquery: Omit<Subquery, 'id'>): Expr {
    const key = `${subquery.form}\n${planFingerprint(subquery.plan)}`;
    const id = this.#known.get(key) ?? this.#newColumn();
    this.#known.set(key, id);
    this.#byId.set(id, { ...subquery, id });
    return { ...columnExpr(id, subquery.type), span: subquery.span };
  }

  /** An operand whose plans read it under one id, however often it is written. */
  operand(expr: Expr): Operand {
    const key = exprKey(expr);
    const id = this.#operands.get(key) ?? this.#newColumn();
    this.#operands.set(key, id);
    return { id, expr };
  }

  isIn(expr: Expr): boolean {
    return this.of([expr]).length > 0;
  }

  of(exprs: readonly Expr[]): readonly Subquery[] {
    const ids = new Set(exprs.flatMap((expr) => [...columnsOf(expr)]));
    return [...ids].flatMap((id) => this.#byId.get(id) ?? []);
  }

  /** The side with a value for each subquery that the expressions hold. */
  attached(side: Side, exprs: readonly Expr[]): Side {
    return this.of(exprs).reduce((result, subquery) => this.#attach(result, subquery), side);
  }

  /**
   * The rows for which all conditions are true, subqueries in them included. EXISTS and its
   * negation as a whole condition become a semi join and an anti join.
   */
  filtered(side: Side, conditions: readonly Expr[]): Side {
    return conditions.flatMap(trueParts).reduce((result, condition) => {
      const isNegated = condition.kind === 'call' && condition.functionId === 'not';
      const test = isNegated ? condition.args[0]! : condition;
      const subquery = test.kind === 'column' ? this.#byId.get(test.index) : undefined;
      return subquery?.form === 'exists'
        ? semiJoin(this.#prepared(result, subquery), subquery, isNegated)
        : filtered(this.attached(result, [condition]), [condition]);
    }, side);
  }

  /**
   * An aggregate's result as a side on which subqueries of the expressions find what they read of
   * the query: `lower` says where a value lies in the plan.
   */
  lowered(
    plan: PlanNode,
    exprs: readonly Expr[],
    lower: (expr: Expr) => Expr,
    scope: ReadonlySet<number>,
  ): Side {
    const side: Side = { plan, columns: plan.fields.map(() => this.#newColumn()) };
    const needed = new Map<number, Expr>();
    /** Operands that hold subqueries themselves, the innermost first. */
    const nested: Operand[] = [];
    const visit = (some: readonly Expr[]): void => {
      for (const { plan: inner, operands, span } of this.of(some)) {
        for (const operand of operands) {
          if (!this.isIn(operand.expr)) needed.set(operand.id, operand.expr);
          else {
            visit([operand.expr]);
            nested.push(operand);
          }
        }
        for (const [id, type] of freeTypes(inner)) {
          const isOperand = operands.some((operand) => operand.id === id);
          if (scope.has(id) && !isOperand) needed.set(id, { ...columnExpr(id, type), span });
        }
      }
    };
    visit(exprs);
    const added = [...needed].map(([id, expr]) => ({ id, expr: lower(expr), name: 'group' }));
    return nested.reduce(
      (result, operand) => {
        if (result.columns.includes(operand.id)) return result;
        const expr = lower(operand.expr);
        return extended(this.attached(result, [expr]), [{ id: operand.id, expr, name: 'group' }]);
      },
      added.length === 0 ? side : extended(side, added),
    );
  }

  #attach(side: Side, subquery: Subquery): Side {
    if (side.values?.has(subquery.id) === true) return side;
    const ready = this.#prepared(side, subquery);
    return subquery.form === 'exists'
      ? this.#marked(ready, subquery)
      : this.#valued(ready, subquery);
  }

  /** The side with the subquery's operands as columns. */
  #prepared(side: Side, { operands }: Subquery): Side {
    const missing = operands.filter(({ id }) => !side.columns.includes(id));
    if (missing.length === 0) return side;
    const exprs = missing.map(({ expr }) => expr);
    const added = missing.map((operand) => ({ ...operand, name: 'operand' }));
    return extended(this.attached(side, exprs), added);
  }

  /** One row for each different combination of the terms, behind a mark. */
  #marked(side: Side, { plan, id }: Subquery): Side {
    const { plan: rows, terms } = unnest(plan, side);
    const mark: Expr = { kind: 'constant', type: boolean, value: true };
    const outputs = [mark, ...terms.map(({ expr, column }) => columnExpr(column, expr.type))];
    const all = outputs.map((_, index) => index);
    const names = all.map((index) => `mark${index}`);
    const distinct = aggregateNode(mapNode(rows, names, outputs), all, [], []);
    const markId = this.#newColumn();
    const right: Side = { plan: distinct, columns: [markId] };
    const joined = outerJoin('left', side, right, [], keysOf(renumbered(terms, 1)));
    const args = [columnExpr(markId, boolean)];
    const isNull: Expr = { kind: 'call', functionId: 'isNull', args, type: boolean };
    return valued(joined, id, { kind: 'call', functionId: 'not', args: [isNull], type: boolean });
  }

  #valued(side: Side, subquery: Subquery): Side {
    const { id, plan, span } = subquery;
    const row = this.#attachRow(side, plan);
    if (row === undefined) return this.#checked(side, subquery);
    return valued(row.side, id, { ...row.exprs[0]!, span });
  }

  /** A plan that always has exactly one row, its columns over the side that it is joined to. */
  #attachRow(
    side: Side,
    node: PlanNode,
  ): { readonly side: Side; readonly exprs: readonly Expr[] } | undefined {
    if (node.kind === 'constants' && node.rows.length === 1) {
      const exprs = node.rows[0]!.map((value, index): Expr => {
        return { kind: 'constant', type: node.fields[index]!.type, value };
      });
      return { side, exprs };
    }
    if (node.kind === 'map' && node.filter === undefined) {
      const input = this.#attachRow(side, node.input);
      if (input === undefined) return undefined;
      const over = (expr: Expr) =>
        mapColumns(expr, (column) => input.exprs[column.index] ?? column);
      return { side: input.side, exprs: node.outputs.map(over) };
    }
    if (node.kind !== 'aggregate' || node.groupBy.length > 0) return undefined;
    const { plan, terms } = unnest(node.input, side);
    const groups = terms.map(({ column }) => column);
    const rows = aggregateNode(plan, groups, node.calls, node.fields);
    const count = node.calls.length;
    const right: Side = {
      plan: callsFirst(rows, groups.length),
      columns: node.calls.map(() => this.#newColumn()),
    };
    const joined =
      terms.length === 0
        ? innerJoin(side, right, [])
        : outerJoin('left', side, right, [], keysOf(renumbered(terms, count)));
    const exprs = node.fields.map(({ type }, index) =>
      emptyValue(node, index, columnExpr(right.columns[index]!, type)),
    );
    return { side: joined, exprs };
  }

  /** The value and, unless there is one at most, the number of rows per combination of terms. */
  #checked(side: Side, { id, plan, type, span }: Subquery): Side {
    const { plan: rows, terms } = unnest(plan, side);
    const groups = terms.map(({ column }) => column);
    if (rows.uniqueKey?.every((column) => groups.includes(column)) === true) {
      const only = this.#newColumn();
      const right: Side = { plan: rows, columns: [only] };
      const joined = outerJoin('left', side, right, [], keysOf(terms));
      return valued(joined, id, { ...columnExpr(only, type), span });
    }
    const calls = [plainCall('min', [0]), plainCall('count_star', [])];
    const bigint: SqlType = { kind: 'bigint' };
    const counted = aggregateNode(rows, groups, calls, [
      { name: 'value', type, nullable: true },
      { name: 'rows', type: bigint, nullable: false },
    ]);
    const [value, count] = [this.#newColumn(), this.#newColumn()];
    const right: Side = { plan: callsFirst(counted, groups.length), columns: [value, count] };
    const joined = outerJoin('left', side, right, [], keysOf(renumbered(terms, 2)));
    const args = [columnExpr(value, type), columnExpr(count, bigint)];
    return valued(joined, id, { kind: 'call', functionId: 'singleRow', args, type, span });
  }
}

/**
 * LATERAL: each row of the left side with the rows of a plan that reads its columns. `left` keeps
 * rows that have none.
 */
export function lateralJoin(
  type: 'inner' | 'left',
  left: Side,
  right: Side,
  on: readonly Expr[],
): Side {
  const { plan: rows } = right;
  const isCall = rows.kind === 'flat' && rows.input.fields.length === 0;
  if (type === 'inner' && isCall && isSingleRow(rows.input)) {
    // Table functions go over the left rows themselves.
    const calls = rows.calls.map((call) => ({
      ...call,
      args: call.args.map((arg) => located(arg, left)),
    }));
    const expanded = flatMapNode(left.plan, calls, rows.hasOrdinality);
    return filtered({ ...left, plan: expanded, columns: [...left.columns, ...right.columns] }, on);
  }
  const { plan, terms } = unnest(rows, left);
  const inner: Side = { plan, columns: right.columns };
  return type === 'left'
    ? outerJoin('left', left, inner, on, keysOf(terms))
    : filtered(innerJoin(left, inner, keysOf(terms)), on);
}

function isSingleRow(plan: PlanNode): boolean {
  return plan.kind === 'constants' && plan.rows.length === 1;
}

function semiJoin(side: Side, { plan }: Subquery, anti: boolean): Side {
  const inner = unnest(plan, side);
  const right: Side = { plan: inner.plan, columns: [] };
  const { sides, ...keys } = withKeys(side, right, keysOf(inner.terms));
  const joined = semiJoinNode({ ...keys, anti, left: sides.left, right: sides.right });
  return { ...side, plan: projected(joined, [...side.columns.keys()]) };
}

function valued(side: Side, id: number, expr: Expr): Side {
  return { ...side, values: new Map([...(side.values ?? []), [id, expr]]) };
}

function keysOf(terms: readonly Term[]) {
  return terms.map(({ expr, column, nullSafe }) => ({
    left: expr,
    right: columnExpr(column, expr.type),
    nullSafe,
  }));
}

function renumbered(terms: readonly Term[], first: number): readonly Term[] {
  return terms.map((term, index) => ({ ...term, column: first + index }));
}

/** An aggregate's calls, then its groups. */
function callsFirst(plan: PlanNode, groups: number): PlanNode {
  const columns = [...plan.fields.keys()];
  return projected(plan, [...columns.slice(groups), ...columns.slice(0, groups)]);
}
