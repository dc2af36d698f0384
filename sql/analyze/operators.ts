import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import { resolveOperator } from '../functions/resolve.ts';
import type { ResolvedCall } from '../functions/signature.ts';
import type { CallExpr, Expr } from '../plan/expr.ts';
import type { Span } from '../syntax/ast.ts';
import { coerce, coerceAll } from './coerce.ts';
import { type Context, complain } from './context.ts';

/** Calls of functions and operators by their operands' types. */

const boolean: SqlType = { kind: 'boolean' };

export function call(functionId: string, args: readonly Expr[], type: SqlType, span: Span): Expr {
  return { kind: 'call', functionId, args, type, span };
}

/** Looks the operator up by its operands' types and casts them. */
export function operator(
  context: Context,
  symbol: string,
  operands: readonly Expr[],
  symbolSpan: Span,
  span: Span,
): Expr {
  const right = operands.at(-1)!;
  const left = operands.length === 2 ? operands[0]! : undefined;
  if (left !== undefined && isRow(left) && isRow(right)) {
    return rowComparison(context, symbol, left, right, symbolSpan, span);
  }
  const resolved = resolveOperator(symbol, left?.type, right.type);
  if (resolved === undefined) throw noOperator(context, symbol, left?.type, right.type, symbolSpan);
  return applied(context, resolved, operands, span);
}

export function noOperator(
  context: Context,
  symbol: string,
  left: SqlType | undefined,
  right: SqlType,
  span: Span,
) {
  const shown = left === undefined ? `${symbol} ` : `${typeName(left)} ${symbol} `;
  return complain(context, span, `operator does not exist: ${shown}${typeName(right)}`, {
    sqlState: '42883',
    hint: 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  });
}

export function applied(
  context: Context,
  { signature, args: wanted, argCasts, result }: ResolvedCall,
  operands: readonly Expr[],
  span: Span,
): Expr {
  if (signature.volatile && context.use === 'view') {
    throw complain(context, span, `${signature.name}() is volatile: a view cannot use it`, {
      sqlState: '0A000',
      hint: 'A view is a function of its input. Write the value into a table and join that.',
    });
  }
  const args = operands.map((operand, index) => {
    const type = wanted[index]!;
    const isLiteral = operand.kind === 'constant' && operand.type.kind === 'unknown';
    if (isLiteral) return coerce(context, operand, type, 'implicit');
    const cast = argCasts[index];
    return cast === undefined ? operand : call(cast, [operand], type, operand.span ?? span);
  });
  return call(signature.id, args, result, span);
}

export function isRow(expr: Expr): expr is CallExpr {
  return expr.kind === 'call' && expr.functionId === 'row';
}

/** Rows written out are distinct where one of their fields is. */
export function rowsDistinct(context: Context, left: CallExpr, right: CallExpr, span: Span): Expr {
  if (left.args.length !== right.args.length) throw unequal(context, span);
  const tests = left.args.map((arg, index) => {
    const args = coerceAll(context, [arg, right.args[index]!], 'IS DISTINCT FROM');
    return call('isDistinct', args, boolean, span);
  });
  if (tests.length === 1) return tests[0]!;
  const none: Expr = { kind: 'constant', type: boolean, value: false, span };
  return tests.length === 0 ? none : call('or', tests, boolean, span);
}

function unequal(context: Context, span: Span) {
  return complain(context, span, 'unequal number of entries in row expressions', {
    sqlState: '42601',
  });
}

/**
 * Rows written out compare field by field (documentation 9.25.5): unlike two record values, a NULL
 * in a field makes the result NULL unless another field decides.
 */
function rowComparison(
  context: Context,
  symbol: string,
  left: CallExpr,
  right: CallExpr,
  symbolSpan: Span,
  span: Span,
): Expr {
  if (left.args.length !== right.args.length) throw unequal(context, symbolSpan);
  const compare = (by: string, index: number) =>
    operator(context, by, [left.args[index]!, right.args[index]!], symbolSpan, span);
  const all = left.args.map((_, index) => index);
  const joined = (id: 'and' | 'or', parts: readonly Expr[]) =>
    parts.length === 1 ? parts[0]! : call(id, parts, boolean, span);
  if (all.length === 0) {
    throw complain(context, symbolSpan, 'cannot compare rows of zero length', {
      sqlState: '0A000',
    });
  }
  switch (symbol) {
    case '=':
      return joined(
        'and',
        all.map((index) => compare('=', index)),
      );
    case '<>':
      return joined(
        'or',
        all.map((index) => compare('<>', index)),
      );
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const strict = symbol[0]!;
      const last = all.length - 1;
      const from = (index: number): Expr => {
        if (index === last) return compare(symbol, index);
        const rest = joined('and', [compare('=', index), from(index + 1)]);
        return joined('or', [compare(strict, index), rest]);
      };
      return from(0);
    }
    default:
      throw noOperator(context, symbol, left.type, right.type, symbolSpan);
  }
}
