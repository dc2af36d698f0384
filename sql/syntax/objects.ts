import type { Query } from './ast.ts';
import { parseColumn } from './create-relation.ts';
import { parseOptions } from './options.ts';
import { parseQuery } from './queries.ts';
import type { AlterTable, ColumnChange, CreateIndex, CreateSink, Rename } from './statement-ast.ts';
import { parseTopicName } from './statements.ts';
import type { TokenStream } from './token-stream.ts';

/** `CREATE [UNIQUE] INDEX [[IF NOT EXISTS] name] ON table (column [ASC | DESC], ...)
 * [INCLUDE (...)] [DISTRIBUTED BY (...)]`. */
export function parseCreateIndex(stream: TokenStream, mark: number): CreateIndex {
  const unique = stream.acceptWord('unique');
  stream.expectWord('index');
  if (stream.isWord('concurrently')) throw stream.unsupported('CONCURRENTLY');
  const ifNotExists = stream.acceptWord('if', 'not', 'exists');
  const name = stream.isWord('on') ? {} : { name: stream.identifier('an index name') };
  stream.expectWord('on');
  if (stream.isWord('only')) throw stream.unsupported('ONLY');
  const table = stream.qualifiedName('a table name');
  if (stream.isWord('using')) throw stream.unsupported('an index method');
  const columns = stream.list(() => {
    if (stream.isOperator('(')) throw stream.unsupported('an index of an expression');
    const column = stream.identifier('a column name');
    if (stream.isOperator('(')) throw stream.unsupported('an index of an expression');
    const descending = stream.acceptWord('desc');
    if (!descending) stream.acceptWord('asc');
    if (!stream.isOperator(',') && !stream.isOperator(')')) {
      throw stream.unsupported('more than columns and their direction in an index');
    }
    return { column, descending };
  });
  skipPlacement(stream);
  if (stream.isOneOf('nulls', 'with', 'tablespace', 'where')) {
    throw stream.unsupported(`${stream.peek().text.toUpperCase()} of an index`);
  }
  return {
    kind: 'create-index',
    unique,
    ...name,
    ifNotExists,
    table,
    columns,
    span: stream.span(mark),
  };
}

/**
 * `INCLUDE (columns)`, and RisingWave's `DISTRIBUTED BY (columns)`: an index leads to whole rows and
 * lies in one place.
 */
function skipPlacement(stream: TokenStream): void {
  const names = () => stream.list(() => stream.identifier('a column name'));
  if (stream.acceptWord('include')) names();
  if (!stream.acceptWord('distributed')) return;
  stream.expectWord('by');
  names();
}

/** `CREATE SINK`, from the name on. `FROM r` is `AS SELECT * FROM r`. */
export function parseCreateSink(stream: TokenStream, mark: number): CreateSink {
  const ifNotExists = stream.acceptWord('if', 'not', 'exists');
  const name = stream.qualifiedName('a sink name');
  const source = stream.acceptWord('from') ? wholeOf(stream) : queryAfterAs(stream);
  stream.expectWord('into');
  const kind = (['table', 'topic'] as const).find((word) => stream.acceptWord(word));
  const target = parseTopicName(stream);
  const options = parseOptions(stream);
  return {
    kind: 'create-sink',
    name,
    ifNotExists,
    source,
    target,
    ...(kind === undefined ? {} : { targetKind: kind }),
    options,
    span: stream.span(mark),
  };
}

function queryAfterAs(stream: TokenStream): Query {
  stream.expectWord('as');
  return parseQuery(stream);
}

function wholeOf(stream: TokenStream): Query {
  const name = stream.qualifiedName('a relation name');
  const { span } = name;
  return {
    kind: 'query',
    with: [],
    recursive: false,
    body: {
      kind: 'select',
      distinct: 'none',
      items: [{ expression: { kind: 'star', relation: [], span }, span }],
      from: [{ kind: 'relation', name, span }],
      groupBy: [],
      span,
    },
    orderBy: [],
    span,
  };
}

const renamed = ['source', 'table', 'view', 'index', 'sink'] as const;

/**
 * `ALTER object [IF EXISTS] name RENAME [[COLUMN] column] TO name`, and for a table
 * `ADD [COLUMN] [IF NOT EXISTS] column type ...`, `DROP [COLUMN] [IF EXISTS] column`, several of them.
 */
export function parseAlter(stream: TokenStream): Rename | AlterTable {
  const mark = stream.mark();
  stream.expectWord('alter');
  const materialized = stream.acceptWord('materialized', 'view');
  const object = materialized
    ? 'materialized view'
    : renamed.find((word) => stream.acceptWord(word));
  if (object === undefined) {
    throw stream.unsupported(`ALTER ${stream.peek().text.toUpperCase()}`, mark);
  }
  const ifExists = stream.acceptWord('if', 'exists');
  const name = object === 'table' ? stream.tableName() : stream.qualifiedName(`a ${object} name`);
  if (object === 'table' && stream.isOneOf('add', 'drop')) {
    const changes = stream.items(() => parseColumnChange(stream, mark));
    return { kind: 'alter-table', ifExists, name, changes, span: stream.span(mark) };
  }
  if (!stream.acceptWord('rename'))
    throw stream.unsupported('ALTER other than RENAME, ADD and DROP of a column', mark);
  if (stream.isWord('constraint')) throw stream.unsupported('RENAME CONSTRAINT', mark);
  const isColumn = stream.acceptWord('column') || !stream.isWord('to');
  const column = isColumn ? { column: stream.identifier('a column name') } : {};
  stream.expectWord('to');
  const newName = stream.identifier('a new name');
  return { kind: 'rename', object, ifExists, name, ...column, newName, span: stream.span(mark) };
}

function parseColumnChange(stream: TokenStream, mark: number): ColumnChange {
  const isAdd = stream.acceptWord('add');
  if (!isAdd && !stream.acceptWord('drop')) {
    throw stream.unsupported('ALTER other than ADD and DROP of a column', mark);
  }
  const isColumn = stream.acceptWord('column');
  if (
    !isColumn &&
    stream.isOneOf('constraint', 'primary', 'unique', 'check', 'foreign', 'exclude')
  ) {
    throw stream.unsupported('ADD and DROP of a constraint', mark);
  }
  if (isAdd) {
    const ifNotExists = stream.acceptWord('if', 'not', 'exists');
    return { add: parseColumn(stream), ifNotExists };
  }
  const ifExists = stream.acceptWord('if', 'exists');
  const drop = stream.identifier('a column name');
  const cascade = stream.acceptWord('cascade');
  if (!cascade) stream.acceptWord('restrict');
  return { drop, ifExists, cascade };
}
