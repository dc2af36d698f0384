import type { Identifier, Query } from '../syntax/ast.ts';
import type { ColumnDefinition, Statement } from '../syntax/statement-ast.ts';
import {
  identifier,
  isTree,
  type Lowering,
  nowhere,
  part,
  parts,
  qualifiedName,
  refused,
  type Tree,
  word,
} from './foreign-tree.ts';
import { lowerExpression } from './lower-expressions.ts';
import { lowerQuery } from './lower-queries.ts';
import { lowerType } from './lower-types.ts';

/** A statement of a foreign tree in ours: queries, DML, CREATE TABLE and CREATE VIEW. */
export function lowerStatement(lowering: Lowering, tree: Tree): Statement {
  switch (tree.type) {
    case 'select':
      return lowerQuery(lowering, tree);
    case 'insert':
      return insert(lowering, tree);
    case 'update':
      return update(lowering, tree);
    case 'delete':
      return remove(lowering, tree);
    case 'create':
      if (tree.keyword === 'table') return createTable(lowering, tree);
      if (tree.keyword === 'view') return createView(lowering, tree);
  }
  throw refused(`${String(tree.type).toUpperCase()} ${String(tree.keyword ?? '').toUpperCase()}`);
}

/** The one table of a DML statement. */
function onlyTable(lowering: Lowering, tree: Tree, list = 'table') {
  const tables = Array.isArray(tree[list]) ? parts(tree, list) : [part(tree, list)];
  const [only] = tables;
  if (only === undefined || tables.length > 1 || isTree(only.expr) || only.join) {
    throw refused('a change of several tables');
  }
  const alias = only.as ? { alias: identifier(lowering, only.as) } : {};
  return { table: qualifiedName(lowering, only.schema ?? only.db, only.table), ...alias };
}

function insert(lowering: Lowering, tree: Tree): Statement {
  if (isTree(tree.on_duplicate_update)) throw refused('ON DUPLICATE KEY UPDATE');
  const columns = Array.isArray(tree.columns)
    ? tree.columns.map((name: unknown) => identifier(lowering, name))
    : [];
  const values = part(tree, 'values');
  const source =
    values.type === 'select'
      ? lowerQuery(lowering, values)
      : rows(lowering, parts(values, 'values'));
  return { kind: 'insert', ...onlyTable(lowering, tree), columns, source, span: nowhere };
}

function rows(lowering: Lowering, lists: readonly Tree[]): Query {
  const all = lists.map((list) =>
    parts(list, 'value').map((item) => lowerExpression(lowering, item)),
  );
  const body = { kind: 'values', rows: all, span: nowhere } as const;
  return { kind: 'query', with: [], recursive: false, body, orderBy: [], span: nowhere };
}

function where(lowering: Lowering, tree: Tree) {
  return isTree(tree.where) ? { where: lowerExpression(lowering, tree.where) } : {};
}

function update(lowering: Lowering, tree: Tree): Statement {
  const assignments = parts(tree, 'set').map((item) => ({
    column: identifier(lowering, item.column),
    value: lowerExpression(lowering, part(item, 'value')),
    span: nowhere,
  }));
  return {
    kind: 'update',
    ...onlyTable(lowering, tree),
    assignments,
    from: [],
    ...where(lowering, tree),
    span: nowhere,
  };
}

function remove(lowering: Lowering, tree: Tree): Statement {
  return {
    kind: 'delete',
    ...onlyTable(lowering, tree, 'from'),
    using: [],
    ...where(lowering, tree),
    span: nowhere,
  };
}

function createView(lowering: Lowering, tree: Tree): Statement {
  const view = part(tree, 'view');
  const columns = Array.isArray(tree.columns) ? tree.columns : [];
  return {
    kind: 'create-view',
    materialized: false,
    orReplace: word(tree.replace) === 'or replace',
    name: qualifiedName(lowering, view.schema ?? view.db, view.view),
    ifNotExists: false,
    columns: columns.map((name: unknown) =>
      identifier(lowering, isTree(name) && name.column !== undefined ? name.column : name),
    ),
    options: [],
    query: lowerQuery(lowering, part(tree, 'select')),
    span: nowhere,
  };
}

function createTable(lowering: Lowering, tree: Tree): Statement {
  const definitions = parts(tree, 'create_definitions');
  const constraints = definitions.filter(({ resource }) => resource === 'constraint');
  const named = (kind: RegExp) =>
    constraints.filter(({ constraint_type }) => kind.test(word(constraint_type)));
  const columnsOf = (constraint: Tree): Identifier[] =>
    parts(constraint, 'definition').map((item) => identifier(lowering, item.column));
  const keys = named(/^primary key$/);
  for (const { index } of named(/^unique/)) if (index) throw refused('a named key');
  return {
    kind: 'create-relation',
    relation: 'table',
    name: qualifiedName(lowering, part({ table: parts(tree, 'table')[0] }, 'table').table),
    ifNotExists: word(tree.if_not_exists) === 'if not exists',
    columns: definitions
      .filter(({ resource }) => resource === 'column')
      .map((item) => column(lowering, item)),
    primaryKey: keys.flatMap(columnsOf),
    checks: named(/^check$/).map((item) => ({
      expression: lowerExpression(lowering, parts(item, 'definition')[0]!),
      span: nowhere,
    })),
    uniques: named(/^unique/).map((item) => ({ columns: columnsOf(item), span: nowhere })),
    watermarks: [],
    appendOnly: false,
    options: [],
    span: nowhere,
  };
}

function column(lowering: Lowering, item: Tree): ColumnDefinition {
  const given = isTree(item.default_val) ? item.default_val.value : undefined;
  return {
    name: identifier(lowering, part(item, 'column').column),
    typeName: lowerType(lowering, part(item, 'definition')),
    notNull: isTree(item.nullable) && word(item.nullable.value) === 'not null',
    primaryKey: word(item.primary_key) === 'primary key',
    unique: word(item.unique) === 'unique',
    checks: [],
    ...(isTree(given) ? { defaultValue: lowerExpression(lowering, given) } : {}),
    span: nowhere,
  };
}
