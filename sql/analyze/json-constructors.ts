import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import type {
  CallExpression,
  Expression,
  Identifier,
  JsonAggregate,
  JsonConstructor,
  JsonInput,
  JsonReturning,
  Span,
} from '../syntax/ast.ts';
import { coerce, settled } from './coerce.ts';
import { type Context, complain, resolveType } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { checkFormat, formatted, jsonDocument } from './json-queries.ts';
import { call } from './operators.ts';

/**
 * JSON_OBJECT, JSON_ARRAY, JSON, JSON_SCALAR, JSON_SERIALIZE, and the aggregates JSON_OBJECTAGG and
 * JSON_ARRAYAGG (PostgreSQL's documentation, 9.16.1 and 9.21). What they make is jsonb.
 */

const jsonb: SqlType = { kind: 'jsonb' };
const text: SqlType = { kind: 'text' };
const isText = ({ kind }: SqlType) => ['unknown', 'text', 'varchar', 'char'].includes(kind);

const flag = (value: boolean): Expr => ({ kind: 'constant', type: { kind: 'boolean' }, value });

export function jsonConstructor(place: ExpressionPlace, node: JsonConstructor): Expr {
  const { context } = place;
  const { form, members, absentOnNull, uniqueKeys, returning, span } = node;
  const value = members[0]?.value;
  switch (form) {
    case 'object': {
      const args = members.flatMap((member) => [
        settled(context, analyzeExpression(place, member.key!)),
        jsonItem(place, member.value),
      ]);
      const flags = [flag(absentOnNull), flag(uniqueKeys)];
      return returned(context, call('jsonObjectOf', [...flags, ...args], jsonb, span), returning);
    }
    case 'array': {
      const items = members.map((member) => jsonItem(place, member.value));
      const array = call('jsonArrayOf', [flag(absentOnNull), ...items], jsonb, span);
      return returned(context, array, returning);
    }
    case 'query': {
      const rows: Expression = { kind: 'subquery', form: 'array', query: node.query!, span };
      const isJson = flag(node.format !== undefined);
      const args = [analyzeExpression(place, rows), isJson];
      return returned(context, call('jsonArrayOfQuery', args, jsonb, span), returning);
    }
    case 'scalar': {
      const expr = settled(context, analyzeExpression(place, value!.expression));
      return expr.type.kind === 'jsonb' ? expr : call('to_jsonb:anyelement', [expr], jsonb, span);
    }
    case 'parse':
      return uniqueKeys ? uniquelyParsed(place, value!) : jsonDocument(place, withFormat(value!));
    case 'serialize':
      return serialized(place, value!, returning);
  }
}

/** Bytes are a text that is JSON, also without FORMAT JSON. */
function withFormat(input: JsonInput): JsonInput {
  return { expression: input.expression, format: input.format ?? {} };
}

/** A value as to_jsonb makes it JSON, or, with FORMAT JSON, a text that is JSON. */
function jsonItem(place: ExpressionPlace, input: JsonInput): Expr {
  const { context } = place;
  const expr = formatted(place, input);
  if (input.format === undefined || expr.type.kind === 'jsonb') return settled(context, expr);
  if (!isText(expr.type)) throw noText(context, input, 'explicit');
  return coerce(context, expr, jsonb, 'explicit');
}

function noText(context: Context, { expression }: JsonInput, how: string) {
  const message = `cannot use non-string types with ${how} FORMAT JSON clause`;
  return complain(context, expression.span, message, { sqlState: '42804' });
}

function uniquelyParsed(place: ExpressionPlace, input: JsonInput): Expr {
  const { context } = place;
  const { span } = input.expression;
  const expr = formatted(place, withFormat(input));
  if (!isText(expr.type)) {
    const message = 'cannot use non-string types with WITH UNIQUE KEYS clause';
    throw complain(context, span, message, { sqlState: '42804' });
  }
  return call('jsonWithUniqueKeys', [coerce(context, expr, text, 'implicit')], jsonb, span);
}

function serialized(
  place: ExpressionPlace,
  input: JsonInput,
  returning: JsonReturning | undefined,
): Expr {
  const { context } = place;
  const type = returning === undefined ? text : resolveType(context, returning.typeName);
  if (!isText(type) && type.kind !== 'bytea') {
    const message = `cannot use type ${typeName(type)} in RETURNING clause of JSON_SERIALIZE()`;
    const hint = 'Try returning a string type or bytea.';
    throw complain(context, returning!.typeName.span, message, { sqlState: '42804', hint });
  }
  const expr = formatted(place, withFormat(input));
  if (expr.type.kind !== 'jsonb' && !isText(expr.type)) throw noText(context, input, 'implicit');
  const json = coerce(context, expr, jsonb, 'explicit');
  const { span } = input.expression;
  return returned(context, json, returning ?? { typeName: textName(span) });
}

function textName(span: Span): JsonReturning['typeName'] {
  return { name: 'text', modifiers: [], arrayDepth: 0, span };
}

/** What RETURNING makes of a value that is JSON: its text, or the bytes of it. */
function returned(context: Context, json: Expr, returning: JsonReturning | undefined): Expr {
  if (returning === undefined) return json;
  const { span } = returning.typeName;
  const type = resolveType(context, returning.typeName);
  checkFormat(context, type, returning.format, span);
  if (type.kind === 'jsonb') return json;
  if (isText(type)) {
    return coerce(context, coerce(context, json, text, 'explicit'), type, 'assignment');
  }
  if (type.kind === 'bytea') {
    const utf8: Expr = { kind: 'constant', type: text, value: 'utf8' };
    const args = [coerce(context, json, text, 'explicit'), utf8];
    return call('convert_to:text:text', args, type, span);
  }
  const message = `cannot cast type json to ${typeName(type)}`;
  throw complain(context, span, message, { sqlState: '42846' });
}

/** The aggregate of jsonb that does the same. */
export function jsonAggregate(
  place: ExpressionPlace,
  node: CallExpression,
  { format, absentOnNull, uniqueKeys, returning }: JsonAggregate,
): Expr {
  const { json: _, ...plain } = node;
  const { span } = node.name;
  const base = node.args.length === 2 ? 'jsonb_object_agg' : 'jsonb_agg';
  const name: Identifier = {
    name: `${base}${uniqueKeys ? '_unique' : ''}${absentOnNull ? '_strict' : ''}`,
    quoted: false,
    span,
  };
  const last = node.args.at(-1)!;
  const value: Expression =
    format === undefined
      ? last
      : { kind: 'cast', operand: last, typeName: { ...textName(span), name: 'jsonb' }, span };
  const args = [...node.args.slice(0, -1), value];
  const made = analyzeExpression(place, { ...plain, name: { parts: [name], span }, args });
  return returned(place.context, made, returning);
}
