import type { Batch } from '../columns/batch.ts';
import { valueAt } from '../columns/read.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import { scalarById, typedForms } from '../functions/scalar.ts';
import type { CallExpr, Expr } from '../plan/expr.ts';

/** The value of an expression over row `row` of a batch. Throws SQL_RUNTIME. */
export type Evaluator = (batch: Batch, row: number) => SqlValue;

const evaluators = new WeakMap<Expr, Evaluator>();

/**
 * The value of an expression over one row: the plain meaning that generated code must agree with.
 * AND, OR, COALESCE and CASE evaluate from left to right and no further than needed. Throws
 * SQL_RUNTIME.
 */
export function interpret(expr: Expr, batch: Batch, row: number): SqlValue {
  return evaluatorOf(expr)(batch, row);
}

/** `interpret` of one expression, with all functions looked up. */
export function evaluatorOf(expr: Expr): Evaluator {
  let evaluator = evaluators.get(expr);
  if (evaluator === undefined) {
    evaluator = makeEvaluator(expr);
    evaluators.set(expr, evaluator);
  }
  return evaluator;
}

/**
 * Keeps the values of these expressions for the rows of the batch at hand; to be called before
 * what holds them is evaluated, parts first. Returns what forgets them.
 */
export function rememberRows(exprs: readonly Expr[]): () => void {
  const forgets = exprs.map((expr) => {
    const compute = makeEvaluator(expr);
    let known: Batch | undefined;
    let values: (SqlValue | undefined)[] = [];
    evaluators.set(expr, (batch, row) => {
      if (batch !== known) {
        known = batch;
        values = new Array(batch.rowCount);
      }
      let value = values[row];
      if (value === undefined) {
        value = compute(batch, row);
        values[row] = value;
      }
      return value;
    });
    return () => {
      known = undefined;
      values = [];
    };
  });
  return () => {
    for (const forget of forgets) forget();
  };
}

function makeEvaluator(expr: Expr): Evaluator {
  switch (expr.kind) {
    case 'column': {
      const { index } = expr;
      return (batch, row) => valueAt(batch.columns[index]!, row);
    }
    case 'constant': {
      const { value } = expr;
      return () => value;
    }
    case 'case': {
      const branches = expr.branches.map(({ when, then }) => {
        return { when: evaluatorOf(when), then: evaluatorOf(then) };
      });
      const otherwise = evaluatorOf(expr.otherwise);
      return (batch, row) => {
        for (const { when, then } of branches) {
          if (when(batch, row) === true) return then(batch, row);
        }
        return otherwise(batch, row);
      };
    }
    case 'call':
      return callEvaluator(expr);
  }
}

function callEvaluator(expr: CallExpr): Evaluator {
  const args = expr.args.map(evaluatorOf);
  switch (expr.functionId) {
    case 'and':
    case 'or': {
      const winner = expr.functionId === 'or';
      return (batch, row) => {
        let result: SqlValue = !winner;
        for (const arg of args) {
          const value = arg(batch, row);
          if (value === winner) return winner;
          if (value === null) result = null;
        }
        return result;
      };
    }
    case 'coalesce':
      return (batch, row) => {
        for (const arg of args) {
          const value = arg(batch, row);
          if (value !== null) return value;
        }
        return null;
      };
    default: {
      const argTypes = expr.args.map((arg) => arg.type);
      const apply = functionOf(expr.functionId, argTypes, expr.type);
      if (args.length === 2) {
        const [first, second] = args as [Evaluator, Evaluator];
        return (batch, row) => apply([first(batch, row), second(batch, row)]);
      }
      return (batch, row) => {
        const values: SqlValue[] = [];
        for (const arg of args) values.push(arg(batch, row));
        return apply(values);
      };
    }
  }
}

/** One call with its arguments' values. */
export function applyFunction(
  id: string,
  args: readonly SqlValue[],
  argTypes: readonly SqlType[],
  type: SqlType,
): SqlValue {
  return functionOf(id, argTypes, type)(args);
}

function functionOf(
  id: string,
  argTypes: readonly SqlType[],
  type: SqlType,
): (args: readonly SqlValue[]) => SqlValue {
  const typed = Object.hasOwn(typedForms, id) ? typedForms[id] : undefined;
  if (typed !== undefined) return (args) => typed(argTypes[0]!, args);
  const { signature, evaluate } = scalarById(functionIdOf(id, argTypes.length));
  const { strict } = signature;
  return (args) => (strict && args.includes(null) ? null : evaluate(args, type, argTypes));
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
