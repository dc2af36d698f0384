import { MillraceError } from '../../platform/errors.ts';
import type { Field, SqlType } from '../columns/types.ts';
import { isVolatile } from '../plan/correlation.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr, mapColumns, unplaced } from '../plan/expr-tools.ts';
import { constantsNode, mapNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type {
  Expression,
  Identifier,
  QualifiedName,
  Query,
  RelationTable,
  Select,
  SelectItem,
  Span,
  SubqueryExpression,
  TableExpression,
} from '../syntax/ast.ts';
import type {
  Assignment,
  Delete,
  Insert,
  MergeAction,
  RowAssignment,
  Update,
} from '../syntax/statement-ast.ts';
import type { Relation } from './catalog.ts';
import { asBoolean, coerce, settled } from './coerce.ts';
import { type Context, complain, didYouMean } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeFrom } from './from.ts';
import { analyzeQuery, analyzeValues, withTables } from './query.ts';
import { checkUsable } from './schemas.ts';
import { combined, emptyScope, relationScope, type Scope } from './scope.ts';
import { analyzeSelect, nameOf } from './select.ts';
import { typed } from './set-operation.ts';
import { starColumns } from './whole-rows.ts';

/**
 * DML as queries that yield the table's whole rows: those to put for INSERT; the old row and then
 * the new one side by side for UPDATE; those to take away for DELETE.
 */
export interface DmlPlan {
  readonly table: Relation;
  readonly root: PlanNode;
  /** What ON CONFLICT DO UPDATE makes of the old row and the new one, side by side. */
  readonly conflict?: ConflictPlan;
  /** Columns by which ON CONFLICT finds the old row; absent where the statement names none. */
  readonly arbiter?: readonly number[];
  readonly returning?: Returning;
  /** Of MERGE: what each clause does. A column for each, behind the new row, says which one holds. */
  readonly mergeActions?: readonly MergeAction['kind'][];
}

export interface ConflictPlan {
  readonly filter?: Expr;
  readonly outputs: readonly Expr[];
}

/**
 * Over the rows of the table that the statement put or took away, and the columns of FROM or USING
 * behind each.
 */
export interface Returning {
  readonly fields: readonly Field[];
  readonly outputs: readonly Expr[];
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
  checkUsable(context, table, name.span);
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

// ---- INSERT --------------------------------------------------------------------------------------

export function analyzeInsert(outer: Context, node: Insert): DmlPlan {
  const context = node.with === undefined ? outer : withTables(outer, node.with);
  const table = findTable(context, node.table);
  const targets =
    node.columns.length === 0
      ? table.columns.map((_, index) => index)
      : node.columns.map((column) => columnNumber(context, table, column));
  const repeated = targets.findIndex((target, index) => targets.indexOf(target) !== index);
  if (repeated >= 0) {
    const { name, span } = node.columns[repeated]!;
    throw complain(context, span, `column "${name}" specified more than once`, {
      sqlState: '42701',
    });
  }
  const source = insertSource(context, node, table, targets);
  const width = source.fields.length;
  if (width > targets.length || (width < targets.length && node.columns.length > 0)) {
    const what =
      width > targets.length
        ? 'expressions than target columns'
        : 'target columns than expressions';
    throw complain(context, node.source!.span, `INSERT has more ${what}`, { sqlState: '42601' });
  }
  const outputs = table.columns.map((column, index): Expr => {
    const position = targets.indexOf(index);
    if (position < 0 || position >= width) return defaultValue(context, table, index);
    if (column.generated !== undefined && !isPlainValues(node.source)) {
      throw generatedOnly(context, column.name, node.source!.span);
    }
    const field = source.fields[position]!;
    const value = { ...columnExpr(position, field.type), span: node.source!.span };
    return assignedValue(context, value, column.type, column.name);
  });
  const names = table.columns.map(({ name }) => name);
  const root = withGenerated(context, table, mapNode(source, names, outputs), 0);
  return {
    table,
    root,
    ...conflictOf(context, node, table),
    ...returningOf(context, table, node.alias?.name, node.returning),
  };
}

/** VALUES keep their untyped literals until the target column's type is known. */
function insertSource(
  context: Context,
  { source }: Insert,
  table: Relation,
  targets: readonly number[],
): PlanNode {
  if (source === undefined) return constantsNode([], [[]]);
  if (!isPlainValues(source)) return insertedQuery(context, source, table, targets);
  return analyzeValues(context, source.body, (item, position) => {
    const target = targets[position];
    const column = target === undefined ? undefined : table.columns[target];
    if (column === undefined) return undefined;
    if (isDefault(item)) return defaultValue(context, table, target!);
    if (column.generated !== undefined) throw generatedOnly(context, column.name, item.span);
    const place = { context, scope: emptyScope, clause: 'VALUES' };
    return assignedValue(context, analyzeExpression(place, item), column.type, column.name);
  });
}

/** Untyped literals of the select list are read as the target columns' types. */
function insertedQuery(
  context: Context,
  query: Query,
  table: Relation,
  targets: readonly number[],
): PlanNode {
  const { body, orderBy, limit, offset } = query;
  const isBare = query.with.length === 0 && orderBy.length === 0 && !limit && !offset;
  if (!isBare || body.kind !== 'select') return analyzeQuery(context, query, 'derived').root;
  const { root } = analyzeSelect(context, body, [], 'keep-untyped');
  const fields = root.fields.map((field, index): Field => {
    if (field.type.kind !== 'unknown') return field;
    return { ...field, type: table.columns[targets[index]!]?.type ?? { kind: 'text' } };
  });
  return typed(context, root, fields);
}

function isPlainValues(
  source: Query | undefined,
): source is Query & { readonly body: { readonly kind: 'values' } } {
  return (
    source?.body.kind === 'values' &&
    source.with.length === 0 &&
    source.limit === undefined &&
    source.offset === undefined
  );
}

function conflictOf(
  context: Context,
  node: Insert,
  table: Relation,
): Pick<DmlPlan, 'arbiter' | 'conflict'> {
  const { onConflict } = node;
  if (onConflict === undefined) {
    return table.onConflict === undefined ? {} : { arbiter: table.primaryKey };
  }
  const arbiter = arbiterOf(context, node, table);
  const key = arbiter === undefined ? {} : { arbiter };
  if (typeof onConflict === 'string') return key;
  if (arbiter === undefined) {
    throw complain(
      context,
      node.span,
      'ON CONFLICT DO UPDATE requires inference specification or constraint name',
      { sqlState: '42601', hint: 'For example, ON CONFLICT (column_name).' },
    );
  }
  const width = table.columns.length;
  const own = tableScope(table, node.alias?.name ?? table.name, 0);
  const scope = combined(own, tableScope(table, 'excluded', width));
  const values = assignedColumns(context, table, onConflict.assignments);
  const assigned = table.columns.map(({ type, name }, index): Expr => {
    const value = values.get(index);
    if (value === undefined) return columnExpr(index, type);
    if (value === 'default') return defaultValue(context, table, index);
    const expr = analyzeExpression({ context, scope, clause: 'UPDATE' }, value);
    return assignedValue(context, expr, type, name);
  });
  const generated = generatedValues(context, table);
  const outputs = assigned.map((expr, index) => {
    const made = generated.get(index);
    return made === undefined ? expr : mapColumns(made, (column) => assigned[column.index]!);
  });
  const place = { context, scope, clause: 'WHERE' };
  const filter =
    onConflict.where === undefined
      ? {}
      : { filter: asBoolean(context, analyzeExpression(place, onConflict.where), 'WHERE') };
  return { ...key, conflict: { ...filter, outputs } };
}

/** The columns of the key whose conflicts are meant; `undefined` for those of any. */
function arbiterOf(
  context: Context,
  { conflictKey }: Insert,
  table: Relation,
): readonly number[] | undefined {
  if (conflictKey === undefined) return undefined;
  if ('name' in conflictKey) return constraintColumns(context, table, conflictKey);
  const columns = conflictKey.map((column) => columnNumber(context, table, column));
  if (isUniqueKey(table, columns)) return columns;
  throw complain(
    context,
    conflictKey[0]!.span,
    'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    { sqlState: '42P10', hint: 'Name the columns of the PRIMARY KEY or of a UNIQUE constraint.' },
  );
}

function constraintColumns(
  context: Context,
  { name: table, primaryKey, primaryKeyName, uniques = [], checks = [] }: Relation,
  { name, span }: Identifier,
): readonly number[] {
  if (primaryKey.length > 0 && name === primaryKeyName) return primaryKey;
  const unique = uniques.find((constraint) => constraint.name === name);
  if (unique !== undefined) return unique.columns;
  if (checks.some((constraint) => constraint.name === name)) {
    const message = 'constraint in ON CONFLICT clause has no associated index';
    throw complain(context, span, message, { sqlState: '42809' });
  }
  const message = `constraint "${name}" for table "${table}" does not exist`;
  throw complain(context, span, message, { sqlState: '42704' });
}

function isUniqueKey(table: Relation, columns: readonly number[]): boolean {
  return [table.primaryKey, ...(table.uniques ?? []).map((unique) => unique.columns)].some(
    (key) =>
      key.length > 0 &&
      key.length === columns.length &&
      columns.every((column) => key.includes(column)),
  );
}

// ---- UPDATE and DELETE ---------------------------------------------------------------------------

/** Columns [0, n): the old row; [n, 2n): the new one; then what RETURNING sees of FROM. */
export function analyzeUpdate(outer: Context, node: Update): DmlPlan {
  const context = node.with === undefined ? outer : withTables(outer, node.with);
  const table = changeable(context, node.table);
  const values = assignedColumns(context, table, node.assignments);
  // A literal has no type before its column gives it one: it stays out of the select list.
  const computed = [...values].flatMap(([index, value]) =>
    value === 'default' || value.kind === 'literal' ? [] : [{ index, value }],
  );
  const others = computed.map(({ value }) => value);
  const { plan, joined } = rowsOf(context, table, node, node.from, others);
  const old = table.columns.map(({ type }, index): Expr => columnExpr(index, type));
  const changed = table.columns.map(({ type, name }, index): Expr => {
    const value = values.get(index);
    if (value === undefined) return old[index]!;
    if (value === 'default') return defaultValue(context, table, index);
    if (value.kind === 'literal') {
      const place = { context, scope: emptyScope, clause: 'UPDATE' };
      return assignedValue(context, analyzeExpression(place, value), type, name);
    }
    const position = old.length + computed.findIndex((item) => item.index === index);
    const expr = { ...columnExpr(position, plan.fields[position]!.type), span: value.span };
    return assignedValue(context, expr, type, name);
  });
  const names = [...table.columns, ...table.columns, ...joined.fields].map(({ name }) => name);
  const root = mapNode(plan, names, [...old, ...changed, ...joined.columns]);
  return {
    table,
    root: withGenerated(context, table, root, old.length),
    ...returningOf(context, table, node.alias?.name, node.returning, joined.scope),
  };
}

export function analyzeDelete(outer: Context, node: Delete): DmlPlan {
  const context = node.with === undefined ? outer : withTables(outer, node.with);
  const table = changeable(context, node.table);
  const { plan, joined } = rowsOf(context, table, node, node.using, []);
  const own = table.columns.map(({ type }, index): Expr => columnExpr(index, type));
  const names = [...table.columns, ...joined.fields].map(({ name }) => name);
  return {
    table,
    root: mapNode(plan, names, [...own, ...joined.columns]),
    ...returningOf(context, table, node.alias?.name, node.returning, joined.scope),
  };
}

export function changeable(context: Context, name: QualifiedName): Relation {
  const table = findTable(context, name);
  if (!table.growing) return table;
  throw complain(context, name.span, `"${table.name}" is APPEND ONLY: its rows stay as they are`, {
    sqlState: '42809',
  });
}

/** What FROM or USING adds to the rows of the table. */
interface JoinedColumns {
  readonly fields: readonly Field[];
  /** Where they are in the plan. */
  readonly columns: readonly Expr[];
  /** Their names, for rows that have them behind the columns of the table. */
  readonly scope: Scope;
}

/**
 * `SELECT the table's columns, others, * FROM the table, tables WHERE ...`, the star only where
 * RETURNING may name what it stands for.
 */
function rowsOf(
  context: Context,
  table: Relation,
  { table: name, alias, where, span, returning }: Update | Delete,
  tables: readonly TableExpression[],
  others: readonly Expression[],
): { readonly plan: PlanNode; readonly joined: JoinedColumns } {
  const { known, target } = targetTable(name, alias);
  const own = table.columns.map((column): Expression => {
    const part = { name: column.name, quoted: true, span: name.span };
    return { kind: 'column', parts: [known, part], span: name.span };
  });
  const isReturned = returning !== undefined && tables.length > 0;
  const stars: Expression[] = isReturned ? [{ kind: 'star', relation: [], span }] : [];
  const select: Select = {
    kind: 'select',
    distinct: 'none',
    items: [...own, ...others, ...stars].map((expression) => ({ expression, span })),
    from: [target, ...tables],
    ...(where === undefined ? {} : { where }),
    groupBy: [],
    span,
  };
  const plan = analyzeSelect(context, select, []).root;
  const { scope } = analyzeFrom(context, isReturned ? [target, ...tables] : []);
  return { plan, joined: joinedColumns(plan, scope, known.name, table.columns.length) };
}

/** The table as an item of FROM, and the name that it has there. */
export function targetTable(
  name: QualifiedName,
  alias: Identifier | undefined,
): { readonly known: Identifier; readonly target: RelationTable } {
  const last = name.parts.at(-1)!;
  // With its schema: no common table of that name is meant.
  const schema = { name: 'public', quoted: true, span: name.span };
  const target: RelationTable = {
    kind: 'relation',
    name: { parts: [schema, last], span: name.span },
    ...(alias === undefined ? {} : { alias: { name: alias, columns: [], span: alias.span } }),
    span: name.span,
  };
  return { known: alias ?? last, target };
}

/** The last columns of the plan are those that the scope shows, the target's before the others. */
function joinedColumns(plan: PlanNode, scope: Scope, target: string, width: number): JoinedColumns {
  const own = scope.relations.find(({ alias }) => alias === target)?.columns ?? [];
  const added = scope.shown.filter(({ column }) => !own.includes(column));
  const first = plan.fields.length - added.length;
  const position = new Map(added.map(({ column }, index) => [column, width + index]));
  const placed = (column: number) => position.get(column) ?? -1;
  return {
    fields: added.map(({ field }) => field),
    columns: added.map(({ field }, index) => columnExpr(first + index, field.type)),
    scope: {
      relations: scope.relations
        .filter(({ alias }) => alias !== target)
        .map(({ alias, fields, columns }) => ({ alias, fields, columns: columns.map(placed) })),
      shown: added.map(({ field, column }) => ({ field, column: placed(column) })),
    },
  };
}

export function assignedColumns(
  context: Context,
  table: Relation,
  assignments: readonly (Assignment | RowAssignment)[],
): Map<number, Expression | 'default'> {
  const values = new Map<number, Expression | 'default'>();
  for (const { column, value, span } of assignments.flatMap((item) => singly(context, item))) {
    const index = columnNumber(context, table, column);
    if (values.has(index)) {
      throw complain(context, span, `multiple assignments to same column "${column.name}"`, {
        sqlState: '42601',
      });
    }
    if (value !== undefined && table.columns[index]!.generated !== undefined) {
      throw complain(context, span, `column "${column.name}" can only be updated to DEFAULT`, {
        sqlState: '428C9',
        hint: 'It is a generated column.',
      });
    }
    values.set(index, value ?? 'default');
  }
  return values;
}

/** An assignment to several columns as one to each. */
function singly(context: Context, assignment: Assignment | RowAssignment): Assignment[] {
  if ('column' in assignment) return [assignment];
  const { columns, value, span } = assignment;
  if (value.kind === 'row') {
    if (value.items.length !== columns.length) throw unlike(context, span);
    return columns.map((column, index) => {
      const item = value.items[index]!;
      return { column, value: isDefault(item) ? undefined : item, span };
    });
  }
  const row: SubqueryExpression = { ...value, form: 'row', width: columns.length };
  return columns.map((column, index) => {
    const name = { name: `f${index + 1}`, quoted: true, span: value.span };
    return { column, value: { kind: 'field', operand: row, name, span: value.span }, span };
  });
}

function unlike(context: Context, span: Span): MillraceError {
  const message = 'number of columns does not match number of values';
  return complain(context, span, message, { sqlState: '42601' });
}

export function isDefault(node: Expression): boolean {
  const [part, ...more] = node.kind === 'column' ? node.parts : [];
  return more.length === 0 && part?.name === 'default' && !part.quoted;
}

// ---- columns -------------------------------------------------------------------------------------

export function assignedValue(context: Context, value: Expr, type: SqlType, name: string): Expr {
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

export function defaultValue(context: Context, table: Relation, index: number): Expr {
  const { type, defaultValue: node } = table.columns[index]!;
  if (node === undefined) return { kind: 'constant', type, value: null };
  return constantDefault(context, node, type);
}

/** A DEFAULT as a value of the column's type; it sees no columns. */
export function constantDefault(context: Context, node: Expression, type: SqlType): Expr {
  const place = { context, scope: emptyScope, clause: 'DEFAULT' };
  return unplaced(coerce(context, analyzeExpression(place, node), type, 'assignment'));
}

/** Puts the generated columns' values over whole rows of the table that begin at column `start`. */
export function withGenerated(
  context: Context,
  table: Relation,
  root: PlanNode,
  start: number,
): PlanNode {
  const generated = generatedValues(context, table, start);
  if (generated.size === 0) return root;
  const outputs = root.fields.map(
    ({ type }, index) => generated.get(index - start) ?? columnExpr(index, type),
  );
  return mapNode(
    root,
    root.fields.map(({ name }) => name),
    outputs,
  );
}

/** Values of the generated columns, by column, over a row whose first column is number `start`. */
export function generatedValues(
  context: Context,
  table: Pick<Relation, 'name' | 'columns'>,
  start = 0,
): ReadonlyMap<number, Expr> {
  const scope = tableScope(table, table.name, start);
  return new Map(
    table.columns.flatMap(({ generated, type, name }, index): [number, Expr][] => {
      if (generated === undefined) return [];
      const expr = analyzeExpression({ context, scope, clause: 'GENERATED' }, generated);
      if (isVolatile(expr)) {
        throw complain(context, generated.span, 'generation expression is not immutable', {
          sqlState: '42P17',
        });
      }
      return [[index, unplaced(assignedValue(context, expr, type, name))]];
    }),
  );
}

/** The CHECK constraints as expressions over a row of the table. */
export function checkExprs(
  context: Context,
  table: Pick<Relation, 'name' | 'columns' | 'checks'>,
): { readonly name: string; readonly expr: Expr }[] {
  const scope = tableScope(table, table.name, 0);
  return (table.checks ?? []).map(({ name, expression }) => {
    const expr = analyzeExpression({ context, scope, clause: 'CHECK' }, expression);
    return { name, expr: unplaced(asBoolean(context, expr, 'CHECK')) };
  });
}

function returningOf(
  context: Context,
  table: Relation,
  alias: string | undefined,
  items: readonly SelectItem[] | undefined,
  joined: Scope = emptyScope,
): { returning?: Returning } {
  if (items === undefined) return {};
  const visible = { ...table, columns: table.columns.filter(({ name }) => !name.startsWith('$')) };
  const scope = combined(tableScope(visible, alias ?? table.name, 0), joined);
  const place = { context, scope, clause: 'RETURNING' };
  const returned = items.flatMap(({ expression, alias: label }) => {
    if (expression.kind === 'star') {
      return starColumns(place, expression, (node) => analyzeExpression(place, node));
    }
    const expr = settled(context, analyzeExpression(place, expression));
    return [{ name: label?.name ?? nameOf(expression), expr }];
  });
  return {
    returning: {
      fields: returned.map(({ name, expr }) => ({ name, type: expr.type, nullable: true })),
      outputs: returned.map(({ expr }) => expr),
    },
  };
}

function tableScope({ columns }: Pick<Relation, 'columns'>, alias: string, start: number): Scope {
  const numbers = columns.map((_, index) => start + index);
  return relationScope({ alias, fields: columns, columns: numbers });
}

export function generatedOnly(context: Context, name: string, span: Span): MillraceError {
  return complain(context, span, `cannot insert a non-DEFAULT value into column "${name}"`, {
    sqlState: '428C9',
    hint: 'It is a generated column.',
  });
}

export function columnNumber(
  context: Context,
  table: Relation,
  { name, span }: Identifier,
): number {
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
