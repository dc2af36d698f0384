import type { CycleClause, Expression, SearchClause } from './ast.ts';
import { parsePrimary } from './primaries.ts';
import type { TokenStream } from './token-stream.ts';

/** SEARCH and CYCLE behind a query of WITH RECURSIVE (SQL:2016, 7.18). */

export function parseSearch(stream: TokenStream): SearchClause | undefined {
  const mark = stream.mark();
  if (!stream.acceptWord('search')) return undefined;
  const order = stream.acceptWord('depth') ? 'depth' : 'breadth';
  if (order === 'breadth') stream.expectWord('breadth');
  stream.expectWord('first');
  stream.expectWord('by');
  const by = columnNames(stream);
  stream.expectWord('set');
  const set = stream.identifier('a column name');
  return { order, by, set, span: stream.span(mark) };
}

export function parseCycle(stream: TokenStream): CycleClause | undefined {
  const start = stream.mark();
  if (!stream.acceptWord('cycle')) return undefined;
  const columns = columnNames(stream);
  stream.expectWord('set');
  const mark = stream.identifier('a column name');
  let values: CycleClause['values'];
  if (stream.acceptWord('to')) {
    const met = parseConstant(stream);
    stream.expectWord('default');
    values = { met, otherwise: parseConstant(stream) };
  }
  stream.expectWord('using');
  const path = stream.identifier('a column name');
  return {
    columns,
    mark,
    ...(values === undefined ? {} : { values }),
    path,
    span: stream.span(start),
  };
}

function parseConstant(stream: TokenStream): Expression {
  const mark = stream.mark();
  const value = parsePrimary(stream);
  if (value.kind === 'literal') return value;
  throw stream.syntaxError('a constant is expected here', undefined, mark);
}

function columnNames(stream: TokenStream) {
  const names = [stream.identifier('a column name')];
  while (stream.acceptOperator(',')) names.push(stream.identifier('a column name'));
  return names;
}
