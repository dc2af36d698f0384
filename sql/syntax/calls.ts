import type { CallExpression, Expression, OrderItem, QualifiedName, WindowSpec } from './ast.ts';
import { parseExpression } from './expressions.ts';
import { parseOrderBy } from './queries.ts';
import type { TokenStream } from './token-stream.ts';

/** The parentheses of a call and what may follow them: FILTER, OVER. */
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
