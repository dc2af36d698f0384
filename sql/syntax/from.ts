import type { CallExpression, JoinTable, TableAlias, TableExpression } from './ast.ts';
import { parseExpression } from './expressions.ts';
import { parseJsonTable } from './json-table.ts';
import { valueWords } from './keywords.ts';
import { parsePrimary } from './primaries.ts';
import { parseQuery } from './queries.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

/** One item of FROM: a table, subquery or call, and the joins to it. */
export function parseTable(stream: TokenStream): TableExpression {
  return stream.nested(() => {
    const mark = stream.mark();
    let left = parseTableTerm(stream);
    for (;;) {
      const join = parseJoinWords(stream);
      if (join === undefined) return left;
      const right = parseJoinRight(stream, join);
      const condition = parseJoinCondition(stream, join);
      left = { kind: 'join', ...join, left, right, ...condition, span: stream.span(mark) };
    }
  });
}

interface JoinWords {
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'cross';
  readonly natural: boolean;
}

function parseJoinWords(stream: TokenStream): JoinWords | undefined {
  if (stream.acceptWord('cross')) {
    stream.expectWord('join');
    return { type: 'cross', natural: false };
  }
  const natural = stream.acceptWord('natural');
  for (const type of ['left', 'right', 'full'] as const) {
    if (!stream.acceptWord(type)) continue;
    stream.acceptWord('outer');
    stream.expectWord('join');
    return { type, natural };
  }
  if (stream.acceptWord('inner')) {
    stream.expectWord('join');
    return { type: 'inner', natural };
  }
  if (stream.acceptWord('join')) return { type: 'inner', natural };
  if (natural) throw stream.expected('JOIN');
  return undefined;
}

/** `a JOIN b JOIN c ON x ON y` nests: a second join before ON belongs to the right side. */
function parseJoinRight(stream: TokenStream, join: JoinWords): TableExpression {
  return stream.nested(() => parseNestedJoins(stream, join));
}

function parseNestedJoins(stream: TokenStream, join: JoinWords): TableExpression {
  const mark = stream.mark();
  let right = parseTableTerm(stream);
  if (join.natural || join.type === 'cross') return right;
  while (!stream.isOneOf('on', 'using')) {
    const inner = parseJoinWords(stream);
    if (inner === undefined) throw stream.expected('ON or USING');
    const innerRight = parseJoinRight(stream, inner);
    const condition = parseJoinCondition(stream, inner);
    right = {
      kind: 'join',
      ...inner,
      left: right,
      right: innerRight,
      ...condition,
      span: stream.span(mark),
    };
  }
  return right;
}

function parseJoinCondition(
  stream: TokenStream,
  join: JoinWords,
): Pick<JoinTable, 'on' | 'using' | 'usingAlias'> {
  if (join.natural || join.type === 'cross') return {};
  if (stream.acceptWord('using')) {
    const using = stream.list(() => stream.identifier('a column name'));
    if (!stream.acceptWord('as')) return { using };
    return { using, usingAlias: stream.identifier('an alias after AS') };
  }
  stream.expectWord('on');
  return { on: parseExpression(stream) };
}

function parseTableTerm(stream: TokenStream): TableExpression {
  const mark = stream.mark();
  const lateral = stream.acceptWord('lateral');
  if (stream.isOperator('(')) {
    if (stream.startsQuery()) return parseDerived(stream, lateral, mark);
    if (lateral) throw stream.expected('a subquery or a function after LATERAL');
    stream.expectOperator('(');
    const table = parseTable(stream);
    // A join with an alias is a table, and `(table)` is nothing.
    if (table.kind !== 'join' || table.alias !== undefined) throw stream.expected('JOIN');
    stream.expectOperator(')');
    return { ...table, ...parseTableAlias(stream) };
  }
  if (stream.isWord('rows', 'from') && stream.isOperator('(', 2)) {
    return parseRowsFrom(stream, lateral, mark);
  }
  if (stream.isWord('table') && stream.isOperator('(', 1)) throw stream.unsupported('TABLE(...)');
  if (stream.isWord('json_table') && stream.isOperator('(', 1)) {
    const table = parseJsonTable(stream);
    return { ...table, lateral, ...parseTableAlias(stream), span: stream.span(mark) };
  }
  if (startsCall(stream)) return parseFunctionTable(stream, lateral, mark);
  if (lateral) throw stream.expected('a subquery or a function after LATERAL');
  const name = stream.tableName();
  const alias = parseTableAlias(stream);
  if (stream.isWord('tablesample')) throw stream.unsupported('TABLESAMPLE');
  return { kind: 'relation', name, ...alias, span: stream.span(mark) };
}

/** A name and "(", or one of the calls that need no parentheses. */
function startsCall(stream: TokenStream): boolean {
  const { kind, text } = stream.peek();
  if (kind === 'word' && valueWords.has(text)) return true;
  if (stream.isWord('only')) return false;
  let ahead = 1;
  while (stream.isOperator('.', ahead)) ahead += 2;
  return (kind === 'word' || kind === 'quoted') && stream.isOperator('(', ahead);
}

function parseRowsFrom(stream: TokenStream, lateral: boolean, mark: number): TableExpression {
  stream.expectWord('rows');
  stream.expectWord('from');
  const [call, ...rowsFrom] = stream.list(() => {
    const one = parseTableCall(stream);
    if (stream.isWord('as')) throw stream.unsupported('column definitions in ROWS FROM');
    return one;
  });
  const ordinality = stream.acceptWord('with', 'ordinality');
  return {
    kind: 'function',
    call: call!,
    rowsFrom,
    ...(ordinality ? { ordinality } : {}),
    lateral,
    ...parseTableAlias(stream),
    span: stream.span(mark),
  };
}

function parseTableCall(stream: TokenStream): CallExpression {
  const mark = stream.mark();
  const call = parsePrimary(stream);
  if (call.kind !== 'call') throw stream.unsupported('this function in FROM', mark);
  if (call.over !== undefined || call.filter !== undefined) {
    throw stream.syntaxError('FILTER and OVER may not stand in FROM', undefined, mark);
  }
  return call;
}

function parseFunctionTable(stream: TokenStream, lateral: boolean, mark: number): TableExpression {
  const call = parseTableCall(stream);
  const ordinality = stream.acceptWord('with', 'ordinality');
  const hasAs = stream.isWord('as');
  const isDefinition = (open: number) =>
    stream.isOperator('(', open) && !/^[,)]$/.test(stream.peek(open + 2).text);
  const hasAlias = hasAs || stream.canBeAlias();
  if ((hasAs && isDefinition(1)) || (hasAlias && isDefinition(hasAs ? 2 : 1))) {
    return parseDefinedFunction(stream, call, lateral, mark);
  }
  return {
    kind: 'function',
    call,
    ...(ordinality ? { ordinality } : {}),
    lateral,
    ...parseTableAlias(stream),
    span: stream.span(mark),
  };
}

/** `f(...) AS [alias] (a int, b text)`. */
function parseDefinedFunction(
  stream: TokenStream,
  call: CallExpression,
  lateral: boolean,
  mark: number,
): TableExpression {
  stream.acceptWord('as');
  const at = stream.mark();
  const name = stream.isOperator('(') ? undefined : stream.identifier('a table alias');
  const definition = stream.list(() => {
    return { name: stream.identifier('a column name'), typeName: parseTypeName(stream) };
  });
  const alias = name === undefined ? {} : { alias: { name, columns: [], span: stream.span(at) } };
  return { kind: 'function', call, definition, lateral, ...alias, span: stream.span(mark) };
}

function parseDerived(stream: TokenStream, lateral: boolean, mark: number): TableExpression {
  stream.expectOperator('(');
  const query = parseQuery(stream);
  stream.expectOperator(')');
  return { kind: 'derived', query, lateral, ...parseTableAlias(stream), span: stream.span(mark) };
}

function parseTableAlias(stream: TokenStream): { alias?: TableAlias } {
  const mark = stream.mark();
  const hasAs = stream.acceptWord('as');
  if (!hasAs && !stream.canBeAlias()) return {};
  const name = stream.identifier('a table alias');
  const columns = stream.isOperator('(')
    ? stream.list(() => stream.identifier('a column name'))
    : [];
  return { alias: { name, columns, span: stream.span(mark) } };
}
