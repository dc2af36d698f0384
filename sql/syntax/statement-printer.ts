import type { Expression, Identifier, SelectItem, TableExpression } from './ast.ts';
import {
  commonTable,
  identifier,
  identifiers,
  printExpression,
  qualified,
  query,
  quote,
  selectItem,
  table,
  text,
  typeName,
  withClause,
  words,
} from './printer.ts';
import type {
  Assignment,
  ChangingWith,
  CheckDefinition,
  ColumnChange,
  ColumnDefinition,
  CreateRelation,
  CreateTableAs,
  CreateView,
  Delete,
  Insert,
  Merge,
  MergeAction,
  MergeClause,
  RowAssignment,
  Statement,
  Update,
  WithOption,
} from './statement-ast.ts';

/** A statement as text that parses to the same tree, spans apart (printer.ts). */
export function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'query':
      return query(statement);
    case 'create-relation':
      return createRelation(statement);
    case 'create-table-as':
      return createTableAs(statement);
    case 'truncate':
      return `TRUNCATE ${statement.tables.map(qualified).join(', ')}`;
    case 'create-view':
      return createView(statement);
    case 'create-topic':
      return words(
        'CREATE TOPIC',
        statement.ifNotExists && 'IF NOT EXISTS',
        identifier(statement.name),
        withOptions(statement.options),
      );
    case 'alter-topic':
      return words(
        'ALTER TOPIC',
        identifier(statement.name),
        'options' in statement.change
          ? withOptions(statement.change.options).replace('WITH', 'SET')
          : `MOVE QUEUE ${statement.change.queue} TO ${identifier(statement.change.partition)}`,
      );
    case 'drop':
      return words(
        `DROP ${statement.object.toUpperCase()}`,
        statement.ifExists && 'IF EXISTS',
        statement.names.map(qualified).join(', '),
        statement.cascade && 'CASCADE',
      );
    case 'insert':
      return insert(statement);
    case 'update':
      return update(statement);
    case 'delete':
      return remove(statement);
    case 'merge':
      return merge(statement);
    case 'changing-with':
      return changingWith(statement);
    case 'create-index':
      return words(
        'CREATE',
        statement.unique && 'UNIQUE',
        'INDEX',
        statement.ifNotExists && 'IF NOT EXISTS',
        statement.name && identifier(statement.name),
        `ON ${qualified(statement.table)} (${statement.columns
          .map(({ column: name, descending }) => words(identifier(name), descending && 'DESC'))
          .join(', ')})`,
      );
    case 'create-function': {
      const parameters = statement.parameters.map(({ name, typeName: type }) =>
        words(name && identifier(name), typeName(type)),
      );
      return words(
        `CREATE FUNCTION ${qualified(statement.name)}(${parameters.join(', ')})`,
        `RETURNS ${typeName(statement.returns)}`,
        words(
          'LANGUAGE sql',
          statement.volatility?.toUpperCase(),
          `AS ${text(statement.body.text)}`,
        ),
      );
    }
    case 'create-sink':
      return words(
        'CREATE SINK',
        statement.ifNotExists && 'IF NOT EXISTS',
        `${qualified(statement.name)} AS ${query(statement.source)} INTO`,
        statement.targetKind?.toUpperCase(),
        identifier(statement.target),
        withOptions(statement.options),
      );
    case 'rename':
      return words(
        `ALTER ${statement.object.toUpperCase()}`,
        statement.ifExists && 'IF EXISTS',
        qualified(statement.name),
        'RENAME',
        statement.column && `COLUMN ${identifier(statement.column)}`,
        `TO ${identifier(statement.newName)}`,
      );
    case 'alter-table':
      return words(
        'ALTER TABLE',
        statement.ifExists && 'IF EXISTS',
        qualified(statement.name),
        statement.changes.map(columnChange).join(', '),
      );
    case 'explain':
      return words(
        'EXPLAIN',
        statement.analyze && 'ANALYZE',
        statement.form !== 'incremental' && statement.form.toUpperCase(),
        // EXPLAIN (SELECT ...) is a query too, but EXPLAIN (name) has options.
        statement.statement.kind === 'view-name'
          ? `MATERIALIZED VIEW ${qualified(statement.statement.name)}`
          : printStatement(statement.statement),
      );
    case 'show':
      if (statement.name !== undefined) {
        const object = statement.what === 'columns' ? 'COLUMNS FROM' : 'CREATE TABLE';
        return `SHOW ${object} ${qualified(statement.name)}`;
      }
      return `SHOW ${/^[a-z_][a-z0-9_]*( [a-z_][a-z0-9_]*)*$/.test(statement.what) ? statement.what : quote(statement.what)}`;
    case 'describe':
      return words(
        'DESCRIBE',
        statement.object === 'topic' ? 'TOPIC' : false,
        qualified(statement.name),
      );
    case 'flush':
      return 'FLUSH';
    case 'set': {
      const value = statement.value === undefined ? 'DEFAULT' : text(statement.value);
      if (statement.form === 'time zone') return `SET TIME ZONE ${value}`;
      if (statement.form !== 'reset') return `SET ${quote(statement.name)} = ${value}`;
      return statement.name === 'all' ? 'RESET ALL' : `RESET ${quote(statement.name)}`;
    }
  }
}

function withOptions(options: readonly WithOption[]): string {
  if (options.length === 0) return '';
  return `WITH (${options.map(({ name, value }) => `${quote(name)} = ${text(value)}`).join(', ')})`;
}

function createRelation(node: CreateRelation): string {
  const parts = [
    ...node.columns.map(column),
    ...(node.primaryKey.length === 0
      ? []
      : [words(constraint(node.primaryKeyName), `PRIMARY KEY ${identifiers(node.primaryKey)}`)]),
    ...node.checks.map(check),
    ...node.uniques.map((item) =>
      words(constraint(item.name), `UNIQUE ${identifiers(item.columns)}`),
    ),
    ...node.watermarks.map(
      (mark) => `WATERMARK FOR ${identifier(mark.column)} AS ${printExpression(mark.expression)}`,
    ),
  ];
  return words(
    `CREATE ${node.relation.toUpperCase()}`,
    node.ifNotExists && 'IF NOT EXISTS',
    `${qualified(node.name)} (${parts.join(', ')})`,
    node.appendOnly && 'APPEND ONLY',
    node.onConflict && `ON CONFLICT ${tableConflicts[node.onConflict]}`,
    withOptions(node.options),
  );
}

export const tableConflicts = { ignore: 'IGNORE', fill: 'DO UPDATE IF NOT NULL' } as const;

function column(node: ColumnDefinition): string {
  return words(
    identifier(node.name),
    typeName(node.typeName),
    node.notNull && 'NOT NULL',
    node.primaryKey && words(constraint(node.primaryKeyName), 'PRIMARY KEY'),
    node.unique && words(constraint(node.uniqueName), 'UNIQUE'),
    ...node.checks.map(check),
    node.defaultValue && `DEFAULT ${printExpression(node.defaultValue)}`,
    node.generated && `GENERATED ALWAYS AS (${printExpression(node.generated)}) STORED`,
    node.metadata && `METADATA FROM ${text(node.metadata)}`,
  );
}

function changingWith({ name, columns, change, query: behind }: ChangingWith): string {
  const { tables, recursive } = change.with ?? { tables: [], recursive: behind.recursive };
  const { with: _, ...own } = change;
  const item = `${identifier(name)}${identifiers(columns)} AS (${printStatement(own)})`;
  const later = behind.with.slice(tables.length);
  return words(
    'WITH',
    recursive && 'RECURSIVE',
    [...tables.map(commonTable), item, ...later.map(commonTable)].join(', '),
    query({ ...behind, with: [] }),
  );
}

function merge(node: Merge): string {
  return words(
    node.with && withClause(node.with),
    `MERGE INTO ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    `USING ${table(node.source)} ON ${printExpression(node.on)}`,
    ...node.clauses.map(mergeClause),
  );
}

function mergeClause({ of, condition, action }: MergeClause): string {
  const sides = { both: '', source: ' BY TARGET', target: ' BY SOURCE' }[of];
  return words(
    `WHEN ${of === 'both' ? '' : 'NOT '}MATCHED${sides}`,
    condition && `AND ${printExpression(condition)}`,
    'THEN',
    mergeAction(action),
  );
}

function mergeAction(action: MergeAction): string {
  switch (action.kind) {
    case 'nothing':
      return 'DO NOTHING';
    case 'delete':
      return 'DELETE';
    case 'update':
      return `UPDATE ${set(action.assignments)}`;
    case 'insert':
      return words(
        `INSERT${identifiers(action.columns)}`,
        action.values === undefined
          ? 'DEFAULT VALUES'
          : `VALUES (${action.values.map(printExpression).join(', ')})`,
      );
  }
}

function columnChange(change: ColumnChange): string {
  if ('add' in change) {
    return words('ADD COLUMN', change.ifNotExists && 'IF NOT EXISTS', column(change.add));
  }
  const { drop, ifExists, cascade } = change;
  return words('DROP COLUMN', ifExists && 'IF EXISTS', identifier(drop), cascade && 'CASCADE');
}

function check(node: CheckDefinition): string {
  return words(constraint(node.name), `CHECK (${printExpression(node.expression)})`);
}

function constraint(name: Identifier | undefined): string | undefined {
  return name && `CONSTRAINT ${identifier(name)}`;
}

function createView(node: CreateView): string {
  return words(
    'CREATE',
    node.orReplace && 'OR REPLACE',
    node.materialized && 'MATERIALIZED',
    'VIEW',
    node.ifNotExists && 'IF NOT EXISTS',
    `${qualified(node.name)}${identifiers(node.columns)}`,
    withOptions(node.options),
    `AS ${query(node.query)}`,
  );
}

function createTableAs(node: CreateTableAs): string {
  return words(
    'CREATE TABLE',
    node.ifNotExists && 'IF NOT EXISTS',
    `${qualified(node.name)}${identifiers(node.columns)}`,
    `AS ${query(node.query)}`,
    node.noData && 'WITH NO DATA',
  );
}

function insert(node: Insert): string {
  return words(
    node.with && withClause(node.with),
    `INSERT INTO ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    identifiers(node.columns),
    node.source === undefined ? 'DEFAULT VALUES' : query(node.source),
    node.onConflict &&
      words('ON CONFLICT', conflictKey(node.conflictKey), onConflict(node.onConflict)),
    returning(node.returning),
  );
}

function conflictKey(key: Insert['conflictKey']): string | undefined {
  if (key === undefined) return undefined;
  return 'name' in key ? `ON CONSTRAINT ${identifier(key)}` : identifiers(key);
}

function onConflict(action: NonNullable<Insert['onConflict']>): string {
  if (action === 'nothing') return 'DO NOTHING';
  if (action === 'replace') return 'DO UPDATE';
  return words('DO UPDATE', set(action.assignments), where(action.where));
}

function set(assignments: readonly (Assignment | RowAssignment)[]): string {
  const items = assignments.map((assignment) => {
    if ('columns' in assignment) {
      const { columns, value } = assignment;
      return `${identifiers(columns).trim()} = ${printExpression(value)}`;
    }
    const { column: name, value } = assignment;
    return `${identifier(name)} = ${value === undefined ? 'DEFAULT' : printExpression(value)}`;
  });
  return `SET ${items.join(', ')}`;
}

function where(condition: Expression | undefined): string {
  return condition === undefined ? '' : `WHERE ${printExpression(condition)}`;
}

function returning(items: readonly SelectItem[] | undefined): string {
  return items === undefined ? '' : `RETURNING ${items.map(selectItem).join(', ')}`;
}

function tables(word: string, items: readonly TableExpression[]): string {
  return items.length === 0 ? '' : `${word} ${items.map(table).join(', ')}`;
}

function update(node: Update): string {
  return words(
    node.with && withClause(node.with),
    `UPDATE ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    set(node.assignments),
    tables('FROM', node.from),
    where(node.where),
    returning(node.returning),
  );
}

function remove(node: Delete): string {
  return words(
    node.with && withClause(node.with),
    `DELETE FROM ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    tables('USING', node.using),
    where(node.where),
    returning(node.returning),
  );
}
