import type {
  CreateTopic,
  CreateView,
  Describe,
  Drop,
  Identifier,
  QualifiedName,
  SetVariable,
  Show,
  Statement,
} from './ast.ts';
import { parseCreateRelation } from './create-relation.ts';
import { parseDelete, parseInsert, parseUpdate } from './dml.ts';
import { parseOptions, parseOptionValue } from './options.ts';
import { parseQuery } from './queries.ts';
import type { TokenStream } from './token-stream.ts';

export function parseOne(stream: TokenStream): Statement {
  const mark = stream.mark();
  const token = stream.peek();
  if (stream.isOperator('(')) return parseQuery(stream);
  if (token.kind !== 'word') throw stream.expected('a statement');
  switch (token.text) {
    case 'select':
    case 'values':
    case 'with':
    case 'table':
      return parseQuery(stream);
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
    case 'explain': {
      stream.next();
      const analyze = stream.acceptWord('analyze') || stream.acceptWord('analyse');
      const hasOptions = stream.isOperator('(') && !stream.startsQuery();
      if (hasOptions || stream.isWord('verbose')) throw stream.unsupported('options of EXPLAIN');
      if (stream.isWord('explain')) throw stream.expected('a statement to explain');
      const statement = parseOne(stream);
      return { kind: 'explain', analyze, statement, span: stream.span(mark) };
    }
    case 'show':
      return parseShow(stream);
    case 'describe':
    case 'desc':
      return parseDescribe(stream);
    case 'flush':
      stream.next();
      return { kind: 'flush', span: stream.span(mark) };
    case 'set':
      return parseSet(stream);
    default:
      if (foreignStatements.has(token.text)) {
        throw stream.unsupported(token.text.toUpperCase());
      }
      throw stream.expected(
        'a statement (SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, EXPLAIN, SHOW, DESCRIBE, FLUSH, SET)',
      );
  }
}

/** What PostgreSQL's statements begin with, and ours do not. */
const foreignStatements = new Set(
  `abort alter analyse analyze begin call checkpoint close cluster comment commit copy deallocate
  declare discard do end execute fetch grant import listen load lock merge move notify prepare
  reassign refresh reindex release reset revoke rollback savepoint security start truncate unlisten
  vacuum`.split(/\s+/),
);

function parseSet(stream: TokenStream): SetVariable {
  const mark = stream.mark();
  stream.expectWord('set');
  const isScope = stream.isOneOf('local', 'session') && !stream.isOperator('=', 1);
  if (isScope && stream.peek(1).text !== 'to') {
    throw stream.unsupported(`SET ${stream.peek().text.toUpperCase()}`);
  }
  if (stream.isWord('time', 'zone')) throw stream.unsupported('SET TIME ZONE');
  let { name } = stream.label('a setting');
  while (stream.acceptOperator('.')) name += `.${stream.label('a name after "."').name}`;
  if (!stream.acceptOperator('=')) stream.expectWord('to');
  if (stream.isWord('default')) throw stream.unsupported('SET ... TO DEFAULT');
  const value = parseOptionValue(stream);
  if (stream.isOperator(',')) throw stream.unsupported('a list of values');
  return { kind: 'set', name, value, span: stream.span(mark) };
}

function parseCreate(stream: TokenStream): Statement {
  const mark = stream.mark();
  stream.expectWord('create');
  if (stream.isWord('or', 'replace')) throw stream.unsupported('OR REPLACE');
  if (stream.isOneOf('temp', 'temporary', 'unlogged'))
    throw stream.unsupported('a temporary object');
  if (stream.acceptWord('topic')) return parseCreateTopic(stream, mark);
  if (stream.acceptWord('source')) return parseCreateRelation(stream, mark, 'source');
  if (stream.acceptWord('table')) return parseCreateRelation(stream, mark, 'table');
  const materialized = stream.acceptWord('materialized');
  if (stream.acceptWord('view')) return parseCreateView(stream, mark, materialized);
  if (!materialized && foreignObjects.has(stream.peek().text)) {
    throw stream.unsupported(`CREATE ${stream.peek().text.toUpperCase()}`);
  }
  throw stream.expected('TOPIC, SOURCE, TABLE, VIEW or MATERIALIZED VIEW');
}

/** What PostgreSQL and RisingWave create, alter and drop, and we do not. */
const foreignObjects = new Set(
  `access aggregate cast collation connection conversion database default domain event extension
  foreign function global group index language large local operator owned policy procedure
  publication recursive role routine rule schema secret sequence server sink statistics subscription
  tablespace text transform trigger trusted type unique user`.split(/\s+/),
);

function parseCreateTopic(stream: TokenStream, mark: number): CreateTopic {
  const ifNotExists = stream.acceptWord('if', 'not', 'exists');
  const name = parseTopicName(stream);
  const options = parseOptions(stream);
  return { kind: 'create-topic', name, ifNotExists, options, span: stream.span(mark) };
}

/** Topic names may hold characters that SQL names cannot: also taken as a string. */
function parseTopicName(stream: TokenStream): Identifier {
  if (stream.peek().kind !== 'string') return stream.identifier('a topic name');
  const { text, start, end } = stream.next();
  return { name: text, quoted: true, span: { start, end } };
}

function parseCreateView(stream: TokenStream, mark: number, materialized: boolean): CreateView {
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
    name,
    ifNotExists,
    columns,
    options,
    query,
    span: stream.span(mark),
  };
}

function parseDrop(stream: TokenStream): Drop {
  const mark = stream.mark();
  stream.expectWord('drop');
  let object: Drop['object'];
  if (stream.acceptWord('materialized')) {
    stream.expectWord('view');
    object = 'materialized view';
  } else if (stream.isOneOf('source', 'table', 'view', 'topic')) {
    object = stream.next().text as Drop['object'];
  } else if (foreignObjects.has(stream.peek().text)) {
    throw stream.unsupported(`DROP ${stream.peek().text.toUpperCase()}`);
  } else {
    throw stream.expected('SOURCE, TABLE, VIEW, MATERIALIZED VIEW or TOPIC');
  }
  const ifExists = stream.acceptWord('if', 'exists');
  const names = stream.items((): QualifiedName => {
    if (object !== 'topic') return stream.qualifiedName(`a ${object} name`);
    const topic = parseTopicName(stream);
    return { parts: [topic], span: topic.span };
  });
  const cascade = stream.acceptWord('cascade');
  if (!cascade) stream.acceptWord('restrict');
  return { kind: 'drop', object, ifExists, names, cascade, span: stream.span(mark) };
}

const showable = ['tables', 'sources', 'views', 'materialized views', 'topics', 'relations', 'all'];

function parseShow(stream: TokenStream): Show {
  const mark = stream.mark();
  stream.expectWord('show');
  let what = stream.label(`what to show: ${showable.join(', ')}`).name;
  while (stream.peek().kind === 'word') what += ` ${stream.next().text}`;
  return { kind: 'show', what, span: stream.span(mark) };
}

function parseDescribe(stream: TokenStream): Describe {
  const mark = stream.mark();
  stream.next();
  const topic =
    stream.isWord('topic') && stream.peek(1).kind !== 'end' && !stream.isOperator(';', 1);
  if (topic) stream.next();
  const isKind = stream.isOneOf('table', 'source', 'view', 'materialized');
  if (isKind && ['word', 'quoted'].includes(stream.peek(1).kind)) {
    if (stream.next().text === 'materialized') stream.expectWord('view');
  }
  if (topic && stream.peek().kind === 'string') {
    const name = parseTopicName(stream);
    return {
      kind: 'describe',
      object: 'topic',
      name: { parts: [name], span: name.span },
      span: stream.span(mark),
    };
  }
  const name = stream.qualifiedName('a name');
  return { kind: 'describe', object: topic ? 'topic' : 'relation', name, span: stream.span(mark) };
}
