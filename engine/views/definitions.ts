import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type {
  CheckConstraint,
  Relation,
  RelationColumn,
  UniqueConstraint,
} from '../../sql/analyze/catalog.ts';
import {
  type Context,
  complain,
  didYouMean,
  resolveType,
  unsupported,
} from '../../sql/analyze/context.ts';
import { checkExprs, constantDefault, generatedValues } from '../../sql/analyze/dml.ts';
import { defineFunction, type SqlFunction } from '../../sql/analyze/sql-functions.ts';
import { sameType, typeName } from '../../sql/columns/type-name.ts';
import type { SqlType } from '../../sql/columns/types.ts';
import { columnsOf } from '../../sql/plan/expr-tools.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { newContext, planQuery } from '../../sql/plan/planner.ts';
import type { Identifier } from '../../sql/syntax/ast.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import type {
  ColumnDefinition,
  CreateIndex,
  CreateRelation,
  CreateView,
  TableConflict,
  WithOption,
} from '../../sql/syntax/statement-ast.ts';
import type { RelationCreated } from '../broker/catalogue-record.ts';
import { metadataKinds, metadataType } from '../formats/metadata.ts';
import { type Catalogue, type Index, type PlainView, TrackingCatalog } from './catalogue.ts';
import { hiddenKey, type RelationNode, TableNode, TopicNode, ViewNode } from './nodes.ts';
import { bytesOf } from './session.ts';
import { defineSink } from './sink-definition.ts';
import { SinkNode } from './sink-node.ts';

/** CREATE statements: what they define, checked before they become records, and built from them. */

export interface RelationDefinition {
  readonly columns: readonly RelationColumn[];
  readonly primaryKey: readonly number[];
  readonly primaryKeyName: string;
  readonly checks: readonly CheckConstraint[];
  readonly uniques: readonly UniqueConstraint[];
  readonly onConflict?: TableConflict;
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
  if (keyNames.length > Math.max(1, node.primaryKey.length)) {
    const { span } = keyNames.at(-1)!;
    const message = `multiple primary keys for table "${node.name.parts.at(-1)!.name}" are not allowed`;
    throw complain(context, span, message, { sqlState: '42P16' });
  }
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
    const { defaultValue, generated, metadata } = column;
    if (defaultValue !== undefined && generated !== undefined) {
      const message = `both default and generation expression specified for column "${name}"`;
      throw complain(context, column.span, message, { sqlState: '42601' });
    }
    // It is worked out when a row comes: its clock is that of the statement.
    const atSomeTime = { ...context, nowMs: 0 };
    if (defaultValue !== undefined) constantDefault(atSomeTime, defaultValue, type);
    if (metadata !== undefined) checkMetadata(context, column, metadata, type, topic);
    return {
      name,
      type,
      nullable: !column.notNull && !isKey,
      ...(defaultValue === undefined ? {} : { defaultValue }),
      ...(generated === undefined ? {} : { generated }),
      ...(metadata === undefined ? {} : { metadata }),
    };
  });
  checkGenerated(context, node, columns);
  const keyColumn = ({ name, span }: Identifier): number => {
    const index = columns.findIndex((column) => column.name === name);
    if (index >= 0) return index;
    throw complain(context, span, `column "${name}" named in key does not exist`, {
      sqlState: '42703',
    });
  };
  const primaryKey = keyNames.map(keyColumn);
  const constraints = constraintsOf(node, keyColumn);
  checkExprs(context, { name: node.name.parts.at(-1)!.name, columns, checks: constraints.checks });
  if (node.appendOnly && primaryKey.length > 0) {
    throw complain(context, node.name.span, 'an APPEND ONLY table has no PRIMARY KEY', {
      sqlState: '42P16',
      hint: 'An INSERT over an existing key would take its old row back.',
    });
  }
  const { onConflict } = node;
  if (onConflict !== undefined) {
    if (primaryKey.length === 0) {
      throw complain(context, node.span, 'ON CONFLICT needs a PRIMARY KEY', { sqlState: '42P16' });
    }
    if (onConflict === 'fill' && columns.some(({ generated }) => generated !== undefined)) {
      throw unsupported(context, node.span, 'DO UPDATE IF NOT NULL with generated columns');
    }
  }
  if (constraints.uniques.length > 0 && topic !== undefined) {
    throw unsupported(context, node.span, 'UNIQUE on a relation over a topic');
  }
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
  const keyName =
    node.primaryKeyName ?? node.columns.find((column) => column.primaryKey)?.primaryKeyName;
  const primaryKeyName = keyName?.name ?? `${node.name.parts.at(-1)!.name}_pkey`;
  const conflict = onConflict === undefined ? {} : { onConflict };
  return { columns, primaryKey, primaryKeyName, ...constraints, ...conflict, topic };
}

/** Names are PostgreSQL's: `t_a_check`, `t_check`, `t_a_b_key`, a number behind repeated ones. */
function constraintsOf(
  node: CreateRelation,
  keyColumn: (name: Identifier) => number,
): Pick<RelationDefinition, 'checks' | 'uniques'> {
  const table = node.name.parts.at(-1)!.name;
  const used = new Set<string>();
  const named = (given: Identifier | undefined, made: string): string => {
    let name = given?.name ?? made;
    for (let n = 1; used.has(name); n++) name = `${made}${n}`;
    used.add(name);
    return name;
  };
  const checks = [
    ...node.columns.flatMap(({ name: { name }, checks: some }) =>
      some.map((check) => ({ check, made: `${table}_${name}_check` })),
    ),
    ...node.checks.map((check) => ({ check, made: `${table}_check` })),
  ].map(({ check, made }) => ({
    name: named(check.name, made),
    expression: check.expression,
  }));
  const uniques: { name?: Identifier; columns: readonly Identifier[] }[] = [
    ...node.columns
      .filter(({ unique }) => unique)
      .map(({ name, uniqueName }) => ({
        ...(uniqueName === undefined ? {} : { name: uniqueName }),
        columns: [name],
      })),
    ...node.uniques,
  ];
  return {
    checks: checks.sort((a, b) => (a.name < b.name ? -1 : 1)),
    uniques: uniques.map(({ name, columns }) => ({
      name: named(name, `${[table, ...columns.map((column) => column.name)].join('_')}_key`),
      columns: columns.map(keyColumn),
    })),
  };
}

function checkGenerated(
  context: Context,
  node: CreateRelation,
  columns: readonly RelationColumn[],
): void {
  const name = node.name.parts.at(-1)!.name;
  for (const [index, expr] of generatedValues(context, { name, columns })) {
    for (const read of columnsOf(expr)) {
      if (columns[read]!.generated === undefined) continue;
      const { span } = columns[index]!.generated!;
      const message = `cannot use generated column "${columns[read]!.name}" in column generation expression`;
      throw complain(context, span, message, { sqlState: '42P17' });
    }
  }
}

function checkMetadata(
  context: Context,
  column: ColumnDefinition,
  kind: string,
  type: SqlType,
  topic: string | undefined,
): void {
  if (topic === undefined) {
    throw complain(context, column.span, 'only a relation over a topic has metadata columns', {
      sqlState: '42P16',
    });
  }
  const found = metadataType(kind);
  if (found === undefined) {
    throw complain(context, column.span, `messages have no metadata "${kind}"`, {
      sqlState: '42704',
      hint: `There is ${metadataKinds.join(', ')}.`,
    });
  }
  if (!sameType(found, type)) {
    throw complain(context, column.span, `metadata "${kind}" is of type ${typeName(found)}`, {
      sqlState: '42804',
      hint: `Declare the column as ${typeName(found)}.`,
    });
  }
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
  readonly bound: ReadonlyMap<string, Relation>;
  /** State that the view may have. */
  readonly budgetBytes: number;
}

export function defineView(catalogue: Catalogue, text: string, node: CreateView): ViewDefinition {
  const catalog = new TrackingCatalog(catalogue, (relation) => {
    if (relation.rows === undefined) return relation;
    throw new MillraceError('UNSUPPORTED', `"${relation.name}" in a view is not supported yet`, {
      sqlState: '0A000',
    });
  });
  const plan = planQuery(node.query, 'view', { catalog, text });
  const context = newContext({ catalog, text });
  const budgetBytes = stateBudget(context, node);
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
  return { plan, columns, dependsOn: [...catalog.seen], bound: catalog.found, budgetBytes };
}

function stateBudget(context: Context, { options, materialized }: CreateView): number {
  checkOptions(context, options, materialized ? ['state_budget'] : []);
  const option = options.find(({ name }) => name === 'state_budget');
  if (option === undefined) return limits.viewStateBytesMax;
  if (!/^\d+ *(b|kb|mb|gb)?$/i.test(option.value)) {
    throw complain(context, option.span, `"${option.value}" is not a number of bytes`, {
      sqlState: '22023',
      hint: "For example, state_budget = '500MB'.",
    });
  }
  return bytesOf(option.value);
}

/** The columns of an index. Throws SQL_SEMANTIC. */
export function defineIndex(
  context: Context,
  catalogue: Catalogue,
  node: CreateIndex,
): Omit<Index, 'id' | 'sql'> {
  const { parts, span } = node.table;
  const relation = catalogue.find(parts.at(-1)!.name);
  if (relation === undefined) {
    throw complain(context, span, `relation "${parts.at(-1)!.name}" does not exist`, {
      sqlState: '42P01',
      hint: didYouMean(parts.at(-1)!.name, catalogue.names()),
    });
  }
  const target = relation.id > 0 ? catalogue.nodes.get(relation.id) : undefined;
  if (target?.indexes === undefined || (node.unique && !relation.writable)) {
    const what = node.unique ? 'a unique index' : 'an index';
    throw complain(
      context,
      span,
      `"${relation.name}" is a ${relation.kind} and cannot have ${what}`,
      {
        sqlState: '42809',
        hint: 'Tables and materialized views keep rows that an index can find.',
      },
    );
  }
  const columns = node.columns.map(({ column: { name, span: at } }) => {
    const index = relation.columns.findIndex((column) => column.name === name);
    if (index >= 0) return index;
    throw complain(context, at, `column "${name}" does not exist`, { sqlState: '42703' });
  });
  const names = columns.map((column) => relation.columns[column]!.name);
  const name = node.name?.name ?? `${[relation.name, ...names].join('_')}_idx`;
  return { name, tableId: relation.id, columns, unique: node.unique };
}

/**
 * What a record defines: a relation with state, a plain view or an index. It is not in the
 * catalogue yet. Throws CORRUPTION.
 */
export function build(
  catalogue: Catalogue,
  record: RelationCreated,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): RelationNode | PlainView | Index | (SqlFunction & { readonly sql: string }) {
  const { relationId: id, name, sql } = record;
  const statement = parseStatement(sql);
  if (statement.kind === 'create-view') {
    const { plan, columns, dependsOn, bound, budgetBytes } = defineView(catalogue, sql, statement);
    const { appendOnly, uniqueKey } = plan.root;
    const key = uniqueKey === undefined ? {} : { uniqueKey };
    const base = { id, name, columns, primaryKey: [], ...key, writable: false, appendOnly };
    if (statement.materialized) {
      const relation: Relation = { ...base, kind: 'materialized view' };
      return new ViewNode({ relation, sql, plan, dependsOn, clock, logger, budgetBytes });
    }
    const view = { query: statement.query, text: sql, bound };
    return { relation: { ...base, kind: 'view', view }, sql, dependsOn };
  }
  if (statement.kind === 'create-sink') {
    const context = newContext({ catalog: catalogue, text: sql });
    const definition = defineSink(context, catalogue, statement);
    const { fields } = definition.plan.root;
    const relation: Relation = {
      id,
      name,
      kind: 'sink',
      columns: fields,
      primaryKey: [],
      appendOnly: true,
      writable: false,
    };
    const budgetBytes = limits.viewStateBytesMax;
    return new SinkNode({ relation, sql, ...definition, logger, budgetBytes });
  }
  if (statement.kind === 'create-function') {
    const context = newContext({ catalog: catalogue, text: sql });
    return { ...defineFunction(context, statement), id, name, sql };
  }
  if (statement.kind === 'create-index') {
    const context = newContext({ catalog: catalogue, text: sql });
    return { ...defineIndex(context, catalogue, statement), id, sql, name };
  }
  if (statement.kind !== 'create-relation' || record.topicId === undefined) {
    throw new MillraceError(
      'CORRUPTION',
      `the catalogue's record of "${name}" is not a definition`,
    );
  }
  const { relation, topic } = relationOf(catalogue, statement, record);
  const options = { relation, sql, topicId: record.topicId };
  return topic === undefined ? new TableNode(options) : new TopicNode({ ...options, topic });
}

/** What a CREATE TABLE or CREATE SOURCE makes, and the topic that it reads, if it owns none. */
export function relationOf(
  catalogue: Catalogue,
  statement: CreateRelation,
  { relationId: id, name, sql }: Pick<RelationCreated, 'relationId' | 'name' | 'sql'>,
): { readonly relation: Relation; readonly topic: string | undefined } {
  const context = newContext({ catalog: catalogue, text: sql });
  const { topic, ...definition } = defineRelation(context, statement);
  const { columns, primaryKey } = definition;
  const owns = topic === undefined;
  const needsKey = owns && primaryKey.length === 0;
  const key: RelationColumn = { name: hiddenKey, type: { kind: 'bigint' }, nullable: true };
  const relation: Relation = {
    id,
    name,
    kind: statement.relation,
    ...definition,
    columns: needsKey ? [...columns, key] : columns,
    appendOnly: statement.relation === 'source' || statement.appendOnly,
    growing: statement.appendOnly,
    writable: owns,
  };
  return { relation, topic };
}
