import { MillraceError } from '../../platform/errors.ts';
import { fromText } from '../columns/text.ts';
import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import { castId, commonType } from '../functions/resolve.ts';
import type { Expr } from '../plan/expr.ts';
import type { Span } from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';

export type CastContext = 'implicit' | 'assignment' | 'explicit';

const nowhere: Span = { start: 0, end: 0 };

/** The expression as a value of `type`; the cast becomes part of the tree. */
export function coerce(context: Context, expr: Expr, type: SqlType, how: CastContext): Expr {
  if (expr.kind === 'constant' && expr.type.kind === 'unknown') {
    if (expr.parameter !== undefined) context.parameters?.decide(expr.parameter, type);
    const hasLength = type.kind === 'varchar' || type.kind === 'char';
    if (how === 'explicit' && hasLength && type.length !== undefined) {
      const asText: Expr = { ...expr, type: { kind: 'text' } };
      return {
        kind: 'call',
        functionId: `cast:text:${type.kind}`,
        args: [asText],
        type,
        ...spanOf(expr),
      };
    }
    return typedConstant(context, expr.value as string | null, type, expr.span ?? nowhere);
  }
  if (expr.kind === 'call' && expr.functionId === 'row' && type.kind === 'record') {
    if (expr.args.length === type.fields.length) {
      const args = expr.args.map((arg, i) => coerce(context, arg, type.fields[i]!.type, how));
      return { ...expr, args, type };
    }
  }
  const id = castId(expr.type, type, how);
  if (id === undefined) {
    throw complain(
      context,
      expr.span ?? nowhere,
      `cannot cast type ${typeName(expr.type)} to ${typeName(type)}`,
      { sqlState: how === 'explicit' ? '42846' : '42804', hint: castHint(expr.type, type, how) },
    );
  }
  if (id === 'none') return expr.kind === 'column' ? expr : { ...expr, type };
  return { kind: 'call', functionId: id, args: [expr], type, ...spanOf(expr) };
}

function castHint(from: SqlType, to: SqlType, how: CastContext): string | undefined {
  if (how === 'explicit' || castId(from, to, 'explicit') === undefined) return undefined;
  return `Write a cast: expression::${typeName(to)}.`;
}

export function spanOf(expr: Expr): { span?: Span } {
  return expr.span === undefined ? {} : { span: expr.span };
}

/** A literal whose type is known now; its text is read by the type's input function. */
export function typedConstant(
  context: Context,
  text: string | null,
  type: SqlType,
  span: Span,
): Expr {
  if (text === null) return { kind: 'constant', type, value: null, span };
  try {
    return { kind: 'constant', type, value: fromText(type, text), span };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw complain(context, span, error.message, { sqlState: error.sqlState ?? '22P02' });
  }
}

/** All expressions as one type: CASE, VALUES, UNION, IN, COALESCE. */
export function coerceAll(context: Context, exprs: readonly Expr[], what: string): Expr[] {
  const type = commonType(exprs.map((expr) => expr.type));
  if (type === undefined) {
    const first = exprs.find((expr) => expr.type.kind !== 'unknown')!;
    const other = exprs.find((expr) => commonType([first.type, expr.type]) === undefined)!;
    throw complain(
      context,
      other.span ?? nowhere,
      `${what} types ${typeName(first.type)} and ${typeName(other.type)} cannot be matched`,
      { sqlState: '42804' },
    );
  }
  return exprs.map((expr) => coerce(context, expr, type, 'implicit'));
}

/** Untyped literals that nothing decided are text. */
export function settled(context: Context, expr: Expr): Expr {
  return expr.type.kind === 'unknown' ? coerce(context, expr, { kind: 'text' }, 'implicit') : expr;
}

export function asBoolean(context: Context, expr: Expr, where: string): Expr {
  if (expr.type.kind === 'boolean' || expr.type.kind === 'unknown') {
    return coerce(context, expr, { kind: 'boolean' }, 'implicit');
  }
  throw complain(
    context,
    expr.span ?? nowhere,
    `argument of ${where} must be type boolean, not type ${typeName(expr.type)}`,
    { sqlState: '42804' },
  );
}
