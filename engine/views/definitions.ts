import { MillraceError } from '../../platform/errors.ts';
import type { Relation, RelationColumn } from '../../sql/analyze/catalog.ts';
import { type Context, complain, resolveType, unsupported } from '../../sql/analyze/context.ts';
import { constantDefault } from '../../sql/analyze/dml.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { newContext, planQuery } from '../../sql/plan/planner.ts';
import type { CreateRelation, CreateView, WithOption } from '../../sql/syntax/ast.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import type { RelationCreated } from '../broker/catalogue-record.ts';
import { type Catalogue, type PlainView, TrackingCatalog } from './catalogue.ts';
import { hiddenKey, type RelationNode, TableNode, TopicNode, ViewNode } from './nodes.ts';

/** CREATE statements: what they define, checked before they become records, and built from them. */

export interface RelationDefinition {
  readonly columns: readonly RelationColumn[];
  readonly primaryKey: readonly number[];
  /** Name of the topic that it reads; `undefined` for a table with storage of its own. */
  readonly topic: string | undefined;
}

export function defineRelation(context: Context, node: CreateRelation): RelationDefinition {
  const [watermark] = node.watermarks;
  if (watermark !== undefined) throw unsupported(context, watermark.span, 'WATERMARK');
  const options = new Map(node.options.map((option) => [option.name, option]));
  checkOptions(context, node.options, ['topic', 'format', 'connector']);
  const format = options.get('format');
  if (format !== undefined && format.value.toLowerCase() !== 'json') {
    throw unsupported(context, format.span, `format '${format.value}'`);
  }
  const topic = options.get('topic')?.value;
  if (topic === undefined && node.relation === 'source') {
    throw complain(context, node.name.span, 'a source needs a topic', {
      sqlState: '42P16',
      hint: "Add WITH (topic = '...', format = 'json'), or create a table.",
    });
  }
  const keyNames = [
    ...node.primaryKey,
    ...node.columns.filter(({ primaryKey }) => primaryKey).map(({ name }) => name),
  ];
  const seen = new Set<string>();
  const columns = node.columns.map((column): RelationColumn => {
    const { name } = column.name;
    if (seen.has(name) || name.startsWith('$')) {
      const message = seen.has(name)
        ? `column "${name}" specified more than once`
        : `column name "${name}" begins with the reserved "$"`;
      throw complain(context, column.name.span, message, { sqlState: '42701' });
    }
    seen.add(name);
    const type = resolveType(context, column.typeName);
    const isKey = keyNames.some((key) => key.name === name);
    if (column.defaultValue !== undefined) constantDefault(context, column.defaultValue, type);
    return {
      name,
      type,
      nullable: !column.notNull && !isKey,
      ...(column.defaultValue === undefined ? {} : { defaultValue: column.defaultValue }),
    };
  });
  const primaryKey = keyNames.map(({ name, span }) => {
    const index = columns.findIndex((column) => column.name === name);
    if (index >= 0) return index;
    throw complain(context, span, `column "${name}" named in key does not exist`, {
      sqlState: '42703',
    });
  });
  if (node.relation === 'source' && primaryKey.length > 0) {
    throw complain(context, node.name.span, 'a source has no PRIMARY KEY', {
      sqlState: '42P16',
      hint: 'A table over the topic takes messages as upserts by key.',
    });
  }
  if (node.relation === 'table' && topic !== undefined && primaryKey.length === 0) {
    throw complain(context, node.name.span, 'a table over a topic needs a PRIMARY KEY', {
      sqlState: '42P16',
      hint: 'Without a key use CREATE SOURCE.',
    });
  }
  return { columns, primaryKey, topic };
}

export function checkOptions(
  context: Context,
  options: readonly WithOption[],
  known: readonly string[],
): void {
  for (const { name, span } of options) {
    if (known.includes(name)) continue;
    throw complain(context, span, `unknown option "${name}"`, {
      sqlState: '22023',
      hint: known.length === 0 ? undefined : `Options are ${known.join(', ')}.`,
    });
  }
}

export interface ViewDefinition {
  readonly plan: QueryPlan;
  readonly columns: readonly RelationColumn[];
  readonly dependsOn: readonly number[];
}

export function defineView(catalogue: Catalogue, text: string, node: CreateView): ViewDefinition {
  const catalog = new TrackingCatalog(catalogue);
  const plan = planQuery(node.query, 'view', { catalog, text });
  const context = newContext({ catalog, text });
  checkOptions(context, node.options, []);
  const { fields } = plan.root;
  if (node.columns.length > fields.length) {
    throw complain(
      context,
      node.columns[fields.length]!.span,
      'CREATE VIEW specifies more column names than columns',
      {
        sqlState: '42601',
      },
    );
  }
  const seen = new Set<string>();
  const columns = fields.map((field, index): RelationColumn => {
    const name = node.columns[index]?.name ?? field.name;
    if (seen.has(name)) {
      throw complain(context, node.query.span, `column "${name}" specified more than once`, {
        sqlState: '42701',
        hint: 'Give one of them another name with AS.',
      });
    }
    seen.add(name);
    return { ...field, name };
  });
  return { plan, columns, dependsOn: [...catalog.seen] };
}

/**
 * What a record defines: a relation with state, or a plain view. It is not in the catalogue yet.
 * Throws CORRUPTION.
 */
export function build(catalogue: Catalogue, record: RelationCreated): RelationNode | PlainView {
  const { relationId: id, name, sql } = record;
  const statement = parseStatement(sql);
  if (statement.kind === 'create-view') {
    const { plan, columns, dependsOn } = defineView(catalogue, sql, statement);
    const { appendOnly } = plan.root;
    const base = { id, name, columns, primaryKey: [], writable: false, appendOnly };
    if (statement.materialized) {
      return new ViewNode({ ...base, kind: 'materialized view' }, sql, plan, dependsOn);
    }
    const view = { query: statement.query, text: sql };
    return { relation: { ...base, kind: 'view', view }, sql, dependsOn };
  }
  if (statement.kind !== 'create-relation' || record.topicId === undefined) {
    throw new MillraceError(
      'CORRUPTION',
      `the catalogue's record of "${name}" is not a definition`,
    );
  }
  const context = newContext({ catalog: catalogue, text: sql });
  const { columns, primaryKey, topic } = defineRelation(context, statement);
  const owns = topic === undefined;
  const needsKey = owns && primaryKey.length === 0;
  const key: RelationColumn = { name: hiddenKey, type: { kind: 'bigint' }, nullable: true };
  const relation: Relation = {
    id,
    name,
    kind: statement.relation,
    columns: needsKey ? [...columns, key] : columns,
    primaryKey,
    appendOnly: statement.relation === 'source',
    writable: owns,
  };
  const options = { relation, sql, topicId: record.topicId };
  return owns ? new TableNode(options) : new TopicNode(options);
}
