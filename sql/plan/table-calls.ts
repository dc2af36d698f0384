import type { Span } from '../syntax/ast.ts';
import type { Expr } from './expr.ts';
import { columnExpr, columnsOf } from './expr-tools.ts';
import { located, type Side } from './joins.ts';
import { flatMapNode } from './nodes.ts';
import type { TableCall } from './physical.ts';

/** Where a value lies in an aggregate's result (analyze/select.ts). */
type Lower = (expr: Expr) => Expr;

/**
 * Set-returning functions in the select list. A column id stands for the value of each; those that
 * depend on no other one advance together, row by row, and the shorter ones end in NULLs
 * (PostgreSQL's documentation 38.5.9).
 */
export class TableCalls {
  readonly #byId = new Map<number, TableCall>();
  readonly #newColumn: () => number;

  /** `newColumn` gives a column id that nothing else has. */
  constructor(newColumn: () => number) {
    this.#newColumn = newColumn;
  }

  /** The expression that stands for the value; the call gives one column. */
  add(call: TableCall, span: Span): Expr {
    const id = this.#newColumn();
    this.#byId.set(id, call);
    return { ...columnExpr(id, call.fields[0]!.type), span };
  }

  /** The expressions and what the calls in them are made of. */
  withArgs(exprs: readonly Expr[], lower: Lower = (expr) => expr): readonly Expr[] {
    const args = this.#in(exprs).flatMap(([, call]) => call.args.map(lower));
    return args.length === 0 ? exprs : [...exprs, ...this.withArgs(args, lower)];
  }

  /** The side's rows with those of each call in the expressions. */
  expanded(side: Side, exprs: readonly Expr[], lower: (expr: Expr) => Expr = (expr) => expr): Side {
    const isOpen = ([id]: readonly [number, TableCall]) => !side.columns.includes(id);
    const open = this.#in(this.withArgs(exprs, lower)).filter(isOpen);
    if (open.length === 0) return side;
    const ready = open.filter(([, { args }]) => !this.#in(args).some(isOpen));
    const calls = ready.map(([, call]): TableCall => {
      return { ...call, args: call.args.map((arg) => located(lower(arg), side)) };
    });
    const columns = [...side.columns, ...ready.map(([id]) => id)];
    const next = { ...side, plan: flatMapNode(side.plan, calls), columns };
    return this.expanded(next, exprs, lower);
  }

  #in(exprs: readonly Expr[]): (readonly [number, TableCall])[] {
    const ids = new Set(exprs.flatMap((expr) => [...columnsOf(expr)]));
    return [...ids].flatMap((id) => {
      const call = this.#byId.get(id);
      return call === undefined ? [] : [[id, call] as const];
    });
  }
}
