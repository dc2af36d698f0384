import type { Expression, GroupingElement, Select } from './ast.ts';
import { parseExpression } from './expressions.ts';
import type { TokenStream } from './token-stream.ts';

/** `GROUP BY [ALL | DISTINCT] ...`: expressions and sets of them; empty without the clause. */
export function parseGroupBy(stream: TokenStream): Pick<Select, 'groupBy' | 'groupByDistinct'> {
  if (!stream.acceptWord('group')) return { groupBy: [] };
  stream.expectWord('by');
  const isDistinct = !stream.acceptWord('all') && stream.acceptWord('distinct');
  const groupBy = stream
    .items((): GroupingElement[] => {
      const element = parseElement(stream);
      return element.kind === 'row' ? groupingList(stream, element) : [element];
    })
    .flat();
  return isDistinct ? { groupBy, groupByDistinct: true } : { groupBy };
}

/** Nested sets are bounded like nested queries. */
function parseElement(stream: TokenStream): GroupingElement {
  return stream.nested(() => {
    const mark = stream.mark();
    if (stream.isOperator('(') && stream.isOperator(')', 1)) {
      stream.next();
      stream.next();
      return { kind: 'grouping-sets', form: 'empty', items: [], span: stream.span(mark) };
    }
    if (stream.isWord('grouping', 'sets') && stream.isOperator('(', 2)) {
      stream.expectWord('grouping', 'sets');
      const items = stream.list(() => parseElement(stream));
      return { kind: 'grouping-sets', form: 'sets', items, span: stream.span(mark) };
    }
    if (stream.isOneOf('cube', 'rollup') && stream.isOperator('(', 1)) {
      const form = stream.next().text as 'cube' | 'rollup';
      const items = stream.list(() => parseExpression(stream));
      return { kind: 'grouping-sets', form, items, span: stream.span(mark) };
    }
    return parseExpression(stream);
  });
}

/** `GROUP BY (a, (b, c))` groups by a, b and c; only ROW(...) is one value. */
function groupingList(stream: TokenStream, expression: Expression): Expression[] {
  const isList = expression.kind === 'row' && stream.text[expression.span.start] === '(';
  if (!isList) return [expression];
  return expression.items.flatMap((item) => groupingList(stream, item));
}
