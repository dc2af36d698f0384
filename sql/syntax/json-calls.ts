import type {
  JsonBehaviour,
  JsonFormat,
  JsonInput,
  JsonQueryExpression,
  JsonReturning,
} from './ast.ts';
import { parseExpression } from './expressions.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

/** The calls of SQL/JSON, whose arguments have clauses (PostgreSQL's documentation, 9.16.1, 9.16.3). */

/** `JSON_VALUE(document, path [PASSING ...] [RETURNING type] [... ON EMPTY] [... ON ERROR])`. */
export function parseJsonQuery(
  stream: TokenStream,
  word: 'json_value' | 'json_query' | 'json_exists',
): JsonQueryExpression {
  const mark = stream.mark();
  const form = word.slice('json_'.length) as JsonQueryExpression['form'];
  stream.next();
  stream.expectOperator('(');
  const document = parseJsonInput(stream);
  stream.expectOperator(',');
  const path = parseExpression(stream);
  const passing = parsePassing(stream);
  const returning = form === 'exists' ? undefined : parseReturning(stream);
  const shape = form === 'query' ? parseShape(stream) : {};
  const behaviours = parseBehaviours(stream, form !== 'exists');
  stream.expectOperator(')');
  return {
    kind: 'json-query',
    form,
    document,
    path,
    passing,
    ...(returning === undefined ? {} : { returning }),
    ...shape,
    ...behaviours,
    span: stream.span(mark),
  };
}

/** `expression [FORMAT JSON [ENCODING name]]`. */
export function parseJsonInput(stream: TokenStream): JsonInput {
  const expression = parseExpression(stream);
  const format = parseFormat(stream);
  return format === undefined ? { expression } : { expression, format };
}

export function parseFormat(stream: TokenStream): JsonFormat | undefined {
  if (!stream.acceptWord('format', 'json')) return undefined;
  if (!stream.acceptWord('encoding')) return {};
  const encoding = stream.peek().text.toLowerCase();
  if (!/^utf(?:8|16|32)$/.test(encoding)) throw stream.expected('UTF8, UTF16 or UTF32');
  stream.identifier('an encoding');
  return { encoding };
}

export function parsePassing(stream: TokenStream): JsonQueryExpression['passing'] {
  if (!stream.acceptWord('passing')) return [];
  return stream.items(() => {
    const value = parseJsonInput(stream);
    stream.expectWord('as');
    return { name: stream.label('the name of a variable'), value };
  });
}

export function parseReturning(stream: TokenStream): JsonReturning | undefined {
  if (!stream.acceptWord('returning')) return undefined;
  if (stream.isWord('setof')) throw stream.unsupported('RETURNING SETOF');
  const typeName = parseTypeName(stream);
  const format = parseFormat(stream);
  return format === undefined ? { typeName } : { typeName, format };
}

/** `WITH [CONDITIONAL | UNCONDITIONAL] [ARRAY] WRAPPER`, `{KEEP | OMIT} QUOTES [ON SCALAR STRING]`. */
export function parseShape(stream: TokenStream): Pick<JsonQueryExpression, 'wrapper' | 'quotes'> {
  const wrapper = parseWrapper(stream);
  const quotes = (['keep', 'omit'] as const).find((word) => stream.acceptWord(word, 'quotes'));
  if (quotes !== undefined && stream.acceptWord('on')) stream.expectWord('scalar', 'string');
  return {
    ...(wrapper === undefined ? {} : { wrapper }),
    ...(quotes === undefined ? {} : { quotes }),
  };
}

function parseWrapper(stream: TokenStream): JsonQueryExpression['wrapper'] {
  const isWithout = stream.acceptWord('without');
  if (!isWithout && !stream.acceptWord('with')) return undefined;
  const isConditional = !isWithout && stream.acceptWord('conditional');
  if (!isWithout && !isConditional) stream.acceptWord('unconditional');
  stream.acceptWord('array');
  stream.expectWord('wrapper');
  return isWithout ? 'without' : isConditional ? 'conditional' : 'unconditional';
}

/** `[... ON EMPTY] [... ON ERROR]`, in this order. */
export function parseBehaviours(
  stream: TokenStream,
  allowsEmpty: boolean,
): Pick<JsonQueryExpression, 'onEmpty' | 'onError'> {
  const first = parseBehaviour(stream);
  if (first === undefined) return {};
  stream.expectWord('on');
  if (stream.acceptWord('error')) return { onError: first };
  if (!allowsEmpty) throw stream.expected('ERROR');
  if (!stream.acceptWord('empty')) throw stream.expected('EMPTY or ERROR');
  const second = parseBehaviour(stream);
  if (second === undefined) return { onEmpty: first };
  stream.expectWord('on', 'error');
  return { onEmpty: first, onError: second };
}

function parseBehaviour(stream: TokenStream): JsonBehaviour | undefined {
  const mark = stream.mark();
  for (const what of ['error', 'null', 'true', 'false', 'unknown'] as const) {
    if (stream.acceptWord(what)) return { what, span: stream.span(mark) };
  }
  if (stream.acceptWord('empty')) {
    const isObject = stream.acceptWord('object');
    if (!isObject) stream.acceptWord('array');
    return { what: isObject ? 'empty object' : 'empty array', span: stream.span(mark) };
  }
  if (!stream.acceptWord('default')) return undefined;
  const expression = parseExpression(stream);
  return { what: 'default', expression, span: stream.span(mark) };
}
