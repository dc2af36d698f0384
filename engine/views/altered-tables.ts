import { assert } from '../../platform/assert.ts';
import type { MillraceError } from '../../platform/errors.ts';
import type { Relation, RelationColumn } from '../../sql/analyze/catalog.ts';
import { type Context, complain, didYouMean, unsupported } from '../../sql/analyze/context.ts';
import { constantDefault } from '../../sql/analyze/dml.ts';
import { foldConstant } from '../../sql/codegen/fold.ts';
import { sliceBatch } from '../../sql/columns/gather.ts';
import { typeName } from '../../sql/columns/type-name.ts';
import type { Expression, Identifier, Span } from '../../sql/syntax/ast.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import { printExpression, quote } from '../../sql/syntax/printer.ts';
import type { AlterTable, ColumnDefinition } from '../../sql/syntax/statement-ast.ts';
import { tableConflicts } from '../../sql/syntax/statement-printer.ts';
import type { RelationAltered } from '../broker/catalogue-record.ts';
import { type Catalogue, type Index, visible, withColumn } from './catalogue.ts';
import { defineRelation, relationOf } from './definitions.ts';
import { TableNode } from './nodes.ts';
import type { Slices } from './slices.ts';
import { type ColumnOrigin, originOfValue } from './stored-layout.ts';

/**
 * ALTER TABLE ADD and DROP of columns. The record that says so has the whole CREATE TABLE of what the
 * table is from now on. Entries and views that are older keep the columns that they had: an added
 * column comes behind all others, and none is dropped that a view may read.
 */

interface Alteration {
  readonly record: Omit<RelationAltered, 'op'>;
  /** Indexes that go with a column. */
  readonly indexIds: readonly number[];
}

/** What the table is while the changes of the statement are made one after the other. */
interface Draft {
  readonly relation: Relation;
  readonly columns: { readonly column: RelationColumn; readonly origin: ColumnOrigin }[];
}

/** `undefined` when it changes nothing. Throws SQL_SEMANTIC and UNSUPPORTED. */
export function alterationOf(
  context: Context,
  catalogue: Catalogue,
  node: AlterTable,
  table: TableNode,
): Alteration | undefined {
  const relation = visible(table.relation);
  const indexes = [...catalogue.indexes.values()].filter(({ tableId }) => tableId === relation.id);
  let draft: Draft = {
    relation: {
      ...relation,
      uniques: (relation.uniques ?? []).filter(
        ({ name }) => !indexes.some((index) => index.name === name),
      ),
    },
    columns: relation.columns.map((column, origin) => ({ column, origin })),
  };
  const whole = draft;
  for (const change of node.changes) {
    if ('drop' in change) draft = withoutColumn(context, catalogue, node, draft, change);
    else draft = withAdded(context, table, node, draft, change);
  }
  if (draft === whole) return undefined;
  const isKept = (column: number) => draft.columns.some(({ origin }) => origin === column);
  const gone = indexes.filter(({ columns }) => !columns.every(isKept));
  const origins = draft.columns.map(({ origin }) => origin);
  // The hidden key stays behind them.
  if (table.relation !== relation) origins.push(relation.columns.length);
  return {
    record: { relationId: relation.id, sql: tableText(draft), origins },
    indexIds: gone.map(({ id }) => id),
  };
}

/** At a start, when no table has its rows yet: the altered table takes the place of what it was. */
export function alter(catalogue: Catalogue, record: RelationAltered): TableNode | undefined {
  const altered = alteredTable(catalogue, record);
  if (altered !== undefined) replace(catalogue, record, altered);
  return altered;
}

/**
 * The same, with rows, in slices: nothing is written into the table meanwhile, until the function that
 * comes back has been called, which puts it into the catalogue.
 */
export async function alterFilled(
  catalogue: Catalogue,
  record: RelationAltered,
  slices: Slices,
): Promise<() => void> {
  const table = catalogue.nodes.get(record.relationId);
  const altered = alteredTable(catalogue, record);
  if (altered === undefined || !(table instanceof TableNode)) return () => {};
  const keys = indexesOf(catalogue, record).map(({ columns }) => columns);
  for (const columns of keys) altered.indexes.add(columns);
  for (const rows of table.snapshot()) {
    for (let from = 0; from < rows.rowCount; from += rowsPerLook) {
      const count = Math.min(rowsPerLook, rows.rowCount - from);
      altered.take(sliceBatch(rows, from, count), record.origins);
      if (slices.isOver) await slices.next();
    }
  }
  return () => {
    replace(catalogue, record, altered);
    for (const columns of keys) altered.indexes.drop(columns);
  };
}

const rowsPerLook = 512;

/** `undefined` where the table could not be built. */
function alteredTable(
  catalogue: Catalogue,
  { relationId, sql, origins }: RelationAltered,
): TableNode | undefined {
  const table = catalogue.nodes.get(relationId);
  if (!(table instanceof TableNode)) return undefined;
  const statement = parseStatement(sql);
  assert(statement.kind === 'create-relation', 'the text of a table');
  const { name } = table.relation;
  const { relation } = relationOf(catalogue, statement, { relationId, name, sql });
  return table.altered(relation, sql, origins);
}

function replace(catalogue: Catalogue, record: RelationAltered, altered: TableNode): void {
  const indexes = indexesOf(catalogue, record);
  catalogue.nodes.set(record.relationId, altered);
  for (const index of indexes) catalogue.addIndex(index);
}

/** The table's indexes as they are from now on. */
function indexesOf(catalogue: Catalogue, { relationId, origins }: RelationAltered): Index[] {
  return [...catalogue.indexes.values()]
    .filter(({ tableId }) => tableId === relationId)
    .map((index) => ({
      ...index,
      columns: index.columns.map((column) => origins.indexOf(column)),
    }));
}

function withAdded(
  context: Context,
  table: TableNode,
  { name, span }: AlterTable,
  draft: Draft,
  { add, ifNotExists }: { readonly add: ColumnDefinition; readonly ifNotExists: boolean },
): Draft {
  const { relation, columns } = draft;
  if (columns.some(({ column }) => column.name === add.name.name)) {
    if (ifNotExists) return draft;
    const message = `column "${add.name.name}" of relation "${relation.name}" already exists`;
    throw complain(context, add.name.span, message, { sqlState: '42701' });
  }
  const isConstrained = add.primaryKey || add.unique || add.checks.length > 0;
  if (isConstrained || add.generated !== undefined || add.metadata !== undefined) {
    throw unsupported(context, add.span, 'ADD COLUMN with more than NOT NULL and DEFAULT');
  }
  const { columns: defined } = defineRelation(context, {
    kind: 'create-relation',
    relation: 'table',
    name,
    ifNotExists: false,
    columns: [add],
    primaryKey: [],
    checks: [],
    uniques: [],
    watermarks: [],
    appendOnly: false,
    options: [],
    span,
  });
  const column = defined[0]!;
  const { type, defaultValue } = column;
  const value =
    defaultValue === undefined
      ? { kind: 'constant', type, value: null }
      : foldConstant(constantDefault(context, defaultValue, type));
  if (value.kind !== 'constant' || !('value' in value)) {
    throw unsupported(context, add.span, 'ADD COLUMN with a DEFAULT that is no constant');
  }
  if (value.value === null && !column.nullable && table.rowCount > 0) {
    const message = `column "${column.name}" of relation "${relation.name}" contains null values`;
    throw complain(context, add.span, message, {
      sqlState: '23502',
      hint: 'Give it a DEFAULT for the rows that are there.',
    });
  }
  return {
    relation,
    columns: [...columns, { column, origin: originOfValue(column, value.value) }],
  };
}

function withoutColumn(
  context: Context,
  catalogue: Catalogue,
  { span }: AlterTable,
  draft: Draft,
  { drop, ifExists }: { readonly drop: Identifier; readonly ifExists: boolean },
): Draft {
  const { relation, columns } = draft;
  const at = columns.findIndex(({ column }) => column.name === drop.name);
  if (at < 0) {
    if (ifExists) return draft;
    const message = `column "${drop.name}" of relation "${relation.name}" does not exist`;
    throw complain(context, drop.span, message, {
      sqlState: '42703',
      hint: didYouMean(
        drop.name,
        columns.map(({ column }) => column.name),
      ),
    });
  }
  const names = catalogue.dependants(relation.id).map((id) => `"${catalogue.nameOf(id)}"`);
  for (const { column } of columns) {
    if (column.generated !== undefined && column.name !== drop.name) {
      if (mentions(column.generated, drop.name)) names.push(`column "${column.name}"`);
    }
  }
  if (names.length > 0) throw inUse(context, span, relation.name, drop.name, names);
  if (relation.primaryKey.includes(at)) {
    throw unsupported(context, span, 'DROP COLUMN of the PRIMARY KEY');
  }
  if (columns.length === 1) throw unsupported(context, span, 'a table without columns');
  const shifted = (column: number) => (column > at ? column - 1 : column);
  return {
    relation: {
      ...relation,
      primaryKey: relation.primaryKey.map(shifted),
      uniques: (relation.uniques ?? [])
        .filter((unique) => !unique.columns.includes(at))
        .map(({ name, columns: key }) => ({ name, columns: key.map(shifted) })),
      checks: (relation.checks ?? []).filter(({ expression }) => !mentions(expression, drop.name)),
    },
    columns: columns.filter((_, index) => index !== at),
  };
}

function inUse(
  context: Context,
  span: Span,
  table: string,
  column: string,
  names: readonly string[],
): MillraceError {
  const message = `cannot drop column "${column}" of table "${table}" because ${names.join(', ')} depend on the table or on it`;
  return complain(context, span, message, {
    code: 'DEPENDENCY',
    sqlState: '2BP01',
    hint: 'Drop those first.',
  });
}

function mentions(expression: Expression, column: string): boolean {
  return printExpression(withColumn(expression, column, '$')) !== printExpression(expression);
}

/** The CREATE TABLE that gives the table as it is. */
function tableText({ relation, columns }: Draft): string {
  const {
    name,
    primaryKey,
    primaryKeyName,
    uniques = [],
    checks = [],
    growing,
    onConflict,
  } = relation;
  const list = (numbers: readonly number[]) =>
    `(${numbers.map((number) => quote(columns[number]!.column.name)).join(', ')})`;
  const parts = columns.map(({ column }) => {
    const { type, nullable, defaultValue, generated } = column;
    const words = [quote(column.name), typeName(type)];
    if (!nullable) words.push('NOT NULL');
    if (defaultValue !== undefined) words.push(`DEFAULT ${printExpression(defaultValue)}`);
    if (generated !== undefined) {
      words.push(`GENERATED ALWAYS AS (${printExpression(generated)}) STORED`);
    }
    return words.join(' ');
  });
  const constraint = (given: string, text: string) => `CONSTRAINT ${quote(given)} ${text}`;
  if (primaryKey.length > 0) {
    parts.push(constraint(primaryKeyName!, `PRIMARY KEY ${list(primaryKey)}`));
  }
  for (const unique of uniques)
    parts.push(constraint(unique.name, `UNIQUE ${list(unique.columns)}`));
  for (const { name: check, expression } of checks) {
    parts.push(constraint(check, `CHECK (${printExpression(expression)})`));
  }
  const conflict = onConflict === undefined ? '' : ` ON CONFLICT ${tableConflicts[onConflict]}`;
  const more = growing === true ? ' APPEND ONLY' : conflict;
  return `CREATE TABLE ${quote(name)} (${parts.join(', ')})${more}`;
}
