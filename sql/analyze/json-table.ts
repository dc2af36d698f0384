import type { Field, SqlType } from '../columns/types.ts';
import type { JsonTablePath, JsonTablePlan } from '../functions/json-path/table.ts';
import { castId } from '../functions/resolve.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { located, type Side } from '../plan/joins.ts';
import { constantsNode, flatMapNode, mapNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type {
  Expression,
  Identifier,
  JsonQueryExpression,
  JsonTable,
  JsonTableColumn,
  Span,
} from '../syntax/ast.ts';
import { coerce } from './coerce.ts';
import { type Context, complain, resolveType } from './context.ts';
import type { ExpressionPlace } from './expressions.ts';
import { checkPath, jsonDocument, jsonVariable, queryOf } from './json-queries.ts';
import { emptyScope } from './scope.ts';

const jsonb: SqlType = { kind: 'jsonb' };
const integer: SqlType = { kind: 'integer' };
const text: SqlType = { kind: 'text' };

/** A column with the item that it is of: the path's number, outer paths first. */
interface PlacedColumn {
  readonly column: Exclude<JsonTableColumn, { kind: 'nested' }>;
  readonly path: number;
}

/**
 * JSON_TABLE (PostgreSQL's documentation, 9.16.4): a table function gives the items of all its paths
 * row by row, and each column is a JSON_VALUE, JSON_QUERY or JSON_EXISTS of one of them.
 */
export function jsonTableRows(context: Context, table: JsonTable): PlanNode {
  const place: ExpressionPlace = { context, scope: emptyScope, clause: 'functions in FROM' };
  const { path, onError, passing } = table;
  if (path.kind !== 'literal' || path.literal.type !== 'string') {
    const message = 'only string constants are supported in JSON_TABLE path specification';
    throw complain(context, path.span, message, { sqlState: '0A000' });
  }
  if (onError !== undefined && onError.what !== 'error' && onError.what !== 'empty array') {
    throw complain(context, onError.span, 'invalid ON ERROR behavior', { sqlState: '42601' });
  }
  checkNames(context, table);
  const placed: PlacedColumn[] = [];
  let paths = 0;
  const placePath = (own: string, span: Span, columns: readonly JsonTableColumn[]) => {
    checkPath(context, own, span);
    const number = paths++;
    const nested: JsonTablePath[] = [];
    for (const column of columns) {
      if (column.kind === 'nested') {
        nested.push(placePath(column.path, column.span, column.columns));
      } else placed.push({ column, path: number });
    }
    return { path: own, nested };
  };
  const root: JsonTablePath = placePath(path.literal.value, path.span, table.columns);
  const plan: JsonTablePlan = { root, isStrict: onError?.what === 'error' };

  const given = [
    jsonDocument(place, table.document),
    ...passing.map(({ value }) => jsonVariable(place, value)),
  ];
  const single: Side = { plan: constantsNode([], [[]]), columns: [] };
  const side = context.statement.subqueries.attached(single, given);
  const [document, ...variables] = given.map((arg) => located(arg, side)) as [Expr, ...Expr[]];
  const items = flatMapNode(side.plan, [
    {
      functionId: 'json_table',
      args: [document, constant(JSON.stringify(plan)), variablesObject(passing, variables)],
      fields: Array.from({ length: paths }, () => pathFields).flat(),
    },
  ]);
  const first = side.plan.fields.length;
  const outputs = placed.map(({ column, path: number }) => {
    const at = first + 2 * number;
    if (column.kind === 'ordinality') return columnExpr(at + 1, integer);
    return columnValue(place, column, passing, columnExpr(at, jsonb), variables);
  });
  return mapNode(
    items,
    placed.map(({ column }) => column.name.name),
    outputs,
  );
}

const pathFields: readonly Field[] = [
  { name: 'item', type: jsonb, nullable: true },
  { name: 'number', type: integer, nullable: true },
];

function constant(value: string): Expr {
  return { kind: 'constant', type: text, value };
}

/** Of equal names the first counts. */
function variablesObject(passing: JsonTable['passing'], variables: readonly Expr[]): Expr {
  const names = passing.map(({ name }) => name.name);
  const members = variables.flatMap((variable, index) =>
    names.indexOf(names[index]!) === index ? [constant(names[index]!), variable] : [],
  );
  const no: Expr = { kind: 'constant', type: { kind: 'boolean' }, value: false };
  return { kind: 'call', functionId: 'jsonObjectOf', args: [no, no, ...members], type: jsonb };
}

/** Columns and paths share one space of names. */
function checkNames(context: Context, { pathName, columns }: JsonTable): void {
  const known = new Set<string>();
  const check = (name: Identifier | undefined) => {
    if (name === undefined) return;
    if (known.has(name.name)) {
      const message = `duplicate JSON_TABLE column or path name: ${name.name}`;
      throw complain(context, name.span, message, { sqlState: '42712' });
    }
    known.add(name.name);
  };
  const checkAll = (list: readonly JsonTableColumn[]) => {
    for (const column of list) {
      check(column.kind === 'nested' ? column.pathName : column.name);
      if (column.kind === 'nested') checkAll(column.columns);
    }
  };
  check(pathName);
  checkAll(columns);
}

function columnValue(
  place: ExpressionPlace,
  column: Extract<JsonTableColumn, { kind: 'value' | 'exists' }>,
  passing: JsonTable['passing'],
  item: Expr,
  variables: readonly Expr[],
): Expr {
  const { context } = place;
  const { kind, name, typeName, format, path, span } = column;
  const type = resolveType(context, typeName);
  const isDocument =
    format !== undefined || column.wrapper !== undefined || column.quotes !== undefined;
  const isNested = type.kind === 'jsonb' || type.kind === 'array' || type.kind === 'record';
  const form = kind === 'exists' ? 'exists' : isDocument || isNested ? 'query' : 'value';
  const value = path ?? `$.${JSON.stringify(name.name)}`;
  const pathText: Expression = { kind: 'literal', literal: { type: 'string', value }, span };
  const { wrapper, quotes, onEmpty, onError } = column;
  const query: Omit<JsonQueryExpression, 'document'> = {
    kind: 'json-query',
    form,
    path: pathText,
    passing,
    ...(kind === 'exists'
      ? {}
      : { returning: { typeName, ...(format === undefined ? {} : { format }) } }),
    ...(wrapper === undefined ? {} : { wrapper }),
    ...(quotes === undefined ? {} : { quotes }),
    ...(onEmpty === undefined ? {} : { onEmpty }),
    ...(onError === undefined ? {} : { onError }),
    span,
  };
  const found = queryOf(place, query, item, variables);
  if (kind === 'value') return found;
  if (castId(found.type, type, 'explicit') === undefined) {
    const message = 'could not coerce ON ERROR expression (FALSE) to the RETURNING type';
    throw complain(context, typeName.span, message, { sqlState: '42804' });
  }
  return coerce(context, found, type, 'explicit');
}
