import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../columns/batch.ts';
import { isVolatileFunction } from '../functions/scalar.ts';
import type { CallExpr, Expr } from '../plan/expr.ts';
import { interpret, isStrictCall } from './interpreter.ts';

const noColumns: Batch = { rowCount: 1, columns: [], weights: Int32Array.of(1) };

/**
 * Constant folding: calls over constants alone become constants, and strict calls of a NULL become
 * NULL, whatever else is in them, as PostgreSQL has it (clauses.c, evaluate_function). What fails
 * stays as it is, since it may stand where no row ever evaluates it.
 */
export function foldConstant(expr: Expr): Expr {
  switch (expr.kind) {
    case 'column':
    case 'constant':
      return expr;
    case 'case':
      return {
        ...expr,
        branches: expr.branches.map(({ when, then }) => ({
          when: foldConstant(when),
          then: foldConstant(then),
        })),
        otherwise: foldConstant(expr.otherwise),
      };
    case 'call': {
      const folded = { ...expr, args: expr.args.map(foldConstant) };
      if (isNullAnyway(folded)) return { kind: 'constant', type: expr.type, value: null };
      if (isVolatileFunction(folded.functionId)) return folded;
      if (!folded.args.every(({ kind }) => kind === 'constant')) return folded;
      try {
        const value = interpret(folded, noColumns, 0);
        const span = expr.span === undefined ? {} : { span: expr.span };
        return { kind: 'constant', type: expr.type, value, ...span };
      } catch (error) {
        if (error instanceof MillraceError) return folded;
        throw error;
      }
    }
  }
}

function isNullAnyway(call: CallExpr): boolean {
  const hasNull = call.args.some((arg) => arg.kind === 'constant' && arg.value === null);
  return hasNull && isStrictCall(call);
}
