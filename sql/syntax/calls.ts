import type { CallExpression, Expression, OrderItem, QualifiedName } from './ast.ts';
import { parseExpression } from './expressions.ts';
import { parseOrderBy } from './queries.ts';
import type { TokenStream } from './token-stream.ts';
import { parseWindow } from './windows.ts';

/** The parentheses of a call and what may follow them: WITHIN GROUP, FILTER, OVER. */
export function parseCall(stream: TokenStream, name: QualifiedName, mark: number): CallExpression {
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
  const withinGroup = stream.isWord('within', 'group');
  if (withinGroup) {
    const mark = stream.mark();
    stream.expectWord('within', 'group');
    if (orderBy.length > 0 || distinct) {
      const what = distinct ? 'DISTINCT' : 'ORDER BY in the arguments';
      throw stream.syntaxError(`${what} and WITHIN GROUP exclude each other`, undefined, mark);
    }
    stream.expectOperator('(');
    orderBy = parseOrderBy(stream);
    stream.expectOperator(')');
  }
  return {
    kind: 'call',
    name,
    args,
    star,
    distinct,
    orderBy,
    ...(withinGroup ? { withinGroup } : {}),
    ...parseFilterAndOver(stream),
    span: stream.span(mark),
  };
}

export function parseFilterAndOver(stream: TokenStream): Pick<CallExpression, 'filter' | 'over'> {
  let filter: Expression | undefined;
  if (stream.acceptWord('filter')) {
    stream.expectOperator('(');
    stream.expectWord('where');
    filter = parseExpression(stream);
    stream.expectOperator(')');
  }
  const over = !stream.acceptWord('over')
    ? undefined
    : stream.isOperator('(')
      ? parseWindow(stream)
      : stream.identifier('a window');
  return {
    ...(filter === undefined ? {} : { filter }),
    ...(over === undefined ? {} : { over }),
  };
}

/** An expression, or `name => expression`; `:=` is PostgreSQL's older spelling. */
export function parseArgument(stream: TokenStream): Expression {
  const mark = stream.mark();
  const isNamed = stream.isOperator('=>', 1) || stream.isOperator(':=', 1);
  if (!isNamed) return parseExpression(stream);
  if (!stream.canBeFunctionName()) throw stream.expected('the name of a parameter');
  const name = stream.label('the name of a parameter');
  stream.next();
  const value = parseExpression(stream);
  return { kind: 'named', name, value, span: stream.span(mark) };
}
