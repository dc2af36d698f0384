import { MillraceError } from '../../platform/errors.ts';
import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { JsonOutcome, JsonQueryOptions } from '../functions/json-path/queries.ts';
import { parsePath } from '../functions/json-path/syntax.ts';
import type { Expr } from '../plan/expr.ts';
import { columnsOf } from '../plan/expr-tools.ts';
import type {
  Expression,
  Identifier,
  JsonBehaviour,
  JsonInput,
  JsonQueryExpression,
  Span,
} from '../syntax/ast.ts';
import { coerce, settled, typedConstant } from './coerce.ts';
import { type Context, complain, resolveType } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { call } from './operators.ts';

/** JSON_VALUE, JSON_QUERY, JSON_EXISTS (PostgreSQL's documentation, 9.16.3). */

const jsonb: SqlType = { kind: 'jsonb' };
const text: SqlType = { kind: 'text' };

const defaultTypes: Readonly<Record<JsonQueryExpression['form'], SqlType>> = {
  value: text,
  query: jsonb,
  exists: { kind: 'boolean' },
};

const allowed: Readonly<Record<JsonQueryExpression['form'], readonly JsonBehaviour['what'][]>> = {
  value: ['error', 'null', 'default'],
  query: ['error', 'null', 'default', 'empty array', 'empty object'],
  exists: ['error', 'true', 'false', 'unknown'],
};

export function jsonQuery(place: ExpressionPlace, node: JsonQueryExpression): Expr {
  const document = jsonDocument(place, node.document);
  const variables = node.passing.map(({ value }) => jsonVariable(place, value));
  return queryOf(place, node, document, variables);
}

/** The call over a document and variables that are typed already. */
export function queryOf(
  place: ExpressionPlace,
  node: Omit<JsonQueryExpression, 'document' | 'passing'> & {
    readonly passing: readonly { readonly name: Identifier }[];
  },
  document: Expr,
  variables: readonly Expr[],
): Expr {
  const { context } = place;
  const { form, span } = node;
  const path = jsonPath(place, node.path);
  const type = resultType(context, node);
  if (node.quotes === 'omit' && node.wrapper !== undefined && node.wrapper !== 'without') {
    const message = 'SQL/JSON QUOTES behavior must not be specified when WITH WRAPPER is used';
    throw complain(context, span, message, { sqlState: '42601' });
  }
  const onEmpty = behaviour(place, node, node.onEmpty, 'ON EMPTY', type);
  const onError = behaviour(place, node, node.onError, 'ON ERROR', type);
  const options: JsonQueryOptions = {
    names: node.passing.map(({ name }) => name.name),
    wrapper: node.wrapper ?? 'without',
    omitsQuotes: node.quotes === 'omit',
    onEmpty: onEmpty.outcome,
    onError: onError.outcome,
  };
  const said: Expr = { kind: 'constant', type: text, value: JSON.stringify(options) };
  const args = [document, path, said, onEmpty.value, onError.value, ...variables];
  return call(`json_${form}`, args, type, span);
}

/** Anything that can be cast to jsonb; bytes are read as text where FORMAT JSON says so. */
export function jsonDocument(place: ExpressionPlace, input: JsonInput): Expr {
  const { context } = place;
  const expr = formatted(place, input);
  try {
    return coerce(context, expr, jsonb, 'explicit');
  } catch (error) {
    if (!(error instanceof MillraceError) || error.sqlState !== '42846') throw error;
    const message = `cannot cast type ${typeName(expr.type)} to jsonb`;
    throw complain(context, input.expression.span, message, { sqlState: '42846' });
  }
}

/** The value, as text where it is bytes with FORMAT JSON. */
export function formatted(place: ExpressionPlace, { expression, format }: JsonInput): Expr {
  const { context } = place;
  const expr = analyzeExpression(place, expression);
  if (format === undefined) return expr;
  if (format.encoding !== undefined && expr.type.kind !== 'bytea') {
    const message = 'JSON ENCODING clause is only allowed for bytea input type';
    throw complain(context, expression.span, message, { sqlState: '42804' });
  }
  if (format.encoding !== undefined && format.encoding !== 'utf8') {
    const message = 'unsupported JSON encoding: only UTF8 is supported';
    throw complain(context, expression.span, message, { sqlState: '0A000' });
  }
  if (expr.type.kind !== 'bytea') return expr;
  const utf8: Expr = { kind: 'constant', type: text, value: 'utf8' };
  return call('convert_from:bytea:text', [expr, utf8], text, expression.span);
}

/** A path that is written in the statement is read at once. */
function jsonPath(place: ExpressionPlace, node: Expression): Expr {
  const { context } = place;
  const path = analyzeExpression(place, node);
  const { span } = node;
  if (path.type.kind !== 'unknown' && path.type.kind !== 'text') {
    const message = `JSON path expression must be of type jsonpath, not of type ${typeName(path.type)}`;
    throw complain(context, span, message, { sqlState: '42804' });
  }
  const expr = coerce(context, path, text, 'implicit');
  if (expr.kind === 'constant' && typeof expr.value === 'string') {
    checkPath(context, expr.value, span);
  }
  return expr;
}

export function checkPath(context: Context, path: string, span: Span): void {
  try {
    parsePath(path);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw complain(context, span, error.message, { sqlState: error.sqlState ?? '42601' });
  }
}

/** A variable as jsonb: a text is a string, unless FORMAT JSON says that it is JSON. */
export function jsonVariable(place: ExpressionPlace, input: JsonInput): Expr {
  const { context } = place;
  const expr = settled(context, formatted(place, input));
  if (expr.type.kind === 'jsonb') return expr;
  if (input.format !== undefined) return coerce(context, expr, jsonb, 'explicit');
  return call('to_jsonb:anyelement', [expr], jsonb, input.expression.span);
}

function resultType(
  context: Context,
  { form, returning, span }: Pick<JsonQueryExpression, 'form' | 'returning' | 'span'>,
): SqlType {
  if (returning === undefined) return defaultTypes[form];
  const { format, typeName: named } = returning;
  if (format !== undefined && form === 'value') {
    const message = 'cannot specify FORMAT JSON in RETURNING clause of JSON_VALUE()';
    throw complain(context, span, message, { sqlState: '42601' });
  }
  const type = resolveType(context, named);
  checkFormat(context, type, returning.format, named.span);
  return type;
}

/** What the type of RETURNING allows behind it. */
export function checkFormat(
  context: Context,
  type: SqlType,
  format: JsonInput['format'],
  span: Span,
): void {
  if (format === undefined) return;
  if (format.encoding !== undefined && type.kind !== 'bytea') {
    const message = 'cannot set JSON encoding for non-bytea output types';
    throw complain(context, span, message, { sqlState: '0A000' });
  }
  if (!['jsonb', 'text', 'varchar', 'char', 'bytea'].includes(type.kind)) {
    const message = 'cannot use JSON format with non-string output types';
    throw complain(context, span, message, { sqlState: '0A000' });
  }
}

interface Behaviour {
  readonly outcome: JsonOutcome;
  readonly value: Expr;
}

function behaviour(
  place: ExpressionPlace,
  { form }: Pick<JsonQueryExpression, 'form'>,
  node: JsonBehaviour | undefined,
  clause: string,
  type: SqlType,
): Behaviour {
  const none: Expr = { kind: 'constant', type, value: null };
  if (node === undefined) {
    return { outcome: 'value', value: form === 'exists' ? { ...none, value: false } : none };
  }
  const { what, span } = node;
  if (!allowed[form].includes(what)) {
    throw complain(place.context, span, `invalid ${clause} behavior`, { sqlState: '42601' });
  }
  switch (what) {
    case 'error':
    case 'empty array':
    case 'empty object':
      return { outcome: what, value: none };
    case 'true':
    case 'false':
      return { outcome: 'value', value: { ...none, value: what === 'true' } };
    case 'default':
      return { outcome: 'value', value: defaultValue(place, node, type) };
    default:
      return { outcome: 'value', value: none };
  }
}

/** The value of DEFAULT reads no column, so it is the same for every row. */
function defaultValue(
  { context, scope }: ExpressionPlace,
  { expression, span }: JsonBehaviour,
  type: SqlType,
): Expr {
  const { kind } = expression!;
  const wrong = () =>
    complain(
      context,
      expression!.span,
      'can only specify a constant, non-aggregate function, or operator expression for DEFAULT',
      { sqlState: '42804' },
    );
  if (kind === 'case' || kind === 'subquery') throw wrong();
  const expr = analyzeExpression({ context, scope, clause: 'DEFAULT' }, expression!);
  if (columnsOf(expr).size > 0) throw wrong();
  if (expr.kind === 'constant' && expr.type.kind === 'unknown' && expr.parameter === undefined) {
    return typedConstant(context, expr.value as string | null, type, span);
  }
  return coerce(context, expr, type, 'explicit');
}
