import type { ArrayExpression, Expression, Identifier } from './ast.ts';
import { parseCall } from './calls.ts';
import { parseCase, parseExpression, parseParenthesised } from './expressions.ts';
import { parseIndirection } from './indirection.ts';
import { columnNameOnly, reserved, valueWords } from './keywords.ts';
import { parseQuery } from './queries.ts';
import { call, parseSpecialCall } from './special-calls.ts';
import type { TokenStream } from './token-stream.ts';
import { parseIntervalFields, parseTypeName } from './type-names.ts';

/** The smallest expressions: constants, columns, calls, and everything in brackets. */
export function parsePrimary(stream: TokenStream): Expression {
  const mark = stream.mark();
  const token = stream.peek();
  switch (token.kind) {
    case 'integer':
    case 'decimal':
      stream.next();
      return {
        kind: 'literal',
        literal: { type: token.kind, text: token.text },
        span: stream.span(mark),
      };
    case 'string':
      stream.next();
      return {
        kind: 'literal',
        literal: { type: 'string', value: token.text },
        span: stream.span(mark),
      };
    case 'parameter':
      stream.next();
      return parseIndirection(
        stream,
        { kind: 'parameter', index: Number(token.text), span: stream.span(mark) },
        mark,
      );
    case 'operator':
      if (token.text === '(') return parseParenthesised(stream);
      throw stream.expected('an expression');
    case 'quoted':
      return parseTypedConstant(stream) ?? parseName(stream);
    case 'end':
      throw stream.expected('an expression');
    case 'word':
      return parseWord(stream, token.text);
  }
}

function parseWord(stream: TokenStream, word: string): Expression {
  const mark = stream.mark();
  switch (word) {
    case 'null':
      stream.next();
      return { kind: 'literal', literal: { type: 'null' }, span: stream.span(mark) };
    case 'true':
    case 'false':
      stream.next();
      return {
        kind: 'literal',
        literal: { type: 'boolean', value: word === 'true' },
        span: stream.span(mark),
      };
    case 'case':
      return parseCase(stream);
    case 'cast':
      return parseCast(stream);
    case 'array':
      return parseExistsOrArray(stream, word);
    case 'exists':
      if (stream.isOperator('(', 1)) return parseExistsOrArray(stream, word);
      break;
    case 'row':
      if (stream.isOperator('(', 1)) return parseRow(stream);
      break;
    case 'any':
    case 'some':
    case 'all':
      throw stream.expected('an expression');
  }
  if (valueWords.has(word) && !(word === 'current_schema' && stream.isOperator('(', 1))) {
    return parseValueWord(stream, word);
  }
  const special = stream.isOperator('(', 1) ? parseSpecialCall(stream, word) : undefined;
  if (special !== undefined) return special;
  return parseTypedConstant(stream) ?? parseName(stream);
}

/** `current_date`, `current_timestamp(3)`. */
function parseValueWord(stream: TokenStream, word: string): Expression {
  const mark = stream.mark();
  stream.next();
  const hasPrecision = /time/.test(word) && stream.isOperator('(');
  if (!hasPrecision) return call(stream, mark, word, []);
  const args = stream.list((): Expression => {
    if (stream.peek().kind !== 'integer') throw stream.expected('a number of digits');
    return parsePrimary(stream);
  });
  if (args.length > 1) throw stream.syntaxError(`${word} takes one number`, undefined, mark);
  return call(stream, mark, word, args);
}

function parseCast(stream: TokenStream): Expression {
  const mark = stream.mark();
  stream.expectWord('cast');
  stream.expectOperator('(');
  const operand = parseExpression(stream);
  stream.expectWord('as');
  const typeName = parseTypeName(stream);
  stream.expectOperator(')');
  return { kind: 'cast', operand, typeName, span: stream.span(mark) };
}

function parseExistsOrArray(stream: TokenStream, word: 'exists' | 'array'): Expression {
  const mark = stream.mark();
  stream.next();
  if (word === 'array' && stream.isOperator('[')) return parseArrayItems(stream, mark);
  if (!stream.startsQuery()) throw stream.expected('a subquery in parentheses');
  stream.expectOperator('(');
  const query = parseQuery(stream);
  stream.expectOperator(')');
  return { kind: 'subquery', form: word, query, span: stream.span(mark) };
}

/** `[1, 2]`, or `[[1, 2], [3, 4]]`: further dimensions need no word ARRAY. */
function parseArrayItems(stream: TokenStream, mark: number): ArrayExpression {
  return stream.nested(() => {
    stream.expectOperator('[');
    const isNested = stream.isOperator('[');
    const item = () =>
      isNested ? parseArrayItems(stream, stream.mark()) : parseExpression(stream);
    const items = stream.isOperator(']') ? [] : stream.items(item);
    stream.expectOperator(']');
    return { kind: 'array', items, span: stream.span(mark) };
  });
}

function parseRow(stream: TokenStream): Expression {
  const mark = stream.mark();
  stream.expectWord('row');
  if (stream.isOperator(')', 1)) {
    stream.next();
    stream.next();
    return { kind: 'row', items: [], span: stream.span(mark) };
  }
  const items = stream.list(() => parseExpression(stream));
  return { kind: 'row', items, span: stream.span(mark) };
}

const twoWordTypes = new Set([
  'double precision',
  'character varying',
  'char varying',
  'bit varying',
  'national character',
  'national char',
  'nchar varying',
]);

/** `TIMESTAMP '2020-01-01'`, `INTERVAL '1' DAY`: a type name right before a string. */
function parseTypedConstant(stream: TokenStream): Expression | undefined {
  const mark = stream.mark();
  const word = stream.peek();
  if (word.kind === 'word' && reserved.has(word.text)) return undefined;
  // All that a type name may have before the string: (10, 2), PRECISION, WITH TIME ZONE.
  let ahead = 1;
  if (twoWordTypes.has(`${word.text} ${stream.peek(1).text}`)) ahead = 2;
  if (word.text === 'national' && stream.peek(ahead).text === 'varying') ahead++;
  const next = stream.isOperator('(', ahead) ? stream.afterParentheses(ahead) : stream.peek(ahead);
  const isTime = word.text === 'time' || word.text === 'timestamp';
  const isZone = isTime && next?.kind === 'word' && /^with(?:out)?$/.test(next.text);
  if (next?.kind !== 'string' && !isZone) return undefined;
  let typeName = parseTypeName(stream);
  // A constant, unlike a column, of type char is as long as its text.
  const isChar = typeName.name === 'bpchar' && !stream.isOperator(')', -1);
  if (isChar) typeName = { ...typeName, modifiers: [] };
  const text = stream.peek();
  if (text.kind !== 'string') throw stream.expected('a string');
  stream.next();
  const fields = typeName.name === 'interval' ? parseIntervalFields(stream) : undefined;
  return {
    kind: 'literal',
    literal: {
      type: 'typed',
      typeName,
      value: text.text,
      ...(fields === undefined ? {} : { fields }),
    },
    span: stream.span(mark),
  };
}

/** A column, or a call when "(" follows the name. */
function parseName(stream: TokenStream): Expression {
  const mark = stream.mark();
  const parts: Identifier[] = [firstPart(stream)];
  while (stream.acceptOperator('.')) {
    if (stream.acceptOperator('*')) {
      return { kind: 'star', relation: parts, span: stream.span(mark) };
    }
    parts.push(stream.label('a name after "."'));
  }
  if (stream.peek().kind === 'string' || isCallBeforeString(stream)) {
    throw stream.unsupported('a constant of a type of another schema', mark);
  }
  if (!stream.isOperator('(')) {
    return parseIndirection(stream, { kind: 'column', parts, span: stream.span(mark) }, mark);
  }
  const [only] = parts;
  if (parts.length === 1 && !only!.quoted && columnNameOnly.has(only!.name)) {
    throw stream.expected('no "(": this word names no function');
  }
  return parseCall(stream, { parts, span: stream.span(mark) }, mark);
}

/** `s.type(3) 'text'`: PostgreSQL reads a constant, not a call. */
function isCallBeforeString(stream: TokenStream): boolean {
  return stream.isOperator('(') && stream.afterParentheses(0)?.kind === 'string';
}

function firstPart(stream: TokenStream): Identifier {
  const isCall = stream.isOperator('(', 1);
  if (isCall && stream.canBeFunctionName()) return stream.label('a function name');
  return stream.identifier('an expression');
}
