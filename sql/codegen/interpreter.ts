import type { Batch } from '../columns/batch.ts';
import { valueAt } from '../columns/read.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import { scalarById, typedForms } from '../functions/scalar.ts';
import type { CallExpr, Expr } from '../plan/expr.ts';

/**
 * The value of an expression over one row: the plain meaning that generated code must agree with.
 * AND, OR, COALESCE and CASE evaluate from left to right and no further than needed. Throws
 * SQL_RUNTIME.
 */
export function interpret(expr: Expr, batch: Batch, row: number): SqlValue {
  switch (expr.kind) {
    case 'column':
      return valueAt(batch.columns[expr.index]!, row);
    case 'constant':
      return expr.value;
    case 'case': {
      for (const { when, then } of expr.branches) {
        if (interpret(when, batch, row) === true) return interpret(then, batch, row);
      }
      return interpret(expr.otherwise, batch, row);
    }
    case 'call':
      return interpretCall(expr, batch, row);
  }
}

function interpretCall(expr: CallExpr, batch: Batch, row: number): SqlValue {
  switch (expr.functionId) {
    case 'and':
    case 'or': {
      const winner = expr.functionId === 'or';
      let result: SqlValue = !winner;
      for (const arg of expr.args) {
        const value = interpret(arg, batch, row);
        if (value === winner) return winner;
        if (value === null) result = null;
      }
      return result;
    }
    case 'coalesce': {
      for (const arg of expr.args) {
        const value = interpret(arg, batch, row);
        if (value !== null) return value;
      }
      return null;
    }
    default:
      return applyFunction(
        expr.functionId,
        expr.args.map((arg) => interpret(arg, batch, row)),
        expr.args.map((arg) => arg.type),
        expr.type,
      );
  }
}

/** One call with its arguments' values. */
export function applyFunction(
  id: string,
  args: readonly SqlValue[],
  argTypes: readonly SqlType[],
  type: SqlType,
): SqlValue {
  const typed = Object.hasOwn(typedForms, id) ? typedForms[id] : undefined;
  if (typed !== undefined) return typed(argTypes[0]!, args);
  const { signature, evaluate } = scalarById(functionIdOf(id, args.length));
  if (signature.strict && args.includes(null)) return null;
  return evaluate(args, type, argTypes);
}

/** A NULL argument makes the call NULL, whatever the others are. */
export function isStrictCall({ functionId, args }: CallExpr): boolean {
  if (Object.hasOwn(typedForms, functionId)) return false;
  return scalarById(functionIdOf(functionId, args.length)).signature.strict;
}

/** LIKE and SIMILAR TO come with or without ESCAPE. */
function functionIdOf(id: string, arity: number): string {
  if (id === 'like' || id === 'ilike') return `${id}:${arity}`;
  return id === 'similar' ? `similar${':text'.repeat(arity)}` : id;
}
