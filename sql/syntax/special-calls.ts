import type { CallExpression, Expression, Identifier, TypeName } from './ast.ts';
import { parseExpression, parseRestricted } from './expressions.ts';
import { parseJsonQuery } from './json-calls.ts';
import { parseJsonAggregate, parseJsonConstructor } from './json-constructors.ts';
import { columnNameOnly, functionOrType, reserved } from './keywords.ts';
import type { TokenStream } from './token-stream.ts';

/** A call without DISTINCT, FILTER and the like, of a name that the grammar itself supplies. */
export function call(
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
export function parseSpecialCall(stream: TokenStream, word: string): Expression | undefined {
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
        if (stream.acceptWord('similar')) {
          args.push(expression());
          stream.expectWord('escape');
          args.push(expression());
        }
        while (args.length === 1 && stream.isOperator(',')) {
          while (stream.acceptOperator(',')) args.push(expression());
        }
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
    case 'grouping': {
      stream.next();
      return call(stream, mark, word, stream.list(expression));
    }
    case 'json_value':
    case 'json_query':
    case 'json_exists':
      return parseJsonQuery(stream, word);
    case 'json':
    case 'json_object':
    case 'json_array':
    case 'json_scalar':
    case 'json_serialize':
      return parseJsonConstructor(stream, word);
    case 'json_objectagg':
    case 'json_arrayagg':
      return parseJsonAggregate(stream, word);
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
