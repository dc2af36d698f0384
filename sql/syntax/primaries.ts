import type {
  CallExpression,
  Expression,
  Identifier,
  OrderItem,
  QualifiedName,
  WindowSpec,
} from './ast.ts';
import { parseCase, parseExpression, parseParenthesised } from './expressions.ts';
import { columnNameOnly, reserved } from './keywords.ts';
import { parseOrderBy, parseQuery, startsQuery } from './queries.ts';
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
      return parseName(stream);
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
    case 'exists':
    case 'array':
      return parseExistsOrArray(stream, word);
    case 'row':
      if (stream.isOperator('(', 1)) return parseRow(stream);
      break;
    case 'current_date':
    case 'current_time':
    case 'current_timestamp':
    case 'localtime':
    case 'localtimestamp':
    case 'current_user':
    case 'session_user':
    case 'user':
    case 'current_catalog': {
      stream.next();
      return call(stream, mark, word, []);
    }
    case 'any':
    case 'some':
    case 'all':
      throw stream.expected('an expression');
  }
  const special = stream.isOperator('(', 1) ? parseSpecialCall(stream, word) : undefined;
  if (special !== undefined) return special;
  return parseTypedConstant(stream) ?? parseName(stream);
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
  if (!startsQuery(stream)) throw stream.expected('a subquery in parentheses');
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
      if (field.kind !== 'word' && field.kind !== 'string') throw stream.expected('a field name');
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
      const args = [expression()];
      if (stream.isOneOf('from', 'for')) {
        const first = stream.acceptWord('from') ? expression() : undefined;
        const length = stream.acceptWord('for') ? expression() : undefined;
        const one: Expression = {
          kind: 'literal',
          literal: { type: 'integer', text: '1' },
          span: stream.span(mark),
        };
        args.push(first ?? one, ...(length === undefined ? [] : [length]));
      } else {
        if (stream.isWord('similar')) throw stream.unsupported('SUBSTRING ... SIMILAR');
        while (stream.acceptOperator(',')) args.push(expression());
      }
      stream.expectOperator(')');
      return call(stream, mark, 'substring', args);
    }
    case 'position': {
      stream.next();
      stream.next();
      // `a IN b` would be read as the operator: the first operand binds tighter than IN.
      const needle = parsePrimary(stream);
      stream.expectWord('in');
      const hay = expression();
      stream.expectOperator(')');
      return call(stream, mark, 'position', [hay, needle]);
    }
    case 'trim':
      return parseTrim(stream);
    case 'overlay': {
      stream.next();
      stream.next();
      const args = [expression()];
      for (const separator of ['placing', 'from', 'for']) {
        if (stream.acceptWord(separator)) args.push(expression());
      }
      if (args.length < 3) throw stream.expected('PLACING ... FROM');
      stream.expectOperator(')');
      return call(stream, mark, 'overlay', args);
    }
    case 'coalesce':
    case 'greatest':
    case 'least':
    case 'nullif': {
      stream.next();
      return call(stream, mark, word, stream.list(expression));
    }
    default:
      return undefined;
  }
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

/** `TIMESTAMP '2020-01-01'`, `INTERVAL '1' DAY`: a type name right before a string. */
function parseTypedConstant(stream: TokenStream): Expression | undefined {
  const mark = stream.mark();
  const word = stream.peek();
  if (word.kind !== 'word' || reserved.has(word.text)) return undefined;
  const after = stream.peek(1);
  const mayFollow =
    after.kind === 'string' ||
    stream.isOperator('(', 1) ||
    ['precision', 'varying', 'with', 'without'].includes(after.text);
  const isTypeWord = columnNameOnly.has(word.text) || word.text === 'double';
  if (after.kind !== 'string' && !(isTypeWord && mayFollow)) return undefined;
  const typeName = parseTypeName(stream);
  const text = stream.peek();
  if (text.kind !== 'string') {
    stream.reset(mark);
    return undefined;
  }
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
  if (!stream.isOperator('(')) return { kind: 'column', parts, span: stream.span(mark) };
  return parseCall(stream, { parts, span: stream.span(mark) }, mark);
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

function parseWindow(stream: TokenStream): WindowSpec {
  const mark = stream.mark();
  if (!stream.isOperator('(')) throw stream.unsupported('a named window');
  stream.expectOperator('(');
  const partitionBy = stream.acceptWord('partition', 'by')
    ? stream.items(() => parseExpression(stream))
    : [];
  const orderBy = stream.isWord('order') ? parseOrderBy(stream) : [];
  const start = stream.peek().start;
  let end = start;
  for (let depth = 0; depth > 0 || !stream.isOperator(')'); ) {
    const token = stream.peek();
    if (token.kind === 'end') throw stream.expected('")"');
    if (stream.isOperator('(')) depth++;
    if (stream.isOperator(')')) depth--;
    end = token.end;
    stream.next();
  }
  stream.expectOperator(')');
  const frame = stream.text.slice(start, end);
  const base = { partitionBy, orderBy, span: stream.span(mark) };
  return frame === '' ? base : { ...base, frame };
}
