import { parseAlterTopic } from './alter-topic.ts';
import type { CommonTable, Identifier, QualifiedName, SelectItem, TableExpression } from './ast.ts';
import { parseCreateFunction } from './create-function.ts';
import { parseCreateRelation } from './create-relation.ts';
import {
  parseDelete,
  parseInsert,
  parseSimpleDml,
  parseTruncate,
  parseUpdate,
  parseWithDml,
} from './dml.ts';
import { parseExplain } from './explain.ts';
import { parseMerge } from './merge.ts';
import { parseAlter, parseCreateIndex, parseCreateSink } from './objects.ts';
import { parseOptions } from './options.ts';
import { parseCommonName, parseCommonQuery, parseQuery, queryBehind } from './queries.ts';
import { parseDescribe, parseReset, parseSet, parseShow } from './settings.ts';
import type { ChangingWith, CreateTopic, CreateView, Drop, Statement } from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';

export function parseOne(stream: TokenStream): Statement {
  const token = stream.peek();
  if (stream.isOperator('(')) return parseQuery(stream);
  if (token.kind !== 'word') throw stream.expected('a statement');
  switch (token.text) {
    case 'select':
    case 'values':
    case 'table':
      return parseQuery(stream);
    case 'with':
      return parseWithStatement(stream);
    case 'create':
      return parseCreate(stream);
    case 'drop':
      return parseDrop(stream);
    case 'insert':
      return parseInsert(stream);
    case 'update':
      return parseUpdate(stream);
    case 'delete':
      return parseDelete(stream);
    case 'merge':
      return parseMerge(stream);
    case 'truncate':
      return parseTruncate(stream);
    case 'explain':
      return parseExplain(stream, parseOne);
    case 'alter':
      return stream.isWord('alter', 'topic') ? parseAlterTopic(stream) : parseAlter(stream);
    case 'show':
      return parseShow(stream);
    case 'describe':
    case 'desc':
      return parseDescribe(stream);
    case 'flush': {
      const mark = stream.mark();
      stream.next();
      return { kind: 'flush', span: stream.span(mark) };
    }
    case 'set':
      return parseSet(stream);
    case 'reset':
      return parseReset(stream);
    default:
      if (foreignStatements.has(token.text)) {
        throw stream.unsupported(token.text.toUpperCase());
      }
      throw stream.expected(
        'a statement (SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, EXPLAIN, SHOW, DESCRIBE, FLUSH, SET)',
      );
  }
}

/** What PostgreSQL's statements begin with, and ours do not. */
const foreignStatements = new Set(
  `abort analyse analyze begin call checkpoint close cluster comment commit copy deallocate
  declare discard do end execute fetch grant import listen load lock move notify prepare
  reassign refresh reindex release revoke rollback savepoint security start unlisten
  vacuum`.split(/\s+/),
);

/**
 * WITH before a query or a statement that changes rows, or one that changes rows itself: one alone,
 * for what one statement changes is one entry of the log.
 */
function parseWithStatement(stream: TokenStream): Statement {
  return stream.nested(() => {
    const mark = stream.mark();
    stream.expectWord('with');
    const recursive = stream.acceptWord('recursive');
    const tables: CommonTable[] = [];
    let changing: Omit<ChangingWith, 'kind' | 'query' | 'span'> | undefined;
    stream.items(() => {
      const at = stream.mark();
      const named = parseCommonName(stream);
      if (!stream.isOneOf('insert', 'update', 'delete')) {
        tables.push(parseCommonQuery(stream, named, at));
        return;
      }
      if (changing !== undefined) throw stream.unsupported('a second change of rows in WITH', at);
      const own = stream.mark();
      const clause = { tables: [...tables], recursive };
      const simple = parseSimpleDml(stream);
      const change =
        tables.length > 0 ? { ...simple, with: clause, span: stream.span(own) } : simple;
      changing = { ...named, change };
      stream.expectOperator(')');
    });
    const isDml = stream.isOneOf('insert', 'update', 'delete', 'merge');
    const clause = { tables, recursive };
    if (changing === undefined) {
      return isDml ? parseWithDml(stream, clause, mark) : queryBehind(stream, clause, mark);
    }
    if (isDml) throw stream.unsupported('a change of rows in WITH and behind it', mark);
    const query = queryBehind(stream, clause, mark);
    return { kind: 'changing-with', ...changing, query, span: stream.span(mark) };
  });
}

function parseCreate(stream: TokenStream): Statement {
  const mark = stream.mark();
  stream.expectWord('create');
  const orReplace = stream.acceptWord('or', 'replace');
  if (orReplace && stream.acceptWord('recursive', 'view')) {
    return parseRecursiveView(stream, mark, true);
  }
  if (orReplace && stream.isWord('view')) stream.next();
  else if (orReplace) throw stream.unsupported('OR REPLACE of anything but a view');
  if (orReplace) return parseCreateView(stream, mark, false, true);
  if (stream.isOneOf('temp', 'temporary', 'unlogged'))
    throw stream.unsupported('a temporary object');
  if (stream.acceptWord('topic')) return parseCreateTopic(stream, mark);
  if (stream.acceptWord('source')) return parseCreateRelation(stream, mark, 'source');
  if (stream.acceptWord('table')) return parseCreateRelation(stream, mark, 'table');
  if (stream.isWord('index') || stream.isWord('unique', 'index')) {
    return parseCreateIndex(stream, mark);
  }
  if (stream.acceptWord('sink')) return parseCreateSink(stream, mark);
  if (stream.acceptWord('function')) return parseCreateFunction(stream, mark);
  if (stream.acceptWord('recursive', 'view')) return parseRecursiveView(stream, mark, false);
  const materialized = stream.acceptWord('materialized');
  if (stream.acceptWord('view')) return parseCreateView(stream, mark, materialized, false);
  if (!materialized && foreignObjects.has(stream.peek().text)) {
    throw stream.unsupported(`CREATE ${stream.peek().text.toUpperCase()}`);
  }
  throw stream.expected('TOPIC, SOURCE, TABLE, VIEW or MATERIALIZED VIEW');
}

/** What PostgreSQL and RisingWave create, alter and drop, and we do not. */
const foreignObjects = new Set(
  `access aggregate cast collation connection conversion database default domain event extension
  foreign global group index language large local operator owned policy procedure
  publication role routine rule schema secret sequence server statistics subscription
  tablespace text transform trigger trusted type unique user`.split(/\s+/),
);

function parseCreateTopic(stream: TokenStream, mark: number): CreateTopic {
  const ifNotExists = stream.acceptWord('if', 'not', 'exists');
  const name = parseTopicName(stream);
  const options = parseOptions(stream);
  return { kind: 'create-topic', name, ifNotExists, options, span: stream.span(mark) };
}

/** Topic names may hold characters that SQL names cannot: also taken as a string. */
export function parseTopicName(stream: TokenStream): Identifier {
  if (stream.peek().kind !== 'string') return stream.identifier('a topic name');
  const { text, start, end } = stream.next();
  return { name: text, quoted: true, span: { start, end } };
}

function parseCreateView(
  stream: TokenStream,
  mark: number,
  materialized: boolean,
  orReplace: boolean,
): CreateView {
  const ifNotExists = stream.acceptWord('if', 'not', 'exists');
  const name = stream.qualifiedName('a view name');
  const columns = stream.isOperator('(')
    ? stream.list(() => stream.identifier('a column name'))
    : [];
  const options = parseOptions(stream);
  stream.expectWord('as');
  const query = parseQuery(stream);
  if (stream.isWord('emit')) throw stream.unsupported('EMIT');
  if (materialized && stream.acceptWord('with')) {
    if (stream.isWord('no', 'data')) throw stream.unsupported('WITH NO DATA');
    stream.expectWord('data');
  } else if (stream.isWord('with')) throw stream.unsupported('WITH CHECK OPTION');
  return {
    kind: 'create-view',
    materialized,
    orReplace,
    name,
    ifNotExists,
    columns,
    options,
    query,
    span: stream.span(mark),
  };
}

/** `CREATE RECURSIVE VIEW v (a) AS q` is `CREATE VIEW v AS WITH RECURSIVE v (a) AS (q) SELECT a FROM v`. */
function parseRecursiveView(stream: TokenStream, mark: number, orReplace: boolean): CreateView {
  const name = stream.qualifiedName('a view name');
  const own = name.parts.at(-1)!;
  const columns = stream.list(() => stream.identifier('a column name'));
  const options = parseOptions(stream);
  stream.expectWord('as');
  const query = parseQuery(stream);
  if (stream.isWord('with')) throw stream.unsupported('WITH CHECK OPTION');
  const span = stream.span(mark);
  const items = columns.map((column): SelectItem => {
    return { expression: { kind: 'column', parts: [column], span }, span };
  });
  const table: TableExpression = { kind: 'relation', name: { parts: [own], span }, span };
  return {
    kind: 'create-view',
    materialized: false,
    orReplace,
    name,
    ifNotExists: false,
    columns,
    options,
    query: {
      kind: 'query',
      with: [{ name: own, columns, query, span }],
      recursive: true,
      body: { kind: 'select', distinct: 'none', items, from: [table], groupBy: [], span },
      orderBy: [],
      span,
    },
    span,
  };
}

function parseDrop(stream: TokenStream): Drop {
  const mark = stream.mark();
  stream.expectWord('drop');
  let object: Drop['object'];
  if (stream.acceptWord('materialized')) {
    stream.expectWord('view');
    object = 'materialized view';
  } else if (stream.isOneOf('source', 'table', 'view', 'topic', 'index', 'sink', 'function')) {
    object = stream.next().text as Drop['object'];
  } else if (foreignObjects.has(stream.peek().text)) {
    throw stream.unsupported(`DROP ${stream.peek().text.toUpperCase()}`);
  } else {
    throw stream.expected('SOURCE, TABLE, VIEW, MATERIALIZED VIEW, INDEX, SINK or TOPIC');
  }
  const ifExists = stream.acceptWord('if', 'exists');
  const names = stream.items((): QualifiedName => {
    if (object !== 'topic') {
      const name = stream.qualifiedName(`a ${object} name`);
      if (stream.isOperator('(')) throw stream.unsupported('arguments of a function to drop');
      return name;
    }
    const topic = parseTopicName(stream);
    return { parts: [topic], span: topic.span };
  });
  const cascade = stream.acceptWord('cascade');
  if (!cascade) stream.acceptWord('restrict');
  return { kind: 'drop', object, ifExists, names, cascade, span: stream.span(mark) };
}
