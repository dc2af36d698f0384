import type {
  Assignment,
  ColumnDefinition,
  CreateRelation,
  CreateTopic,
  CreateView,
  Delete,
  Describe,
  Drop,
  Expression,
  Identifier,
  Insert,
  QualifiedName,
  Show,
  Statement,
  Update,
  WatermarkDefinition,
  WithOption,
} from './ast.ts';
import { parseExpression } from './expressions.ts';
import { parseQuery } from './queries.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

export function parseOne(stream: TokenStream): Statement {
  const mark = stream.mark();
  const token = stream.peek();
  if (stream.isOperator('(')) return parseQuery(stream);
  if (token.kind !== 'word') throw stream.expected('a statement');
  switch (token.text) {
    case 'select':
    case 'values':
    case 'with':
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
      const analyze = stream.acceptWord('analyze');
      if (stream.isOperator('(')) throw stream.unsupported('options of EXPLAIN');
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
    case 'set': {
      stream.next();
      const name = stream.label('a setting').name;
      if (!stream.acceptOperator('=')) stream.expectWord('to');
      return { kind: 'set', name, value: parseOptionValue(stream), span: stream.span(mark) };
    }
    default:
      throw stream.expected(
        'a statement (SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, EXPLAIN, SHOW, DESCRIBE, FLUSH, SET)',
      );
  }
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
  if (stream.isOneOf('index', 'sink', 'function', 'schema', 'database', 'type', 'sequence')) {
    throw stream.unsupported(`CREATE ${stream.peek().text.toUpperCase()}`);
  }
  throw stream.expected('TOPIC, SOURCE, TABLE, VIEW or MATERIALIZED VIEW');
}

function parseIfNotExists(stream: TokenStream): boolean {
  return stream.acceptWord('if', 'not', 'exists');
}

function parseCreateTopic(stream: TokenStream, mark: number): CreateTopic {
  const ifNotExists = parseIfNotExists(stream);
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

function parseCreateRelation(
  stream: TokenStream,
  mark: number,
  relation: 'source' | 'table',
): CreateRelation {
  const ifNotExists = parseIfNotExists(stream);
  const name = stream.qualifiedName(`a ${relation} name`);
  if (stream.isWord('as')) throw stream.unsupported('CREATE TABLE AS');
  const columns: ColumnDefinition[] = [];
  const watermarks: WatermarkDefinition[] = [];
  const primaryKey: Identifier[] = [];
  stream.list(() => {
    if (stream.isWord('primary', 'key')) {
      if (primaryKey.length > 0) throw stream.expected('no second PRIMARY KEY');
      stream.expectWord('primary', 'key');
      primaryKey.push(...stream.list(() => stream.identifier('a column name')));
    } else if (stream.isWord('watermark', 'for')) {
      watermarks.push(parseWatermark(stream));
    } else if (stream.isOneOf('constraint', 'unique', 'check', 'foreign', 'exclude')) {
      throw stream.unsupported(`a ${stream.peek().text.toUpperCase()} constraint`);
    } else {
      columns.push(parseColumn(stream));
    }
  });
  const appendOnly = stream.acceptWord('append', 'only');
  const options = parseOptions(stream);
  return {
    kind: 'create-relation',
    relation,
    name,
    ifNotExists,
    columns,
    primaryKey,
    watermarks,
    appendOnly,
    options,
    span: stream.span(mark),
  };
}

function parseWatermark(stream: TokenStream): WatermarkDefinition {
  const mark = stream.mark();
  stream.expectWord('watermark', 'for');
  const column = stream.identifier('a column name');
  stream.expectWord('as');
  const expression = parseExpression(stream);
  return { column, expression, span: stream.span(mark) };
}

function parseColumn(stream: TokenStream): ColumnDefinition {
  const mark = stream.mark();
  const name = stream.identifier('a column name or PRIMARY KEY');
  const typeName = parseTypeName(stream);
  let notNull = false;
  let primaryKey = false;
  let defaultValue: Expression | undefined;
  for (;;) {
    if (stream.acceptWord('not', 'null')) notNull = true;
    else if (stream.acceptWord('primary', 'key')) primaryKey = true;
    else if (stream.acceptWord('default')) defaultValue = parseExpression(stream);
    else if (
      stream.isOneOf('unique', 'check', 'references', 'generated', 'collate', 'constraint')
    ) {
      throw stream.unsupported(`${stream.peek().text.toUpperCase()} on a column`);
    } else if (!stream.acceptWord('null')) break;
  }
  return {
    name,
    typeName,
    notNull,
    primaryKey,
    ...(defaultValue === undefined ? {} : { defaultValue }),
    span: stream.span(mark),
  };
}

/** `WITH (name = value, ...)`. */
function parseOptions(stream: TokenStream): WithOption[] {
  if (!stream.acceptWord('with')) return [];
  return stream.list(() => {
    const mark = stream.mark();
    let name: string;
    if (stream.peek().kind === 'string') name = stream.next().text.toLowerCase();
    else name = stream.label('an option').name.toLowerCase();
    while (stream.acceptOperator('.')) name += `.${stream.label('a name after "."').name}`;
    stream.expectOperator('=');
    return { name, value: parseOptionValue(stream), span: stream.span(mark) };
  });
}

function parseOptionValue(stream: TokenStream): string {
  const negative = stream.acceptOperator('-');
  const token = stream.peek();
  if (token.kind === 'end' || token.kind === 'operator' || token.kind === 'parameter') {
    throw stream.expected('a value');
  }
  stream.next();
  return negative ? `-${token.text}` : token.text;
}

function parseCreateView(stream: TokenStream, mark: number, materialized: boolean): CreateView {
  const ifNotExists = parseIfNotExists(stream);
  const name = stream.qualifiedName('a view name');
  const columns = stream.isOperator('(')
    ? stream.list(() => stream.identifier('a column name'))
    : [];
  const options = parseOptions(stream);
  stream.expectWord('as');
  const query = parseQuery(stream);
  if (stream.isWord('emit')) throw stream.unsupported('EMIT');
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

function parseInsert(stream: TokenStream): Insert {
  const mark = stream.mark();
  stream.expectWord('insert', 'into');
  const table = stream.qualifiedName('a table name');
  if (stream.isWord('as')) throw stream.unsupported('an alias of the table');
  if (stream.isWord('default', 'values')) throw stream.unsupported('DEFAULT VALUES');
  const isColumnList = stream.isOperator('(') && !startsQueryAfterParenthesis(stream);
  const columns = isColumnList ? stream.list(() => stream.identifier('a column name')) : [];
  if (stream.isOneOf('overriding')) throw stream.unsupported('OVERRIDING');
  const source = parseQuery(stream);
  const onConflict = parseOnConflict(stream);
  if (stream.isWord('returning')) throw stream.unsupported('RETURNING');
  const base = { kind: 'insert', table, columns, source, span: stream.span(mark) } as const;
  return onConflict === undefined ? base : { ...base, onConflict };
}

function startsQueryAfterParenthesis(stream: TokenStream): boolean {
  let ahead = 1;
  while (stream.isOperator('(', ahead)) ahead++;
  const { kind, text } = stream.peek(ahead);
  return kind === 'word' && ['select', 'values', 'with'].includes(text);
}

/** `ON CONFLICT [(key)] DO NOTHING`, or `DO UPDATE` of the whole row as EXCLUDED has it. */
function parseOnConflict(stream: TokenStream): Insert['onConflict'] | undefined {
  if (!stream.acceptWord('on', 'conflict')) return undefined;
  if (stream.isOperator('(')) stream.list(() => stream.identifier('a column name'));
  stream.expectWord('do');
  if (stream.acceptWord('nothing')) return 'nothing';
  if (stream.acceptWord('replace')) return 'replace';
  throw stream.unsupported('ON CONFLICT DO UPDATE');
}

function parseUpdate(stream: TokenStream): Update {
  const mark = stream.mark();
  stream.expectWord('update');
  const table = stream.qualifiedName('a table name');
  const alias = parseAlias(stream, 'set');
  stream.expectWord('set');
  const assignments = stream.items((): Assignment => {
    const assignmentMark = stream.mark();
    if (stream.isOperator('(')) throw stream.unsupported('an assignment to several columns');
    const column = stream.identifier('a column name');
    stream.expectOperator('=');
    const value = stream.acceptWord('default') ? undefined : parseExpression(stream);
    return { column, value, span: stream.span(assignmentMark) };
  });
  if (stream.isWord('from')) throw stream.unsupported('UPDATE ... FROM');
  const where = stream.acceptWord('where') ? parseExpression(stream) : undefined;
  if (stream.isWord('returning')) throw stream.unsupported('RETURNING');
  return {
    kind: 'update',
    table,
    ...(alias === undefined ? {} : { alias }),
    assignments,
    ...(where === undefined ? {} : { where }),
    span: stream.span(mark),
  };
}

function parseDelete(stream: TokenStream): Delete {
  const mark = stream.mark();
  stream.expectWord('delete', 'from');
  const table = stream.qualifiedName('a table name');
  const alias = parseAlias(stream, 'where');
  if (stream.isWord('using')) throw stream.unsupported('DELETE ... USING');
  const where = stream.acceptWord('where') ? parseExpression(stream) : undefined;
  if (stream.isWord('returning')) throw stream.unsupported('RETURNING');
  return {
    kind: 'delete',
    table,
    ...(alias === undefined ? {} : { alias }),
    ...(where === undefined ? {} : { where }),
    span: stream.span(mark),
  };
}

function parseAlias(stream: TokenStream, until: string): Identifier | undefined {
  if (stream.acceptWord('as')) return stream.identifier('an alias');
  return stream.canBeAlias() && !stream.isWord(until) ? stream.identifier('an alias') : undefined;
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
  for (const word of ['table', 'source', 'view']) if (!topic) stream.acceptWord(word);
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
