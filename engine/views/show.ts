import type { MillraceError } from '../../platform/errors.ts';
import { type Context, complain, didYouMean } from '../../sql/analyze/context.ts';
import { typeName } from '../../sql/columns/type-name.ts';
import type { Field, SqlValue } from '../../sql/columns/types.ts';
import type { QualifiedName } from '../../sql/syntax/ast.ts';
import type { Show } from '../../sql/syntax/statement-ast.ts';
import type { TopicStart } from '../broker/catalogue-record.ts';
import type { Catalogue } from './catalogue.ts';
import { errorsName, undecodableFields } from './error-rows.ts';
import type { Session } from './session.ts';
import { SinkNode } from './sink-node.ts';
import { retentionRows } from './topic-options.ts';

/** SHOW and DESCRIBE: the catalogue and the session's settings as rows. */

const text = { kind: 'text' } as const;

function fieldsOf(...names: string[]): readonly Field[] {
  return names.map((name) => ({ name, type: text, nullable: false }));
}

const relationFields = fieldsOf('name', 'kind');
const topicFields: readonly Field[] = [
  { name: 'name', type: text, nullable: false },
  { name: 'queues', type: { kind: 'integer' }, nullable: false },
];
const indexFields = fieldsOf('name', 'table', 'columns', 'unique');
const createFields = fieldsOf('name', 'create_sql');
const settingFields = fieldsOf('name', 'value');
export const describeFields = fieldsOf('name', 'type', 'detail');

interface Shown {
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly SqlValue[])[];
}

const kinds: Readonly<Record<string, readonly string[]>> = {
  relations: ['source', 'table', 'view', 'materialized view', 'sink'],
  all: ['source', 'table', 'view', 'materialized view', 'sink'],
  sources: ['source'],
  tables: ['table'],
  sinks: ['sink'],
  views: ['view'],
  'materialized views': ['materialized view'],
};

/** The columns of what SHOW gives. A setting's column has its name, as in PostgreSQL. */
export function showFieldsOf({ what, name }: Show): readonly Field[] {
  if (name !== undefined) return what === 'columns' ? describeFields : createFields;
  if (what === 'topics') return topicFields;
  if (what === 'indexes') return indexFields;
  if (Object.hasOwn(kinds, what)) return relationFields;
  return what === 'settings' ? settingFields : fieldsOf(what);
}

export function show(
  catalogue: Catalogue,
  statement: Show,
  context: Context,
  session: Session,
): Shown {
  const fields = showFieldsOf(statement);
  return { fields, rows: rowsOf(catalogue, statement, context, session) };
}

function rowsOf(
  catalogue: Catalogue,
  { what, name, span }: Show,
  context: Context,
  session: Session,
): Shown['rows'] {
  if (name !== undefined) {
    if (what === 'columns') return columnRows(catalogue, name, context);
    return [createRow(catalogue, name, context)];
  }
  if (what === 'topics') {
    const topics = [...catalogue.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return topics.map((topic) => [topic.name, topic.queues]);
  }
  if (what === 'indexes') {
    return [...catalogue.indexes.values()].map((index) => {
      const relation = catalogue.nodes.get(index.tableId)?.relation;
      const columns = index.columns.map((column) => relation!.columns[column]!.name);
      return [index.name, relation?.name ?? '', columns.join(', '), index.unique ? 'yes' : 'no'];
    });
  }
  if (what === 'settings') return session.all();
  const shown = Object.hasOwn(kinds, what) ? kinds[what]! : undefined;
  if (shown !== undefined) {
    const relations = catalogue.relations().filter(({ kind }) => shown.includes(kind));
    return relations.map((relation) => [relation.name, relation.kind]);
  }
  const value = session.get(what);
  if (value !== undefined) return [[value]];
  const known = ['topics', 'indexes', 'settings', ...Object.keys(kinds)];
  throw complain(context, span, `unrecognized configuration parameter "${what}"`, {
    sqlState: '42704',
    hint: `There is also SHOW ${known.join(', ').toUpperCase()}, COLUMNS FROM name, CREATE TABLE name.`,
  });
}

function createRow(catalogue: Catalogue, { parts, span }: QualifiedName, context: Context) {
  const { name } = parts.at(-1)!;
  const relation = catalogue.find(name) ?? catalogue.findSink(name);
  const id = relation?.id ?? catalogue.findIndex(name)?.id ?? 0;
  const sql = catalogue.sqlOf(id);
  if (sql === undefined) throw noRelation(context, name, span, catalogue);
  return [name, sql];
}

export function noRelation(
  context: Context,
  name: string,
  span: { start: number; end: number },
  catalogue: Catalogue,
): MillraceError {
  return complain(context, span, `relation "${name}" does not exist`, {
    sqlState: '42P01',
    hint: didYouMean(name, catalogue.names()),
  });
}

function columnRows(catalogue: Catalogue, { parts, span }: QualifiedName, context: Context) {
  const { name } = parts.at(-1)!;
  const relation = catalogue.find(name) ?? catalogue.findSink(name);
  if (relation === undefined) throw noRelation(context, name, span, catalogue);
  return relation.columns.map((column, index) => {
    const notes = [
      relation.primaryKey.includes(index) ? 'primary key' : '',
      column.nullable ? '' : 'not null',
      column.generated === undefined ? '' : 'generated',
      column.metadata === undefined ? '' : `metadata ${column.metadata}`,
    ];
    return [column.name, typeName(column.type), notes.filter((note) => note !== '').join(', ')];
  });
}

export function describeRelation(catalogue: Catalogue, qualified: QualifiedName, context: Context) {
  const rows = columnRows(catalogue, qualified, context);
  const { name } = qualified.parts.at(-1)!;
  const relation = (catalogue.find(name) ?? catalogue.findSink(name))!;
  const node = relation.id < 0 ? undefined : catalogue.node(relation.id);
  rows.push(['', relation.kind, '']);
  for (const start of catalogue.starts.get(relation.id) ?? []) {
    rows.push(['', 'starts at', startText(catalogue, start)]);
  }
  if (node?.failure !== undefined) rows.push(['', 'stopped', node.failure.message]);
  if (node instanceof SinkNode) {
    const waiting = node.waiting === undefined ? '' : `: ${node.waiting.message}`;
    rows.push(['', 'outputs to write', `${node.outputs.length}${waiting}`]);
  }
  if (node?.rowCount !== undefined) rows.push(['', 'rows', String(node.rowCount)]);
  if (node?.errors !== undefined) {
    const { count, dropped, fields } = node.errors;
    const what = fields === undecodableFields ? 'undecodable messages' : 'failed rows';
    const where = count === 0 ? '' : `, readable in "${errorsName(name)}"`;
    const more = dropped === 0 ? '' : `, and ${dropped} more that are not kept`;
    rows.push(['', what, `${count}${where}${more}`]);
  }
  return rows;
}

export function describeTopic(
  catalogue: Catalogue,
  { parts, span }: QualifiedName,
  context: Context,
) {
  const { name } = parts.at(-1)!;
  const topic = catalogue.topics.get(name);
  if (topic === undefined) throw noTopic(context, name, span, catalogue);
  const readers = [...catalogue.nodes.values()]
    .filter(({ topicId }) => topicId === topic.topicId)
    .map(({ relation }) => relation.name);
  return [
    ['queues', 'integer', String(topic.queues)],
    ...retentionRows(topic),
    ['read by', 'relations', readers.join(', ')],
  ];
}

export function noTopic(
  context: Context,
  name: string,
  span: { start: number; end: number },
  catalogue: Catalogue,
): MillraceError {
  return complain(context, span, `topic "${name}" does not exist`, {
    code: 'TOPIC_NOT_FOUND',
    sqlState: '42704',
    hint: didYouMean(name, [...catalogue.topics.keys()]),
  });
}

/** `topic "t": queue 0 from 500, queue 1 from 420`: what had expired before was never seen. */
function startText(catalogue: Catalogue, { topicId, offsets }: TopicStart): string {
  const topic = [...catalogue.topics.values()].find((one) => one.topicId === topicId);
  const queues = offsets.map((offset, queueId) => `queue ${queueId} from ${offset}`);
  return `topic "${topic?.name ?? topicId}": ${queues.join(', ')}`;
}
