import type { SqlType, SqlValue } from '../columns/types.ts';
import type { Span } from '../syntax/ast.ts';

/**
 * Typed expressions over the columns of one input batch. The analyzer makes them, rewrite rules
 * move them, `codegen/` compiles or interprets them. All implicit casts are explicit here.
 */
export type Expr = ColumnExpr | ConstantExpr | CallExpr | CaseExpr;

interface ExprBase {
  readonly type: SqlType;
  /** Where it came from in the statement's text; for run-time errors. */
  readonly span?: Span;
}

export interface ColumnExpr extends ExprBase {
  readonly kind: 'column';
  readonly index: number;
}

export interface ConstantExpr extends ExprBase {
  readonly kind: 'constant';
  readonly value: SqlValue;
  /** It stands for `$n`, as long as its type is unknown. */
  readonly parameter?: number;
}

/**
 * A scalar function, operator, cast or logical form by the id of its entry in
 * `sql/functions/scalar.ts` (`and`, `or`, `not`, `isNull`, `coalesce`, casts and operators too).
 */
export interface CallExpr extends ExprBase {
  readonly kind: 'call';
  readonly functionId: string;
  readonly args: readonly Expr[];
}

/** Searched CASE; every `when` is boolean, every `then` has the type of the whole. */
export interface CaseExpr extends ExprBase {
  readonly kind: 'case';
  readonly branches: readonly { readonly when: Expr; readonly then: Expr }[];
  readonly otherwise: Expr;
}
