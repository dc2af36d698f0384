import type {
  CallExpression,
  Expression,
  Identifier,
  OrderItem,
  QualifiedName,
  TypeName,
  WindowSpec,
} from './ast.ts';
import { parseCase, parseExpression, parseParenthesised, parseRestricted } from './expressions.ts';
import { columnNameOnly, functionOrType, reserved, valueWords } from './keywords.ts';
import { parseOrderBy, parseQuery } from './queries.ts';
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
      return { kind: 'parameter', index: Number(token.text), span: stream.span(mark) };
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
  if (word === 'array' && stream.acceptOperator('[')) {
    const items = stream.isOperator(']') ? [] : stream.items(() => parseExpression(stream));
    stream.expectOperator(']');
    return { kind: 'array', items, span: stream.span(mark) };
  }
  if (!stream.startsQuery()) throw stream.expected('a subquery in parentheses');
  stream.expectOperator('(');
  const query = parseQuery(stream);
  stream.expectOperator(')');
  return { kind: 'subquery', form: word, query, span: stream.span(mark) };
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

/** A call without DISTINCT, FILTER and the like, of a name that the grammar itself supplies. */
function call(
  stream: TokenStream,
  mark: number,
  name: string,
  args: readonly Expression[],
): CallExpression {
  const span = stream.span(mark);
  const identifier: Identifier = { name, quoted: false, span };
  return {
    kind: 'call',
    name: { parts: [identifier], span },
    args,
    star: false,
    distinct: false,
    orderBy: [],
    span,
  };
}

/** The standard's calls with words between their arguments, as ordinary calls. */
function parseSpecialCall(stream: TokenStream, word: string): Expression | undefined {
  const mark = stream.mark();
  const expression = () => parseExpression(stream);
  switch (word) {
    case 'extract': {
      stream.next();
      stream.next();
      const field = stream.peek();
      const isField =
        field.kind === 'string' ||
        field.kind === 'quoted' ||
        (field.kind === 'word' &&
          !reserved.has(field.text) &&
          !functionOrType.has(field.text) &&
          !columnNameOnly.has(field.text));
      if (!isField) throw stream.expected('a field name');
      const fieldMark = stream.mark();
      stream.next();
      const name: Expression = {
        kind: 'literal',
        literal: { type: 'string', value: field.text },
        span: stream.span(fieldMark),
      };
      stream.expectWord('from');
      const operand = expression();
      stream.expectOperator(')');
      return call(stream, mark, 'extract', [name, operand]);
    }
    case 'substring': {
      stream.next();
      stream.next();
      if (stream.isOperator(')')) return parseEmptyCall(stream, mark, word);
      const args = [expression()];
      if (stream.isOneOf('from', 'for')) args.push(...parseFromFor(stream));
      else {
        if (stream.isWord('similar')) throw stream.unsupported('SUBSTRING ... SIMILAR');
        while (stream.acceptOperator(',')) args.push(expression());
      }
      stream.expectOperator(')');
      return call(stream, mark, 'substring', args);
    }
    case 'position': {
      stream.next();
      stream.next();
      const needle = parseRestricted(stream);
      stream.expectWord('in');
      const hay = parseRestricted(stream);
      stream.expectOperator(')');
      return call(stream, mark, 'position', [hay, needle]);
    }
    case 'trim':
      return parseTrim(stream);
    case 'overlay': {
      stream.next();
      stream.next();
      const args = [expression()];
      if (stream.acceptWord('placing')) {
        args.push(expression());
        stream.expectWord('from');
        args.push(expression());
        if (stream.acceptWord('for')) args.push(expression());
      } else while (stream.acceptOperator(',')) args.push(expression());
      stream.expectOperator(')');
      return call(stream, mark, 'overlay', args);
    }
    case 'coalesce':
    case 'greatest':
    case 'least':
    case 'nullif': {
      stream.next();
      const args = stream.list(expression);
      if (word === 'nullif' && args.length !== 2) {
        throw stream.syntaxError('NULLIF takes two arguments', undefined, mark);
      }
      return call(stream, mark, word, args);
    }
    case 'grouping':
    case 'treat':
    case 'merge_action':
    case 'normalize':
      throw stream.unsupported(word.toUpperCase());
    default:
      // The standard's constructors have a grammar each.
      if (/^(?:json|xml)/.test(word) && columnNameOnly.has(word)) {
        throw stream.unsupported(word.toUpperCase());
      }
      return undefined;
  }
}

function parseEmptyCall(stream: TokenStream, mark: number, name: string): CallExpression {
  stream.expectOperator(')');
  return call(stream, mark, name, []);
}

/** `FROM start FOR count` in either order; without FROM the start is 1. */
function parseFromFor(stream: TokenStream): Expression[] {
  const mark = stream.mark();
  let start: Expression | undefined;
  let count: Expression | undefined;
  while (stream.isOneOf('from', 'for')) {
    if (start === undefined && stream.acceptWord('from')) start = parseExpression(stream);
    else if (count === undefined && stream.acceptWord('for')) count = parseExpression(stream);
    else throw stream.expected('")"');
  }
  if (start !== undefined) return count === undefined ? [start] : [start, count];
  const span = stream.span(mark);
  // As PostgreSQL's grammar: the cast keeps this from meaning substring(text, text, text).
  const typeName: TypeName = { name: 'int4', modifiers: [], arrayDepth: 0, span };
  return [
    { kind: 'literal', literal: { type: 'integer', text: '1' }, span },
    { kind: 'cast', operand: count!, typeName, span },
  ];
}

function parseTrim(stream: TokenStream): Expression {
  const mark = stream.mark();
  stream.next();
  stream.expectOperator('(');
  let name = 'btrim';
  if (stream.acceptWord('leading')) name = 'ltrim';
  else if (stream.acceptWord('trailing')) name = 'rtrim';
  else stream.acceptWord('both');
  const args: Expression[] = [];
  if (stream.acceptWord('from')) {
    args.push(...stream.items(() => parseExpression(stream)));
  } else {
    const first = parseExpression(stream);
    if (stream.acceptWord('from')) {
      args.push(...stream.items(() => parseExpression(stream)), first);
    } else {
      args.push(first);
      while (stream.acceptOperator(',')) args.push(parseExpression(stream));
    }
  }
  stream.expectOperator(')');
  return call(stream, mark, name, args);
}

const twoWordTypes = new Set([
  'double precision',
  'character varying',
  'char varying',
  'bit varying',
  'national character',
  'national char',
]);

/** `TIMESTAMP '2020-01-01'`, `INTERVAL '1' DAY`: a type name right before a string. */
function parseTypedConstant(stream: TokenStream): Expression | undefined {
  const mark = stream.mark();
  const word = stream.peek();
  if (word.kind === 'word' && reserved.has(word.text)) return undefined;
  // All that a type name may have before the string: (10, 2), PRECISION, WITH TIME ZONE.
  let ahead = 1;
  if (twoWordTypes.has(`${word.text} ${stream.peek(1).text}`)) ahead = 2;
  const next = stream.isOperator('(', ahead) ? stream.afterParentheses(ahead) : stream.peek(ahead);
  const isTime = word.text === 'time' || word.text === 'timestamp';
  const isZone = isTime && next?.kind === 'word' && /^with(?:out)?$/.test(next.text);
  if (next?.kind !== 'string' && !isZone) return undefined;
  let typeName = parseTypeName(stream);
  // A constant, unlike a column, of type char is as long as its text.
  const isChar = word.text === 'char' || word.text === 'character';
  if (isChar && stream.mark() === mark + 1) typeName = { ...typeName, modifiers: [] };
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
  if (!stream.isOperator('(')) return { kind: 'column', parts, span: stream.span(mark) };
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

function parseCall(stream: TokenStream, name: QualifiedName, mark: number): CallExpression {
  stream.expectOperator('(');
  let star = false;
  let distinct = false;
  let args: Expression[] = [];
  let orderBy: OrderItem[] = [];
  if (stream.acceptOperator('*')) {
    star = true;
  } else if (!stream.isOperator(')')) {
    distinct = stream.acceptWord('distinct');
    if (!distinct) stream.acceptWord('all');
    if (stream.isWord('variadic')) throw stream.unsupported('VARIADIC');
    args = stream.items(() => parseArgument(stream));
    if (stream.isWord('order')) orderBy = parseOrderBy(stream);
  }
  stream.expectOperator(')');
  if (stream.isWord('within', 'group')) throw stream.unsupported('WITHIN GROUP');
  let filter: Expression | undefined;
  if (stream.acceptWord('filter')) {
    stream.expectOperator('(');
    stream.expectWord('where');
    filter = parseExpression(stream);
    stream.expectOperator(')');
  }
  const over = stream.acceptWord('over') ? parseWindow(stream) : undefined;
  return {
    kind: 'call',
    name,
    args,
    star,
    distinct,
    orderBy,
    ...(filter === undefined ? {} : { filter }),
    ...(over === undefined ? {} : { over }),
    span: stream.span(mark),
  };
}

function parseArgument(stream: TokenStream): Expression {
  const argument = parseExpression(stream);
  if (stream.isOperator('=>') || stream.isOperator(':=')) {
    throw stream.unsupported('an argument by name');
  }
  return argument;
}

/** Checks a frame clause and returns where its text ends. */
function parseFrame(stream: TokenStream): number | undefined {
  const mark = stream.mark();
  if (!stream.isOneOf('rows', 'range', 'groups')) {
    if (!stream.isOperator(')')) throw stream.unsupported('a named window');
    return undefined;
  }
  stream.next();
  const isBetween = stream.acceptWord('between');
  const first = parseFrameBound(stream);
  if (isBetween) stream.expectWord('and');
  const last = isBetween ? parseFrameBound(stream) : 2;
  if (first === 4 || last === 0 || first > last) {
    throw stream.syntaxError('the frame ends before it starts', undefined, mark);
  }
  if (stream.acceptWord('exclude')) {
    const isKnown =
      stream.acceptWord('current', 'row') ||
      stream.acceptWord('group') ||
      stream.acceptWord('ties') ||
      stream.acceptWord('no', 'others');
    if (!isKnown) throw stream.expected('CURRENT ROW, GROUP, TIES or NO OTHERS');
  }
  return stream.span(mark).end;
}

/** The place of a bound: 0 unbounded preceding, 1 preceding, 2 current row, 3, 4 following. */
function parseFrameBound(stream: TokenStream): number {
  if (stream.acceptWord('current', 'row')) return 2;
  const isUnbounded =
    stream.isWord('unbounded', 'preceding') || stream.isWord('unbounded', 'following');
  if (isUnbounded) stream.next();
  else parseExpression(stream);
  if (stream.acceptWord('preceding')) return isUnbounded ? 0 : 1;
  if (stream.acceptWord('following')) return isUnbounded ? 4 : 3;
  throw stream.expected('PRECEDING or FOLLOWING');
}

function parseWindow(stream: TokenStream): WindowSpec {
  const mark = stream.mark();
  if (!stream.isOperator('(')) throw stream.unsupported('a named window');
  stream.expectOperator('(');
  const partitionBy = stream.acceptWord('partition', 'by')
    ? stream.items(() => parseExpression(stream))
    : [];
  const orderBy = stream.isWord('order') ? parseOrderBy(stream) : [];
  const start = stream.peek().start;
  const end = parseFrame(stream) ?? start;
  stream.expectOperator(')');
  const frame = stream.text.slice(start, end);
  const base = { partitionBy, orderBy, span: stream.span(mark) };
  return frame === '' ? base : { ...base, frame };
}
