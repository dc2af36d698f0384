import type { CallExpression, Expression, Identifier, JsonConstructor, JsonInput } from './ast.ts';
import { parseArgument, parseFilterAndOver } from './calls.ts';
import { parseExpression } from './expressions.ts';
import { parseFormat, parseJsonInput, parseReturning } from './json-calls.ts';
import { parseOrderBy, parseQuery } from './queries.ts';
import { call } from './special-calls.ts';
import type { TokenStream } from './token-stream.ts';

/** What makes JSON: constructors and aggregates (PostgreSQL's documentation, 9.16.1, table 9.49, 9.21). */

type Word = 'json' | 'json_object' | 'json_array' | 'json_scalar' | 'json_serialize';

/** JSON_OBJECT with plain arguments is a call of the function of that name. */
export function parseJsonConstructor(
  stream: TokenStream,
  word: Word,
): JsonConstructor | CallExpression {
  const mark = stream.mark();
  stream.next();
  stream.expectOperator('(');
  switch (word) {
    case 'json_object':
      return parseObject(stream, mark);
    case 'json_array':
      return parseArray(stream, mark);
    case 'json_scalar': {
      const value = { expression: parseExpression(stream) };
      return closed(stream, mark, { form: 'scalar', members: [{ value }] });
    }
    case 'json_serialize': {
      const value = parseJsonInput(stream);
      const returning = parseReturning(stream);
      return closed(stream, mark, { form: 'serialize', members: [{ value }], returning });
    }
    case 'json': {
      const value = parseJsonInput(stream);
      const uniqueKeys = parseUniqueKeys(stream);
      return closed(stream, mark, { form: 'parse', members: [{ value }], uniqueKeys });
    }
  }
}

interface Parts extends Pick<JsonConstructor, 'form' | 'members' | 'query'> {
  readonly format?: JsonConstructor['format'] | undefined;
  readonly absentOnNull?: boolean;
  readonly uniqueKeys?: boolean;
  readonly returning?: JsonConstructor['returning'] | undefined;
}

function closed(
  stream: TokenStream,
  mark: number,
  { form, members, query, format, absentOnNull, uniqueKeys, returning }: Parts,
): JsonConstructor {
  stream.expectOperator(')');
  return {
    kind: 'json-constructor',
    form,
    members,
    ...(query === undefined ? {} : { query }),
    ...(format === undefined ? {} : { format }),
    absentOnNull: absentOnNull ?? false,
    uniqueKeys: uniqueKeys ?? false,
    ...(returning === undefined ? {} : { returning }),
    span: stream.span(mark),
  };
}

function parseObject(stream: TokenStream, mark: number): JsonConstructor | CallExpression {
  if (stream.isOperator(')') || stream.isWord('returning')) {
    return closed(stream, mark, { form: 'object', members: [], returning: parseReturning(stream) });
  }
  const start = keyStart(stream);
  const first = parseArgument(stream);
  if (!stream.isOperator(':') && !stream.isWord('value')) {
    const args = [first];
    while (stream.acceptOperator(',')) args.push(parseArgument(stream));
    stream.expectOperator(')');
    return call(stream, mark, 'json_object', args);
  }
  const members = [parseValue(stream, first, start)];
  while (stream.acceptOperator(',')) members.push(parseMember(stream));
  const absentOnNull = parseNulls(stream) ?? false;
  const uniqueKeys = parseUniqueKeys(stream);
  const returning = parseReturning(stream);
  return closed(stream, mark, { form: 'object', members, absentOnNull, uniqueKeys, returning });
}

interface Member {
  readonly key: Expression;
  readonly value: JsonInput;
}

function parseMember(stream: TokenStream): Member {
  const start = keyStart(stream);
  return parseValue(stream, parseExpression(stream), start);
}

/** Where a key ends when it is only what is in parentheses, perhaps behind a name. */
function keyStart(stream: TokenStream): readonly unknown[] {
  return [0, 1].map((ahead) =>
    stream.isOperator('(', ahead) ? stream.afterParentheses(ahead) : undefined,
  );
}

const compound = new Set(
  'unary binary is between in like cast quantified subscript'.split(' ') as Expression['kind'][],
);

/** `key: value`, `key VALUE value`; an operator in the key of the latter is in parentheses. */
function parseValue(stream: TokenStream, key: Expression, start: readonly unknown[]): Member {
  const isEnclosed = start.includes(stream.peek());
  if (compound.has(key.kind) && !isEnclosed) stream.expectOperator(':');
  else if (!stream.acceptWord('value')) stream.expectOperator(':');
  return { key, value: parseJsonInput(stream) };
}

function parseArray(stream: TokenStream, mark: number): JsonConstructor {
  if (stream.isOperator(')') || stream.isWord('returning')) {
    const returning = parseReturning(stream);
    return closed(stream, mark, { form: 'array', members: [], absentOnNull: true, returning });
  }
  if (isQueryNext(stream)) {
    const query = parseQuery(stream);
    const format = parseFormat(stream);
    const returning = parseReturning(stream);
    const parts = { form: 'query', members: [], query, format, returning } as const;
    return closed(stream, mark, { ...parts, absentOnNull: true });
  }
  const members = stream.items(() => ({ value: parseJsonInput(stream) }));
  const absentOnNull = parseNulls(stream) ?? true;
  const returning = parseReturning(stream);
  return closed(stream, mark, { form: 'array', members, absentOnNull, returning });
}

/** A query that is not wholly in parentheses, which would be a value. */
function isQueryNext(stream: TokenStream): boolean {
  if (stream.isOneOf('select', 'values', 'with', 'table')) return true;
  if (!stream.isOperator('(') || !stream.startsQuery()) return false;
  const after = stream.afterParentheses(0);
  const continuations = ['union', 'intersect', 'except', 'order', 'limit', 'offset', 'fetch'];
  return after?.kind === 'word' && continuations.includes(after.text);
}

/** `undefined` where the text does not say. */
function parseNulls(stream: TokenStream): boolean | undefined {
  if (stream.acceptWord('absent')) {
    stream.expectWord('on', 'null');
    return true;
  }
  if (!stream.acceptWord('null')) return undefined;
  stream.expectWord('on', 'null');
  return false;
}

function parseUniqueKeys(stream: TokenStream): boolean {
  const isUnique = stream.acceptWord('with', 'unique');
  if (isUnique || stream.acceptWord('without', 'unique')) stream.acceptWord('keys');
  return isUnique;
}

/** `JSON_OBJECTAGG(key: value ...)`, `JSON_ARRAYAGG(value [ORDER BY ...] ...)`. */
export function parseJsonAggregate(
  stream: TokenStream,
  word: 'json_objectagg' | 'json_arrayagg',
): CallExpression {
  const mark = stream.mark();
  const name: Identifier = stream.label('a name');
  stream.expectOperator('(');
  const isObject = word === 'json_objectagg';
  const member = isObject ? parseMember(stream) : { key: undefined, value: parseJsonInput(stream) };
  const { key, value } = member;
  const orderBy = !isObject && stream.isWord('order') ? parseOrderBy(stream) : [];
  const absentOnNull = parseNulls(stream) ?? !isObject;
  const uniqueKeys = isObject && parseUniqueKeys(stream);
  const returning = parseReturning(stream);
  stream.expectOperator(')');
  return {
    kind: 'call',
    name: { parts: [name], span: name.span },
    args: key === undefined ? [value.expression] : [key, value.expression],
    star: false,
    distinct: false,
    orderBy,
    json: {
      ...(value.format === undefined ? {} : { format: value.format }),
      absentOnNull,
      uniqueKeys,
      ...(returning === undefined ? {} : { returning }),
    },
    ...parseFilterAndOver(stream),
    span: stream.span(mark),
  };
}
