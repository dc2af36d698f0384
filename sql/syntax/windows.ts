import type { FrameBound, NamedWindow, WindowFrame, WindowSpec } from './ast.ts';
import { parseExpression } from './expressions.ts';
import { parseOrderBy } from './queries.ts';
import type { TokenStream } from './token-stream.ts';

/** `( [base] [PARTITION BY ...] [ORDER BY ...] [frame] )`. */
export function parseWindow(stream: TokenStream): WindowSpec {
  const mark = stream.mark();
  stream.expectOperator('(');
  // As in PostgreSQL's grammar, these words begin a clause rather than name a window.
  const isClause = stream.isOneOf('partition', 'range', 'rows', 'groups', 'order');
  const base =
    isClause || stream.isOperator(')') ? undefined : stream.identifier('a window or ")"');
  const partitionBy = stream.acceptWord('partition', 'by')
    ? stream.items(() => parseExpression(stream))
    : [];
  const orderBy = stream.isWord('order') ? parseOrderBy(stream) : [];
  const frame = stream.isOneOf('rows', 'range', 'groups') ? parseFrame(stream) : undefined;
  stream.expectOperator(')');
  return {
    ...(base === undefined ? {} : { base }),
    partitionBy,
    orderBy,
    ...(frame === undefined ? {} : { frame }),
    span: stream.span(mark),
  };
}

/** `WINDOW w AS (...), ...`; empty when there is no such clause. */
export function parseWindowClause(stream: TokenStream): NamedWindow[] {
  if (!stream.acceptWord('window')) return [];
  return stream.items(() => {
    const mark = stream.mark();
    const name = stream.identifier('a name');
    stream.expectWord('as');
    const window = parseWindow(stream);
    return { name, window, span: stream.span(mark) };
  });
}

const boundOrder: readonly FrameBound['kind'][] = [
  'unbounded preceding',
  'preceding',
  'current row',
  'following',
  'unbounded following',
];

function parseFrame(stream: TokenStream): WindowFrame {
  const mark = stream.mark();
  const mode = stream.next().text as WindowFrame['mode'];
  const isBetween = stream.acceptWord('between');
  // Elsewhere a column may have this name; PostgreSQL does not take it for one here.
  if (isBetween && stream.isWord('between')) throw stream.expected('where the frame starts');
  const start = parseFrameBound(stream);
  if (isBetween) stream.expectWord('and');
  const end: FrameBound = isBetween
    ? parseFrameBound(stream)
    : { kind: 'current row', span: start.span };
  const first = boundOrder.indexOf(start.kind);
  const last = boundOrder.indexOf(end.kind);
  if (first === 4 || last === 0 || first > last) {
    throw stream.syntaxError('the frame ends before it starts', undefined, mark);
  }
  const exclude = parseExclude(stream);
  return { mode, start, end, exclude, span: stream.span(mark) };
}

function parseFrameBound(stream: TokenStream): FrameBound {
  const mark = stream.mark();
  if (stream.acceptWord('current', 'row')) return { kind: 'current row', span: stream.span(mark) };
  const isUnbounded =
    stream.isWord('unbounded', 'preceding') || stream.isWord('unbounded', 'following');
  if (isUnbounded) {
    stream.next();
    const kind = `unbounded ${stream.next().text}` as FrameBound['kind'];
    return { kind, span: stream.span(mark) };
  }
  const offset = parseExpression(stream);
  const kind = stream.acceptWord('preceding') ? 'preceding' : 'following';
  if (kind === 'following' && !stream.acceptWord('following')) {
    throw stream.expected('PRECEDING or FOLLOWING');
  }
  return { kind, offset, span: stream.span(mark) };
}

function parseExclude(stream: TokenStream): WindowFrame['exclude'] {
  if (!stream.acceptWord('exclude')) return 'none';
  if (stream.acceptWord('current', 'row')) return 'current row';
  if (stream.acceptWord('group')) return 'group';
  if (stream.acceptWord('ties')) return 'ties';
  if (stream.acceptWord('no', 'others')) return 'none';
  throw stream.expected('CURRENT ROW, GROUP, TIES or NO OTHERS');
}
