import { MillraceError } from '../../platform/errors.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { inputNode, mapNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type {
  Delete,
  Expression,
  Identifier,
  Insert,
  QualifiedName,
  Update,
} from '../syntax/ast.ts';
import type { Relation } from './catalog.ts';
import { asBoolean, coerce } from './coerce.ts';
import { type Context, complain, didYouMean, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeQuery, analyzeValues } from './query.ts';
import { emptyScope, type Scope } from './scope.ts';

/**
 * DML as queries that yield the table's whole rows: those to put for INSERT; the old row and then
 * the new one side by side for UPDATE; those to take away for DELETE.
 */
export interface DmlPlan {
  readonly table: Relation;
  readonly root: PlanNode;
}

export function findTable(context: Context, name: QualifiedName): Relation {
  const relationName = name.parts.at(-1)!.name;
  const table = context.catalog.find(relationName);
  if (table === undefined) {
    throw complain(context, name.span, `relation "${relationName}" does not exist`, {
      sqlState: '42P01',
      hint: didYouMean(relationName, context.catalog.names()),
    });
  }
  if (!table.writable) {
    throw complain(
      context,
      name.span,
      `"${relationName}" is a ${table.kind === 'table' ? 'table over a topic' : table.kind}: its rows cannot be changed by statements`,
      { sqlState: '42809', hint: 'Only a table without a topic takes INSERT, UPDATE and DELETE.' },
    );
  }
  return table;
}

export function analyzeInsert(context: Context, node: Insert): DmlPlan {
  const table = findTable(context, node.table);
  const visible = table.columns.map((_, index) => index);
  const targets =
    node.columns.length === 0
      ? visible
      : node.columns.map((column) => columnNumber(context, table, column));
  const repeated = targets.findIndex((target, index) => targets.indexOf(target) !== index);
  if (repeated >= 0) {
    const { name, span } = node.columns[repeated]!;
    throw complain(context, span, `column "${name}" specified more than once`, {
      sqlState: '42701',
    });
  }
  checkConflictColumns(context, table, node);
  const source = insertSource(context, node);
  const width = source.fields.length;
  if (width > targets.length || (width < targets.length && node.columns.length > 0)) {
    const what =
      width > targets.length
        ? 'expressions than target columns'
        : 'target columns than expressions';
    throw complain(context, node.source.span, `INSERT has more ${what}`, { sqlState: '42601' });
  }
  const outputs = table.columns.map((column, index): Expr => {
    const position = targets.indexOf(index);
    if (position < 0 || position >= width) return defaultValue(context, table, index);
    const field = source.fields[position]!;
    const value = { ...columnExpr(position, field.type), span: node.source.span };
    return assignedValue(context, value, column.type, column.name);
  });
  const names = table.columns.map(({ name }) => name);
  return { table, root: mapNode(source, names, outputs) };
}

/** ON CONFLICT may name the table's key and nothing else. */
function checkConflictColumns(context: Context, table: Relation, node: Insert): void {
  const named = node.conflictColumns?.map((column) => columnNumber(context, table, column));
  if (named === undefined) return;
  const isKey =
    named.length === table.primaryKey.length && named.every((c) => table.primaryKey.includes(c));
  if (isKey && named.length > 0) return;
  throw complain(
    context,
    node.conflictColumns![0]?.span ?? node.span,
    'there is no unique constraint matching the ON CONFLICT specification',
    { sqlState: '42P10', hint: 'Name the columns of the PRIMARY KEY.' },
  );
}

/** VALUES keep their untyped literals until the target column's type is known. */
function insertSource(context: Context, node: Insert): PlanNode {
  const { body } = node.source;
  const isPlainValues =
    body.kind === 'values' &&
    node.source.with.length === 0 &&
    node.source.limit === undefined &&
    node.source.offset === undefined;
  if (!isPlainValues) return analyzeQuery(context, node.source, 'derived').root;
  const table = findTable(context, node.table);
  const targets =
    node.columns.length === 0
      ? table.columns.map((_, index) => index)
      : node.columns.map((column) => columnNumber(context, table, column));
  return analyzeValues(context, body, (item, position) => {
    const target = targets[position];
    const column = target === undefined ? undefined : table.columns[target];
    if (column === undefined) return undefined;
    const isDefault =
      item.kind === 'column' && item.parts.length === 1 && item.parts[0]!.name === 'default';
    if (isDefault && !item.parts[0]!.quoted) return defaultValue(context, table, target!);
    const place = { context, scope: emptyScope, clause: 'VALUES' };
    return assignedValue(context, analyzeExpression(place, item), column.type, column.name);
  });
}

function assignedValue(context: Context, value: Expr, type: SqlType, name: string): Expr {
  try {
    return coerce(context, value, type, 'assignment');
  } catch (error) {
    if (!(error instanceof MillraceError) || error.sqlState !== '42804') throw error;
    throw complain(
      context,
      value.span ?? { start: 0, end: 0 },
      `column "${name}" is of another type: ${error.message}`,
      { sqlState: '42804', hint: 'You will need to rewrite or cast the expression.' },
    );
  }
}

function defaultValue(context: Context, table: Relation, index: number): Expr {
  const { type, defaultValue: node } = table.columns[index]!;
  if (node === undefined) return { kind: 'constant', type, value: null };
  return constantDefault(context, node, type);
}

/** A literal DEFAULT as a value of the column's type. */
export function constantDefault(context: Context, node: Expression, type: SqlType): Expr {
  const place = { context, scope: emptyScope, clause: 'DEFAULT' };
  return coerce(context, analyzeExpression(place, node), type, 'assignment');
}

function columnNumber(context: Context, table: Relation, { name, span }: Identifier): number {
  const index = table.columns.findIndex((column) => column.name === name);
  if (index >= 0) return index;
  throw complain(context, span, `column "${name}" of relation "${table.name}" does not exist`, {
    sqlState: '42703',
    hint: didYouMean(
      name,
      table.columns.map((column) => column.name),
    ),
  });
}

function tableScope(table: Relation, alias: string | undefined): Scope {
  const columns = table.columns.map((_, index) => index);
  const relation = { alias: alias ?? table.name, fields: table.columns, columns };
  return { ...emptyScope, relations: [relation] };
}

function filterOf(context: Context, scope: Scope, where: Expression | undefined): Expr | undefined {
  if (where === undefined) return undefined;
  return asBoolean(context, analyzeExpression({ context, scope, clause: 'WHERE' }, where), 'WHERE');
}

/** Columns [0, n): the old row; [n, 2n): the new one. */
export function analyzeUpdate(context: Context, node: Update): DmlPlan {
  const table = findTable(context, node.table);
  const scope = tableScope(table, node.alias?.name);
  const filter = filterOf(context, scope, node.where);
  const old = table.columns.map(({ type }, index): Expr => columnExpr(index, type));
  const changed = [...old];
  const assignedColumns = new Set<number>();
  for (const { column, value, span } of node.assignments) {
    const index = columnNumber(context, table, column);
    if (assignedColumns.has(index)) {
      throw complain(context, span, `multiple assignments to same column "${column.name}"`, {
        sqlState: '42601',
      });
    }
    assignedColumns.add(index);
    if (value === undefined) {
      changed[index] = defaultValue(context, table, index);
      continue;
    }
    const { type, name } = table.columns[index]!;
    const expr = analyzeExpression({ context, scope, clause: 'UPDATE' }, value);
    changed[index] = assignedValue(context, expr, type, name);
  }
  if (table.primaryKey.some((key) => assignedColumns.has(key))) {
    throw unsupported(context, node.span, 'an update of a primary key column');
  }
  const names = table.columns.map(({ name }) => name);
  const input = inputNode(
    table,
    table.columns.map((_, index) => index),
  );
  const root = mapNode(input, [...names, ...names], [...old, ...changed], filter);
  return { table, root };
}

export function analyzeDelete(context: Context, node: Delete): DmlPlan {
  const table = findTable(context, node.table);
  const filter = filterOf(context, tableScope(table, node.alias?.name), node.where);
  const outputs = table.columns.map(({ type }, index): Expr => columnExpr(index, type));
  const input = inputNode(
    table,
    table.columns.map((_, index) => index),
  );
  const names = table.columns.map(({ name }) => name);
  return { table, root: mapNode(input, names, outputs, filter) };
}
