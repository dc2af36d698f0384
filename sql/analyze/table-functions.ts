import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import { isTableFunction, resolveTableFunction } from '../functions/table-functions.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { located, type Side } from '../plan/joins.ts';
import { constantsNode, flatMapNode, mapNode } from '../plan/nodes.ts';
import type { PlanNode, TableCall } from '../plan/physical.ts';
import type { CallExpression, FieldDefinition, FunctionTable } from '../syntax/ast.ts';
import { coerce, settled } from './coerce.ts';
import { type Context, complain, resolveType, unsupported } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { positional } from './named-arguments.ts';
import { fieldAt } from './nested.ts';
import { emptyScope } from './scope.ts';
import { writtenAt } from './written.ts';

/** A set-returning function in the select list. */
export function tableCallValue(place: ExpressionPlace, node: CallExpression): Expr {
  const { context, clause } = place;
  if (place.allowsRows !== true) {
    const message = `set-returning functions are not allowed in ${clause}`;
    throw complain(context, node.span, message, { sqlState: '0A000' });
  }
  const args = node.args.map((arg) => analyzeExpression(place, arg));
  const call = tableCall(context, node, args);
  if (recordFunctions.test(nameOf(node))) {
    const message = 'function returning record called in context that cannot accept type record';
    throw complain(context, node.span, message, { sqlState: '0A000' });
  }
  if (call.fields.length !== 1) {
    throw unsupported(context, node.span, `${nameOf(node)} as one value`);
  }
  return context.statement.tableCalls.add(call, node.span);
}

/**
 * A function in FROM: the rows of a table function, or the one row of another one. Several arrays
 * of unnest go side by side. A plan that reads columns before it in FROM is correlated.
 */
export function functionRows(
  context: Context,
  { call: written, rowsFrom = [], definition, ordinality = false }: FunctionTable,
): PlanNode {
  if (rowsFrom.length > 0) return sideBySide(context, [written, ...rowsFrom], ordinality);
  const call = positional(context, written);
  const place: ExpressionPlace = { context, scope: emptyScope, clause: 'functions in FROM' };
  const single: Side = { plan: constantsNode([], [[]]), columns: [] };
  const { subqueries } = context.statement;
  const name = nameOf(call);
  if (definition !== undefined) return recordRows(place, call, definition);
  if (recordFunctions.test(name)) {
    const message = 'a column definition list is required for functions returning "record"';
    throw complain(context, call.span, message, { sqlState: '42601' });
  }
  if (populating.test(name) && !ordinality) return populatedRows(place, call);
  if (!isTableFunction(name)) {
    const expr = settled(context, analyzeExpression(place, call));
    const side = subqueries.attached(single, [expr]);
    const first: Expr = { kind: 'constant', type: { kind: 'bigint' }, value: 1n };
    const outputs = [located(expr, side), ...(ordinality ? [first] : [])];
    return mapNode(side.plan, [name, 'ordinality'].slice(0, outputs.length), outputs);
  }
  return calledRows(
    context,
    [{ call, args: call.args.map((arg) => analyzeExpression(place, arg)) }],
    ordinality,
  );
}

interface GivenCall {
  readonly call: CallExpression;
  readonly args: readonly Expr[];
  /** The name of its one column, where that is not the function's own. */
  readonly column?: string;
}

/** The rows of table functions side by side. */
function calledRows(context: Context, given: readonly GivenCall[], ordinality: boolean): PlanNode {
  const { subqueries } = context.statement;
  const single: Side = { plan: constantsNode([], [[]]), columns: [] };
  const side = subqueries.attached(
    single,
    given.flatMap(({ args }) => args),
  );
  const calls = given.flatMap(({ call, args, column }) => {
    const over = args.map((arg) => located(arg, side));
    const sets = nameOf(call) === 'unnest' ? over.map((arg) => [arg]) : [over];
    const made = sets.map((some) => tableCall(context, call, some));
    if (column === undefined) return made;
    return made.map(({ fields: [field], ...rest }) => ({
      ...rest,
      fields: [{ ...field!, name: column }],
    }));
  });
  const plan = flatMapNode(side.plan, calls, ordinality);
  const first = side.plan.fields.length;
  const made = plan.fields.slice(first);
  const outputs = made.map(({ type }, index): Expr => {
    return { kind: 'column', index: first + index, type };
  });
  if (first === 0) return plan;
  return mapNode(
    plan,
    made.map((field) => field.name),
    outputs,
  );
}

/** ROWS FROM: a function that is none of tables gives one row. */
function sideBySide(
  context: Context,
  calls: readonly CallExpression[],
  ordinality: boolean,
): PlanNode {
  const place: ExpressionPlace = { context, scope: emptyScope, clause: 'functions in FROM' };
  const given = calls.map((written): GivenCall => {
    const call = positional(context, written);
    const name = nameOf(call);
    if (recordFunctions.test(name) || populating.test(name)) {
      throw unsupported(context, call.span, `${name} in ROWS FROM`);
    }
    if (isTableFunction(name)) {
      return { call, args: call.args.map((arg) => analyzeExpression(place, arg)) };
    }
    const value = settled(context, analyzeExpression(place, call));
    if (value.type.kind === 'array') throw unsupported(context, call.span, `${name} in ROWS FROM`);
    const { span } = call;
    const type: SqlType = { kind: 'array', element: value.type };
    const items: Expr = { kind: 'call', functionId: 'array', args: [value], type, span };
    return { call: writtenAt(span).call('unnest', []), args: [items], column: name };
  });
  return calledRows(context, given, ordinality);
}

const recordFunctions = /^jsonb?_to_record(set)?$/;

/** `jsonb_to_recordset(j) AS (a int, b text)`: an object's members as columns, of one or of each. */
function recordRows(
  place: ExpressionPlace,
  call: CallExpression,
  definition: readonly FieldDefinition[],
): PlanNode {
  const { context } = place;
  const found = recordFunctions.exec(nameOf(call));
  if (found === null) {
    const message = 'a column definition list is only allowed for functions returning "record"';
    throw complain(context, call.span, message, { sqlState: '42601' });
  }
  const [arg, ...more] = call.args.map((node) => analyzeExpression(place, node));
  if (arg === undefined || more.length > 0) {
    throw complain(context, call.span, `${nameOf(call)} takes one argument`, { sqlState: '42883' });
  }
  const fields = definition.map((field) => ({
    name: field.name.name,
    type: resolveType(context, field.typeName),
  }));
  const none: Expr = { kind: 'constant', type: { kind: 'record', fields }, value: null };
  return membersAsColumns(context, call, none, arg, found[1] !== undefined);
}

const populating = /^jsonb?_populate_record(set)?$/;

/** `jsonb_populate_recordset(base, j)`: the columns and what is absent in an object are the base's. */
function populatedRows(place: ExpressionPlace, call: CallExpression): PlanNode {
  const { context } = place;
  const [base, document, ...more] = call.args.map((node) => analyzeExpression(place, node));
  if (base === undefined || document === undefined || more.length > 0) {
    const message = `${nameOf(call)} takes two arguments`;
    throw complain(context, call.span, message, { sqlState: '42883' });
  }
  if (base.type.kind !== 'record') {
    const message = `the first argument of ${nameOf(call)} must be a row, not ${typeName(base.type)}`;
    throw complain(context, call.span, message, { sqlState: '42804' });
  }
  const isSet = populating.exec(nameOf(call))![1] !== undefined;
  return membersAsColumns(context, call, base, document, isSet);
}

/** The members of an object, or of each object of an array, as the fields of `base`. */
function membersAsColumns(
  context: Context,
  call: CallExpression,
  base: Expr,
  json: Expr,
  isSet: boolean,
): PlanNode {
  const { type } = base;
  const fields = type.kind === 'record' ? type.fields : [];
  const jsonb: SqlType = { kind: 'jsonb' };
  const document = coerce(context, json, jsonb, 'implicit');
  const single: Side = { plan: constantsNode([], [[]]), columns: [] };
  const side = context.statement.subqueries.attached(single, [base, document]);
  const over = located(document, side);
  const items = [{ name: 'value', type: jsonb, nullable: true }];
  const each = { functionId: 'jsonb_to_recordset:jsonb', args: [over], fields: items };
  const plan = isSet ? flatMapNode(side.plan, [each]) : side.plan;
  const value = isSet ? columnExpr(side.plan.fields.length, jsonb) : over;
  const row: Expr = {
    kind: 'call',
    functionId: 'jsonb_populate_record:anyrecord:jsonb',
    args: [located(base, side), value],
    type,
    span: call.span,
  };
  const outputs = fields.map((_, index) => fieldAt(context, row, index, call.span));
  return mapNode(
    plan,
    fields.map(({ name }) => name),
    outputs,
  );
}

function tableCall(context: Context, node: CallExpression, given: readonly Expr[]): TableCall {
  const name = nameOf(node);
  const resolved = resolveTableFunction(
    name,
    given.map(({ type }) => type),
  );
  if (resolved === undefined) {
    const shown = given.map(({ type }) => typeName(type)).join(', ');
    throw complain(context, node.span, `function ${name}(${shown}) does not exist`, {
      sqlState: '42883',
      hint: 'No function matches the given name and argument types.',
    });
  }
  const args = given.map((arg, index) => {
    const type: SqlType = resolved.args[index]!;
    return arg.type.kind === type.kind ? arg : coerce(context, arg, type, 'implicit');
  });
  return { functionId: resolved.id, args, fields: resolved.columns };
}

function nameOf({ name }: CallExpression): string {
  return name.parts.at(-1)!.name;
}
