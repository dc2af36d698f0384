import type {
  ColumnExpression,
  CommonTable,
  Expression,
  Identifier,
  OrderItem,
  Query,
  QueryBody,
  Select,
  SelectItem,
  SetOperation,
  StarExpression,
  TableExpression,
  Values,
} from './ast.ts';
import { parseExpression, parseSigned } from './expressions.ts';
import { parseTable } from './from.ts';
import { parseGroupBy } from './grouping.ts';
import { needsAs } from './keywords.ts';
import { parseCycle, parseSearch } from './search-cycle.ts';
import type { WithClause } from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';
import { parseWindowClause } from './windows.ts';

/** A whole query: WITH, set operations, ORDER BY, LIMIT. */
export function parseQuery(stream: TokenStream): Query {
  return stream.nested(() => {
    const mark = stream.mark();
    const clause = parseWith(stream);
    return queryBehind(stream, clause, mark);
  });
}

/** `WITH [RECURSIVE] a AS (...), ...`; without the word no tables. */
export function parseWith(stream: TokenStream): WithClause {
  if (!stream.acceptWord('with')) return { tables: [], recursive: false };
  const recursive = stream.acceptWord('recursive');
  return { recursive, tables: stream.items(() => parseCommonTable(stream)) };
}

/** The query behind its WITH clause; `mark` is where that begins. */
export function queryBehind(
  stream: TokenStream,
  { tables: withs, recursive }: WithClause,
  mark: number,
): Query {
  const body = parseSetOperations(stream, 0);
  const clauses = stream.mark();
  const orderBy = stream.isWord('order') ? parseOrderBy(stream) : [];
  const { limit, offset, withTies } = parseLimit(stream);
  if (withTies && orderBy.length === 0) {
    throw stream.syntaxError('WITH TIES needs an ORDER BY', undefined, clauses);
  }
  if (stream.isWord('for')) throw stream.unsupported('a locking clause');
  if (body.kind === 'query') {
    const twice =
      (withs.length > 0 && body.with.length > 0 && 'WITH') ||
      (orderBy.length > 0 && body.orderBy.length > 0 && 'ORDER BY') ||
      (limit !== undefined && body.limit !== undefined && 'LIMIT') ||
      (offset !== undefined && body.offset !== undefined && 'OFFSET');
    if (twice !== false) {
      const hint = 'Name the inner query: SELECT * FROM (...) AS name.';
      throw stream.syntaxError(`${twice} stands twice for one query`, hint, clauses);
    }
  }
  return {
    kind: 'query',
    with: withs,
    recursive,
    body,
    orderBy,
    ...(limit === undefined ? {} : { limit }),
    ...(withTies ? { withTies } : {}),
    ...(offset === undefined ? {} : { offset }),
    span: stream.span(mark),
  };
}

function parseCommonTable(stream: TokenStream): CommonTable {
  const mark = stream.mark();
  return parseCommonQuery(stream, parseCommonName(stream), mark);
}

/** `name [(columns)] AS [[NOT] MATERIALIZED] (`. */
export function parseCommonName(stream: TokenStream): Pick<CommonTable, 'name' | 'columns'> {
  const name = stream.identifier('a name');
  const columns = stream.isOperator('(')
    ? stream.list(() => stream.identifier('a column name'))
    : [];
  stream.expectWord('as');
  if (stream.acceptWord('not')) stream.expectWord('materialized');
  else stream.acceptWord('materialized');
  stream.expectOperator('(');
  return { name, columns };
}

/** What stands behind it. */
export function parseCommonQuery(
  stream: TokenStream,
  { name, columns }: Pick<CommonTable, 'name' | 'columns'>,
  mark: number,
): CommonTable {
  if (stream.isOneOf('insert', 'update', 'delete', 'merge')) {
    throw stream.unsupported(`${stream.peek().text.toUpperCase()} in WITH`);
  }
  const query = parseQuery(stream);
  stream.expectOperator(')');
  const search = parseSearch(stream);
  const cycle = parseCycle(stream);
  return {
    name,
    columns,
    query,
    ...(search === undefined ? {} : { search }),
    ...(cycle === undefined ? {} : { cycle }),
    span: stream.span(mark),
  };
}

/** UNION and EXCEPT bind alike and to the left, INTERSECT tighter. */
function parseSetOperations(stream: TokenStream, least: number): QueryBody {
  const mark = stream.mark();
  let left = parseQueryTerm(stream);
  for (;;) {
    const token = stream.peek();
    const strength =
      token.kind !== 'word'
        ? 0
        : token.text === 'intersect'
          ? 2
          : token.text === 'union' || token.text === 'except'
            ? 1
            : 0;
    if (strength <= least) return left;
    stream.next();
    const operator = token.text as 'union' | 'intersect' | 'except';
    const all = stream.acceptWord('all');
    if (!all) stream.acceptWord('distinct');
    const matched = parseCorresponding(stream);
    const right = parseSetOperations(stream, strength);
    left = { kind: 'set', operator, all, ...matched, left, right, span: stream.span(mark) };
  }
}

/** `CORRESPONDING [BY (a, b)]` of the SQL standard, which PostgreSQL has not. */
function parseCorresponding(stream: TokenStream): Pick<SetOperation, 'corresponding'> {
  if (!stream.acceptWord('corresponding')) return {};
  if (!stream.acceptWord('by')) return { corresponding: 'all' };
  return { corresponding: stream.list(() => stream.identifier('a column name')) };
}

function parseQueryTerm(stream: TokenStream): QueryBody {
  if (stream.isOperator('(')) {
    stream.next();
    const query = parseQuery(stream);
    stream.expectOperator(')');
    return query;
  }
  if (stream.isWord('values')) return parseValues(stream);
  if (stream.isWord('select')) return parseSelect(stream);
  if (stream.isWord('table')) return parseTableQuery(stream);
  throw stream.expected('SELECT or VALUES');
}

/** `TABLE t` is `SELECT * FROM t`. */
function parseTableQuery(stream: TokenStream): Select {
  const mark = stream.mark();
  stream.expectWord('table');
  const nameMark = stream.mark();
  const name = stream.tableName();
  const table: TableExpression = { kind: 'relation', name, span: stream.span(nameMark) };
  const span = stream.span(mark);
  const star: SelectItem = { expression: { kind: 'star', relation: [], span }, span };
  return { kind: 'select', distinct: 'none', items: [star], from: [table], groupBy: [], span };
}

function parseValues(stream: TokenStream): Values {
  const mark = stream.mark();
  stream.expectWord('values');
  const rows = stream.items(() =>
    stream.list(() => parseDefault(stream) ?? parseExpression(stream)),
  );
  return { kind: 'values', rows, span: stream.span(mark) };
}

/** DEFAULT in the VALUES of an INSERT: a column of that name, which cannot be meant otherwise. */
export function parseDefault(stream: TokenStream): Expression | undefined {
  if (!stream.isWord('default')) return undefined;
  const { start, end } = stream.next();
  const span = { start, end };
  return { kind: 'column', parts: [{ name: 'default', quoted: false, span }], span };
}

function parseSelect(stream: TokenStream): Select {
  const mark = stream.mark();
  stream.expectWord('select');
  const distinct = parseDistinct(stream);
  const isEmpty = distinct === 'none' && startsClause(stream);
  const items = isEmpty ? [] : stream.items(() => parseSelectItem(stream));
  if (stream.isWord('into')) throw stream.unsupported('SELECT INTO');
  const from = stream.acceptWord('from') ? stream.items(() => parseTable(stream)) : [];
  const where = stream.acceptWord('where') ? parseExpression(stream) : undefined;
  const grouping = parseGroupBy(stream);
  const having = stream.acceptWord('having') ? parseExpression(stream) : undefined;
  const windows = parseWindowClause(stream);
  return {
    kind: 'select',
    distinct,
    items,
    from,
    ...(where === undefined ? {} : { where }),
    ...grouping,
    ...(having === undefined ? {} : { having }),
    ...(windows.length === 0 ? {} : { windows }),
    span: stream.span(mark),
  };
}

function parseDistinct(stream: TokenStream): Select['distinct'] {
  if (!stream.acceptWord('distinct')) {
    stream.acceptWord('all');
    return 'none';
  }
  if (!stream.acceptWord('on')) return 'all';
  return stream.list(() => parseExpression(stream));
}

/** PostgreSQL allows an empty select list. */
function startsClause(stream: TokenStream): boolean {
  const { kind, text } = stream.peek();
  if (kind === 'end') return true;
  if (kind === 'operator') return text === ')' || text === ';';
  const clauses = [
    'from',
    'where',
    'group',
    'having',
    'order',
    'limit',
    'union',
    'intersect',
    'except',
    'offset',
    'fetch',
    'for',
    'into',
    'window',
  ];
  return kind === 'word' && clauses.includes(text);
}

export function parseSelectItem(stream: TokenStream): SelectItem {
  const mark = stream.mark();
  if (stream.acceptOperator('*')) {
    const star = { kind: 'star', relation: [], span: stream.span(mark) } as const;
    return { expression: parseExcept(stream, star, mark), span: stream.span(mark) };
  }
  const parsed = parseExpression(stream);
  const expression = parsed.kind === 'star' ? parseExcept(stream, parsed, mark) : parsed;
  const alias = parseColumnAlias(stream, expression);
  const span = stream.span(mark);
  return alias === undefined ? { expression, span } : { expression, alias, span };
}

/** `EXCEPT (columns)` after a star; the set operation goes on with a query. */
function parseExcept(stream: TokenStream, star: StarExpression, mark: number): StarExpression {
  const isList = stream.isWord('except') && stream.isOperator('(', 1) && !stream.isOperator('(', 2);
  if (!isList || /^(select|values|with|table)$/.test(stream.peek(2).text)) return star;
  stream.next();
  const except = stream.list((): ColumnExpression => {
    const name = stream.qualifiedName('a column name');
    return { kind: 'column', parts: name.parts, span: name.span };
  });
  return { ...star, except, span: stream.span(mark) };
}

function parseColumnAlias(stream: TokenStream, expression: Expression): Identifier | undefined {
  if (expression.kind === 'star') {
    if (stream.isWord('as')) throw stream.unsupported('an alias of "*"');
    return undefined;
  }
  if (stream.acceptWord('as')) return stream.label('a column alias after AS');
  if (stream.isWord('format', 'json')) return undefined;
  const token = stream.peek();
  const isBare = token.kind === 'quoted' || (token.kind === 'word' && !needsAs.has(token.text));
  return isBare ? stream.label('a column alias') : undefined;
}

export function parseOrderBy(stream: TokenStream): OrderItem[] {
  stream.expectWord('order');
  stream.expectWord('by');
  return stream.items(() => {
    const mark = stream.mark();
    const expression = parseExpression(stream);
    const using = stream.acceptWord('using');
    const descending = using ? parseSortOperator(stream) : parseDirection(stream);
    let nullsFirst: boolean | undefined;
    if (stream.acceptWord('nulls', 'first')) nullsFirst = true;
    else if (stream.acceptWord('nulls', 'last')) nullsFirst = false;
    const order = { expression, descending, nullsFirst, span: stream.span(mark) };
    return using ? { ...order, using } : order;
  });
}

/** Whether the operator of USING sorts the largest first. */
function parseSortOperator(stream: TokenStream): boolean {
  if (stream.acceptOperator('>')) return true;
  if (stream.acceptOperator('<')) return false;
  throw stream.expected('"<" or ">" after USING');
}

function parseDirection(stream: TokenStream): boolean {
  if (stream.acceptWord('desc')) return true;
  stream.acceptWord('asc');
  return false;
}

interface Bounds {
  readonly limit?: Expression;
  readonly offset?: Expression;
  readonly withTies: boolean;
}

/** LIMIT and OFFSET in either order, and the standard's FETCH FIRST. */
function parseLimit(stream: TokenStream): Bounds {
  let limit: Expression | undefined;
  let offset: Expression | undefined;
  let isLimited = false;
  let withTies = false;
  for (;;) {
    if (!isLimited && stream.acceptWord('limit')) {
      isLimited = true;
      if (!stream.acceptWord('all')) limit = parseExpression(stream);
      if (stream.isOperator(',')) {
        throw stream.syntaxError('LIMIT takes one number', 'Write LIMIT count OFFSET start.');
      }
    } else if (offset === undefined && stream.acceptWord('offset')) {
      offset = parseExpression(stream);
      if (!stream.acceptWord('rows')) stream.acceptWord('row');
    } else if (!isLimited && stream.acceptWord('fetch')) {
      isLimited = true;
      limit = parseFetch(stream);
      withTies = stream.acceptWord('with', 'ties');
      if (!withTies) stream.expectWord('only');
    } else {
      return {
        ...(limit === undefined ? {} : { limit }),
        ...(offset === undefined ? {} : { offset }),
        withTies,
      };
    }
  }
}

function parseFetch(stream: TokenStream): Expression {
  const mark = stream.mark();
  if (!stream.acceptWord('first')) stream.expectWord('next');
  const one: Expression = {
    kind: 'literal',
    literal: { type: 'integer', text: '1' },
    span: stream.span(mark),
  };
  const limit = stream.isOneOf('row', 'rows') ? one : parseSigned(stream);
  if (!stream.acceptWord('rows')) stream.expectWord('row');
  return limit;
}
