import type {
  BinaryExpression,
  CaseExpression,
  Expression,
  InExpression,
  IsExpression,
  LikeExpression,
  QuantifiedExpression,
  Query,
  RowExpression,
  SubqueryExpression,
} from './ast.ts';
import { parseIndirection } from './indirection.ts';
import { parsePrimary } from './primaries.ts';
import { parseQuery } from './queries.ts';
import { call } from './special-calls.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

/** Binding strength, as in PostgreSQL's documentation 4.1.6. Larger binds tighter. */
const strength = {
  or: 1,
  and: 2,
  not: 3,
  is: 4,
  comparison: 5,
  range: 6,
  other: 7,
  add: 8,
  multiply: 9,
  power: 10,
  atTimeZone: 11,
  collate: 12,
  sign: 13,
  cast: 15,
} as const;

/** Operator tokens that are punctuation. */
const notOperators = new Set('( ) [ ] , ; . : :: := => ..'.split(' '));

const comparisons = new Set(['<', '>', '=', '<=', '>=', '<>']);

export function parseExpression(stream: TokenStream): Expression {
  return parseAbove(stream, 0, false);
}

/**
 * PostgreSQL's b_expr, which stands where a word after it would be ambiguous (BETWEEN ... AND,
 * POSITION(... IN), DEFAULT ... NOT NULL): operators and IS DISTINCT FROM, but no AND, OR, NOT, IN,
 * BETWEEN, LIKE, IS NULL, AT TIME ZONE or COLLATE outside parentheses.
 */
export function parseRestricted(stream: TokenStream): Expression {
  return parseAbove(stream, 0, true);
}

/** The number of FETCH FIRST: a primary, or a number with a sign. */
export function parseSigned(stream: TokenStream): Expression {
  const isSigned = stream.isOperator('-') || stream.isOperator('+');
  if (isSigned && !['integer', 'decimal'].includes(stream.peek(1).kind)) {
    throw stream.expected('a number');
  }
  return isSigned ? parseAbove(stream, strength.sign, false) : parsePrimary(stream);
}

/** Precedence climbing: operators that bind tighter than `least`. */
function parseAbove(stream: TokenStream, least: number, restricted: boolean): Expression {
  return stream.nested(() => {
    const mark = stream.mark();
    let left = parsePrefix(stream, restricted);
    /** After a comparison another of its kind is an error: they do not associate. */
    let nonAssociative = Number.POSITIVE_INFINITY;
    for (;;) {
      const operator = infixStrength(stream, restricted);
      if (operator <= least) return left;
      if (operator === nonAssociative) throw twoComparisons(stream, operator);
      left = parseInfix(stream, left, operator, mark, restricted);
      nonAssociative = endsOpen(left, operator) ? operator : Number.POSITIVE_INFINITY;
    }
  });
}

/** The operators that do not associate, when an operand and not a bracket or a word ends them. */
function endsOpen(node: Expression, operator: number): boolean {
  switch (operator) {
    case strength.comparison:
      return node.kind === 'binary';
    case strength.range:
      return node.kind !== 'in';
    case strength.is:
      return node.kind === 'is' && node.test === 'distinct';
    default:
      return false;
  }
}

function twoComparisons(stream: TokenStream, operator: number) {
  const hint =
    operator === strength.comparison ? 'Write a < b AND b < c, or use parentheses.' : undefined;
  const shown = stream.text.slice(stream.peek().start, stream.peek().end);
  return stream.syntaxError(
    `syntax error at "${shown}": comparisons cannot be chained without parentheses`,
    hint,
  );
}

function parsePrefix(stream: TokenStream, restricted: boolean): Expression {
  const mark = stream.mark();
  if (!restricted && stream.acceptWord('not')) {
    const operand = parseAbove(stream, strength.not - 0.5, restricted);
    return { kind: 'unary', operator: 'not', operand, span: stream.span(mark) };
  }
  const token = stream.peek();
  if (token.kind !== 'operator') return parsePrimary(stream);
  if (token.text === '-' || token.text === '+') {
    stream.next();
    const operand = parseAbove(stream, strength.sign - 0.5, restricted);
    return { kind: 'unary', operator: token.text, operand, span: stream.span(mark) };
  }
  if (token.text === '~' || token.text === '@' || token.text === '|/' || token.text === '||/') {
    stream.next();
    const operand = parseAbove(stream, strength.other, restricted);
    return { kind: 'unary', operator: token.text, operand, span: stream.span(mark) };
  }
  if (!neverPrefix.has(token.text)) throw stream.unsupported(`the prefix operator ${token.text}`);
  return parsePrimary(stream);
}

/** Strength of the operator that comes next; 0 when none does. */
function infixStrength(stream: TokenStream, restricted: boolean): number {
  const token = stream.peek();
  if (token.kind === 'operator') {
    if (comparisons.has(token.text)) return strength.comparison;
    switch (token.text) {
      case '+':
      case '-':
        return strength.add;
      case '*':
      case '/':
      case '%':
        return strength.multiply;
      case '^':
        return strength.power;
      case '::':
        return strength.cast;
      case '(':
      case ')':
      case '[':
      case ']':
      case ',':
      case ';':
      case '.':
      case ':':
      case ':=':
      case '=>':
      case '..':
        return 0;
      case '==':
        throw stream.syntaxError(
          'syntax error at "==": there is no such operator',
          'Use = to compare.',
        );
      default:
        return strength.other;
    }
  }
  if (token.kind !== 'word') return 0;
  if (restricted) return isDistinctFrom(stream) ? strength.is : 0;
  switch (token.text) {
    case 'or':
      return strength.or;
    case 'and':
      return strength.and;
    case 'is':
    case 'isnull':
    case 'notnull':
      return strength.is;
    case 'in':
    case 'between':
    case 'like':
    case 'ilike':
      return strength.range;
    case 'similar':
      return stream.isWord('similar', 'to') ? strength.range : 0;
    case 'not': {
      const after = stream.peek(1);
      const isRange = ['in', 'between', 'like', 'ilike', 'similar'].includes(after.text);
      return after.kind === 'word' && isRange ? strength.range : 0;
    }
    case 'at':
      if (stream.isWord('at', 'local')) throw stream.unsupported('AT LOCAL');
      return stream.isWord('at', 'time', 'zone') ? strength.atTimeZone : 0;
    case 'collate':
      return strength.collate;
    case 'operator':
      return stream.isOperator('(', 1) ? strength.other : 0;
    case 'overlaps':
      return strength.range;
    default:
      return 0;
  }
}

/** What may come where an expression should begin, and is no operator before an operand. */
const neverPrefix = new Set('( ) [ ] , ; . : :: := => .. * / % ^ < > = <= >= <> =='.split(' '));

function isDistinctFrom(stream: TokenStream): boolean {
  return stream.isWord('is', 'distinct', 'from') || stream.isWord('is', 'not', 'distinct', 'from');
}

function parseInfix(
  stream: TokenStream,
  left: Expression,
  operator: number,
  mark: number,
  restricted: boolean,
): Expression {
  const token = stream.peek();
  switch (operator) {
    case strength.is:
      return parseIs(stream, left, mark, restricted);
    case strength.range:
      return parseRange(stream, left, mark);
    case strength.cast: {
      stream.next();
      const typeName = parseTypeName(stream);
      return { kind: 'cast', operand: left, typeName, span: stream.span(mark) };
    }
    case strength.atTimeZone: {
      stream.next();
      stream.next();
      stream.next();
      const zone = parseAbove(stream, operator, restricted);
      const span = stream.span(mark);
      const name = { parts: [{ name: 'timezone', quoted: false, span }], span };
      const args = [zone, left];
      return { kind: 'call', name, args, star: false, distinct: false, orderBy: [], span };
    }
    case strength.collate: {
      // Texts compare by bytes, which is this collation.
      stream.next();
      const isOurs = stream.peek().kind === 'quoted' && /^(C|POSIX)$/.test(stream.peek().text);
      if (!isOurs) throw stream.unsupported('a collation other than "C"');
      stream.next();
      return left;
    }
    default: {
      const operatorMark = stream.mark();
      const isNamed = token.text === 'operator';
      const symbol = isNamed ? parseNamedOperator(stream) : stream.next().text;
      const operatorSpan = stream.span(operatorMark);
      const isOperator = isNamed || token.kind === 'operator';
      const isQuantified = isOperator && stream.isOneOf('any', 'some', 'all');
      if (isQuantified && !restricted) return parseQuantified(stream, left, symbol, mark);
      const right = parseAbove(stream, operator, restricted);
      const span = stream.span(mark);
      const binary: BinaryExpression = {
        kind: 'binary',
        operator: symbol,
        operatorSpan,
        left,
        right,
        span,
      };
      return binary;
    }
  }
}

/** `OPERATOR(pg_catalog.+)`: an operator that binds as all do that have no rank of their own. */
function parseNamedOperator(stream: TokenStream): string {
  stream.expectWord('operator');
  stream.expectOperator('(');
  if (stream.acceptWord('pg_catalog')) stream.expectOperator('.');
  if (stream.peek().kind !== 'operator') throw stream.unsupported('an operator of another schema');
  const { text } = stream.next();
  if (notOperators.has(text)) throw stream.expected('an operator');
  stream.expectOperator(')');
  return text;
}

function parseIs(
  stream: TokenStream,
  operand: Expression,
  mark: number,
  restricted: boolean,
): Expression {
  const word = stream.next().text;
  if (word === 'isnull' || word === 'notnull') {
    const negated = word === 'notnull';
    return { kind: 'is', test: 'null', negated, operand, span: stream.span(mark) };
  }
  const negated = stream.acceptWord('not');
  if (stream.acceptWord('distinct', 'from')) {
    const right = parseAbove(stream, strength.is, restricted);
    return { kind: 'is', test: 'distinct', negated, operand, right, span: stream.span(mark) };
  }
  for (const test of ['null', 'true', 'false', 'unknown'] as const) {
    if (stream.acceptWord(test)) {
      return { kind: 'is', test, negated, operand, span: stream.span(mark) };
    }
  }
  if (stream.acceptWord('json')) {
    const json = parseJsonTest(stream);
    return { kind: 'is', test: 'json', negated, operand, json, span: stream.span(mark) };
  }
  if (stream.isOneOf('document', 'normalized', 'nfc', 'nfd', 'nfkc', 'nfkd')) {
    throw stream.unsupported(`IS ${stream.peek().text.toUpperCase()}`);
  }
  throw stream.expected('NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM');
}

/** `[VALUE | OBJECT | ARRAY | SCALAR] [{WITH | WITHOUT} UNIQUE [KEYS]]`, behind IS JSON. */
function parseJsonTest(stream: TokenStream): NonNullable<IsExpression['json']> {
  const kinds = ['value', 'object', 'array', 'scalar'] as const;
  const type = kinds.find((kind) => stream.acceptWord(kind)) ?? 'value';
  const hasUniqueKeys = stream.acceptWord('with', 'unique');
  if (hasUniqueKeys || stream.acceptWord('without', 'unique')) stream.acceptWord('keys');
  return { type, hasUniqueKeys };
}

function parseRange(stream: TokenStream, operand: Expression, mark: number): Expression {
  const negated = stream.acceptWord('not');
  const word = stream.next().text;
  switch (word) {
    case 'between': {
      const symmetric = stream.acceptWord('symmetric');
      if (!symmetric) stream.acceptWord('asymmetric');
      const low = parseRestricted(stream);
      stream.expectWord('and');
      const high = parseAbove(stream, strength.range, false);
      const span = stream.span(mark);
      return { kind: 'between', negated, symmetric, operand, low, high, span };
    }
    case 'overlaps': {
      const right = parseAbove(stream, strength.range, false);
      if (operand.kind !== 'row' || right.kind !== 'row') {
        throw stream.syntaxError('OVERLAPS compares two rows of two items', undefined, mark);
      }
      return call(stream, mark, 'overlaps', [...operand.items, ...right.items]);
    }
    case 'in': {
      const list = parseInList(stream);
      const node: InExpression = { kind: 'in', negated, operand, list, span: stream.span(mark) };
      return node;
    }
    default:
      return parseLike(stream, operand, negated, word, mark);
  }
}

function parseInList(stream: TokenStream): readonly Expression[] | Query {
  if (stream.startsQuery()) {
    stream.expectOperator('(');
    const query = parseQuery(stream);
    stream.expectOperator(')');
    return query;
  }
  return stream.list(() => parseExpression(stream));
}

function parseLike(
  stream: TokenStream,
  operand: Expression,
  negated: boolean,
  word: string,
  mark: number,
): LikeExpression | QuantifiedExpression | SubqueryExpression {
  if (word === 'similar') stream.expectWord('to');
  const flavour = word as LikeExpression['flavour'];
  if (stream.isOneOf('any', 'some', 'all')) {
    if (word === 'similar') throw stream.expected('a pattern');
    const operator = `${negated ? '!' : ''}~~${word === 'ilike' ? '*' : ''}`;
    return parseQuantified(stream, operand, operator, mark);
  }
  const pattern = parseAbove(stream, strength.range, false);
  const escaped = stream.acceptWord('escape')
    ? parseAbove(stream, strength.range, false)
    : undefined;
  const span = stream.span(mark);
  const base = { kind: 'like', negated, flavour, operand, pattern, span } as const;
  return escaped === undefined ? base : { ...base, escape: escaped };
}

function parseQuantified(
  stream: TokenStream,
  operand: Expression,
  operator: string,
  mark: number,
): QuantifiedExpression | SubqueryExpression {
  const form = stream.next().text === 'all' ? 'all' : 'any';
  if (!stream.isOperator('(')) throw stream.expected('a subquery in parentheses');
  if (!stream.startsQuery()) {
    stream.expectOperator('(');
    const array = parseExpression(stream);
    stream.expectOperator(')');
    return { kind: 'quantified', form, operand, operator, array, span: stream.span(mark) };
  }
  stream.expectOperator('(');
  const query = parseQuery(stream);
  stream.expectOperator(')');
  return { kind: 'subquery', form, query, operand, operator, span: stream.span(mark) };
}

export function parseCase(stream: TokenStream): CaseExpression {
  const mark = stream.mark();
  stream.expectWord('case');
  const operand = stream.isWord('when') ? undefined : parseExpression(stream);
  const branches: { when: Expression; then: Expression }[] = [];
  while (stream.acceptWord('when')) {
    const when = parseExpression(stream);
    stream.expectWord('then');
    branches.push({ when, then: parseExpression(stream) });
  }
  if (branches.length === 0) throw stream.expected('WHEN');
  const otherwise = stream.acceptWord('else') ? parseExpression(stream) : undefined;
  stream.expectWord('end');
  return {
    kind: 'case',
    branches,
    ...(operand === undefined ? {} : { operand }),
    ...(otherwise === undefined ? {} : { otherwise }),
    span: stream.span(mark),
  };
}

/** After "(": an expression in parentheses, a row, or a scalar subquery. */
export function parseParenthesised(stream: TokenStream): Expression {
  const mark = stream.mark();
  if (stream.startsQuery()) {
    stream.expectOperator('(');
    const query = parseQuery(stream);
    stream.expectOperator(')');
    const subquery = { kind: 'subquery', form: 'scalar', query, span: stream.span(mark) } as const;
    return parseIndirection(stream, subquery, mark);
  }
  stream.expectOperator('(');
  const first = parseExpression(stream);
  if (!stream.isOperator(',')) {
    stream.expectOperator(')');
    return parseIndirection(stream, first, mark);
  }
  const items = [first];
  while (stream.acceptOperator(',')) items.push(parseExpression(stream));
  stream.expectOperator(')');
  const row: RowExpression = { kind: 'row', items, span: stream.span(mark) };
  return row;
}
