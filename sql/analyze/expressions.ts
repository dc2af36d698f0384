import { decimalFromLiteral } from '../columns/decimal.ts';
import { int64Max } from '../columns/i64.ts';
import { intervalFromText } from '../columns/interval.ts';
import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import { isAggregateName } from '../functions/aggregates.ts';
import { candidates, resolveFunction } from '../functions/resolve.ts';
import { isTableFunction } from '../functions/table-functions.ts';
import { isWindowName } from '../functions/window-functions.ts';
import type { Expr } from '../plan/expr.ts';
import type {
  BetweenExpression,
  BinaryExpression,
  CallExpression,
  CaseExpression,
  ColumnExpression,
  Expression,
  InExpression,
  IsExpression,
  LikeExpression,
  LiteralExpression,
  Span,
} from '../syntax/ast.ts';
import { type Aggregates, aggregateCall, misplaced } from './aggregates.ts';
import { clockCall, isClockCall } from './clock-calls.ts';
import { asBoolean, coerce, coerceAll, typedConstant } from './coerce.ts';
import { type Context, complain, resolveType } from './context.ts';
import { hypotheticalSet, isHypotheticalSet } from './hypothetical-sets.ts';
import { jsonAggregate, jsonConstructor } from './json-constructors.ts';
import { jsonQuery } from './json-queries.ts';
import { positional, strayName } from './named-arguments.ts';
import { arrayConstructor, field, quantified, rowConstructor, subscript } from './nested.ts';
import { applied, call, isRow, operator, rowsDistinct } from './operators.ts';
import { noParameter } from './parameters.ts';
import { findColumn, findRelation, type Scope } from './scope.ts';
import { callSqlFunction } from './sql-functions.ts';
import { analyzeSubquery, inSubquery, rowAndSubquery } from './subqueries.ts';
import { tableCallValue } from './table-functions.ts';
import { relationNamed, starValue, wholeRow } from './whole-rows.ts';

const boolean: SqlType = { kind: 'boolean' };

/** What the place of an expression decides. */
export interface ExpressionPlace {
  readonly context: Context;
  readonly scope: Scope;
  /** Absent where aggregates and GROUPING may not stand. */
  readonly aggregates?: Aggregates;
  /** Set-returning functions may stand here. */
  readonly allowsRows?: boolean;
  /** Takes a call with OVER; absent where window functions may not stand. */
  readonly window?: (call: CallExpression) => Expr;
  /** For the message, e.g. `WHERE`. */
  readonly clause: string;
}

/** Types an expression; every implicit cast becomes explicit. May return type `unknown`. */
export function analyzeExpression(place: ExpressionPlace, node: Expression): Expr {
  const { context } = place;
  switch (node.kind) {
    case 'literal':
      return literal(context, node);
    case 'column':
      return columnOrRow(place, node);
    case 'unary': {
      const operand = analyzeExpression(place, node.operand);
      if (node.operator === 'not') {
        return call('not', [asBoolean(context, operand, 'NOT')], boolean, node.span);
      }
      const negative = node.operator === '-' ? negativeLiteral(node.operand, node.span) : undefined;
      if (negative !== undefined) return negative;
      return operator(context, node.operator, [operand], node.span, node.span);
    }
    case 'binary':
      return binary(place, node);
    case 'is':
      return isTest(place, node);
    case 'between':
      return between(place, node);
    case 'in':
      return inList(place, node);
    case 'like':
      return like(place, node);
    case 'case':
      return caseExpression(place, node);
    case 'cast': {
      const type = resolveType(context, node.typeName);
      // ARRAY[...]::type[]: the items are cast, and there may be none.
      const isArray = node.operand.kind === 'array' && type.kind === 'array';
      const operand = isArray
        ? arrayConstructor(place, node.operand, type.element)
        : analyzeExpression(place, node.operand);
      return { ...coerce(context, operand, type, 'explicit'), span: node.span };
    }
    case 'named':
      throw strayName(place.context, node);
    case 'call':
      if (node.json !== undefined) return jsonAggregate(place, node, node.json);
      return functionCall(place, node);
    case 'json-query':
      return jsonQuery(place, node);
    case 'json-constructor':
      return jsonConstructor(place, node);
    case 'star':
      return starValue(place, node);
    case 'parameter':
      if (context.parameters === undefined) throw noParameter(context, node);
      return context.parameters.expression(context, node);
    case 'subquery':
      return analyzeSubquery(place, node);
    case 'array':
      return arrayConstructor(place, node);
    case 'row':
      return rowConstructor(place, node);
    case 'quantified':
      return quantified(place, node);
    case 'subscript':
      return subscript(place, node);
    case 'field':
      return field(place, node);
  }
}

/** A column; where there is none of the name, the row of the relation that has it. */
function columnOrRow(place: ExpressionPlace, node: ColumnExpression): Expr {
  const { context, scope } = place;
  const relation = relationNamed(place, node);
  if (relation !== undefined) {
    return wholeRow(findRelation(context, scope, relation.name)!, node.span);
  }
  const { field: _, ...column } = findColumn(context, scope, node);
  return column;
}

function literal(context: Context, { literal: value, span }: LiteralExpression): Expr {
  switch (value.type) {
    case 'null':
      return { kind: 'constant', type: { kind: 'unknown' }, value: null, span };
    case 'boolean':
      return { kind: 'constant', type: boolean, value: value.value, span };
    case 'string':
      return { kind: 'constant', type: { kind: 'unknown' }, value: value.value, span };
    case 'integer':
      return number(BigInt(value.text), span) ?? numeric(context, value.text, span);
    case 'decimal':
      return numeric(context, value.text, span);
    case 'typed': {
      const type = resolveType(context, value.typeName);
      if (type.kind !== 'interval' || value.fields === undefined) {
        return typedConstant(context, value.value, type, span);
      }
      return { kind: 'constant', type, value: intervalFromText(value.value, value.fields), span };
    }
  }
}

/** integer where it fits, else bigint, else `undefined`. */
function number(value: bigint, span: Span): Expr | undefined {
  if (value >= -(2n ** 31n) && value < 2n ** 31n) {
    return { kind: 'constant', type: { kind: 'integer' }, value: Number(value), span };
  }
  if (value > int64Max || value < -int64Max - 1n) return undefined;
  return { kind: 'constant', type: { kind: 'bigint' }, value, span };
}

function numeric(context: Context, text: string, span: Span): Expr {
  const value = decimalFromLiteral(text);
  if (value === undefined) {
    throw complain(context, span, `"${text}" is not a number`, { sqlState: '42601' });
  }
  return { kind: 'constant', type: { kind: 'numeric' }, value, span };
}

/** `-5` as a constant: shorter plans, and the smallest integers stay integers. */
function negativeLiteral(operand: Expression, span: Span): Expr | undefined {
  if (operand.kind !== 'literal' || operand.literal.type !== 'integer') return undefined;
  // PostgreSQL's grammar negates the digits before it gives them a type.
  return number(-BigInt(operand.literal.text), span);
}

function binary(place: ExpressionPlace, node: BinaryExpression): Expr {
  const { context } = place;
  if (node.left.kind === 'row' && node.right.kind === 'subquery' && node.right.form === 'scalar') {
    return rowAndSubquery(place, node, node.left, node.right);
  }
  const left = analyzeExpression(place, node.left);
  const right = analyzeExpression(place, node.right);
  if (node.operator === 'and' || node.operator === 'or') {
    const where = node.operator.toUpperCase();
    const args = [left, right].map((arg) => asBoolean(context, arg, where));
    return call(node.operator, args, boolean, node.span);
  }
  return operator(context, node.operator, [left, right], node.operatorSpan, node.span);
}

function isTest(place: ExpressionPlace, node: IsExpression): Expr {
  const { context } = place;
  const operand = analyzeExpression(place, node.operand);
  let test: Expr;
  switch (node.test) {
    case 'null': {
      if (operand.type.kind === 'record') return rowIsNull(operand, node);
      test = call('isNull', [operand], boolean, node.span);
      break;
    }
    case 'unknown':
      test = call('isNull', [asBoolean(context, operand, 'IS UNKNOWN')], boolean, node.span);
      break;
    case 'true':
      test = call('isTrue', [asBoolean(context, operand, 'IS TRUE')], boolean, node.span);
      break;
    case 'false':
      test = call('isFalse', [asBoolean(context, operand, 'IS FALSE')], boolean, node.span);
      break;
    case 'json':
      test = jsonTest(context, operand, node);
      break;
    case 'distinct': {
      const right = analyzeExpression(place, node.right!);
      if (isRow(operand) && isRow(right)) {
        test = rowsDistinct(context, operand, right, node.span);
        break;
      }
      const args = coerceAll(context, [operand, right], 'IS DISTINCT FROM');
      test = call('isDistinct', args, boolean, node.span);
    }
  }
  return node.negated ? call('not', [test], boolean, node.span) : test;
}

function jsonTest(context: Context, operand: Expr, { json, span }: IsExpression): Expr {
  const { kind } = operand.type;
  if (!['unknown', 'text', 'varchar', 'char', 'jsonb', 'bytea'].includes(kind)) {
    const message = `cannot use type ${typeName(operand.type)} in IS JSON predicate`;
    throw complain(context, operand.span ?? span, message, { sqlState: '42804' });
  }
  const text: SqlType = { kind: 'text' };
  const source =
    kind === 'bytea'
      ? operand
      : coerce(context, operand, text, kind === 'jsonb' ? 'explicit' : 'implicit');
  const type: Expr = { kind: 'constant', type: text, value: json!.type };
  const unique: Expr = { kind: 'constant', type: boolean, value: json!.hasUniqueKeys };
  const from = kind === 'bytea' ? 'bytea' : 'text';
  return call(`is_json:${from}:text:boolean`, [source, type, unique], boolean, span);
}

/** A row IS NULL when all its fields are, and IS NOT NULL when none is. */
function rowIsNull(operand: Expr, { negated, span }: IsExpression): Expr {
  return call(negated ? 'rowIsNotNull' : 'rowIsNull', [operand], boolean, span);
}

function between(place: ExpressionPlace, node: BetweenExpression): Expr {
  const { context } = place;
  const [operand, low, high] = [node.operand, node.low, node.high].map((part) =>
    analyzeExpression(place, part),
  ) as [Expr, Expr, Expr];
  const compare = (symbol: string, a: Expr, b: Expr) =>
    operator(context, symbol, [a, b], node.span, node.span);
  const within = (from: Expr, to: Expr) =>
    call('and', [compare('>=', operand, from), compare('<=', operand, to)], boolean, node.span);
  let test = within(low, high);
  if (node.symmetric) test = call('or', [test, within(high, low)], boolean, node.span);
  return node.negated ? call('not', [test], boolean, node.span) : test;
}

function inList(place: ExpressionPlace, node: InExpression): Expr {
  const { context } = place;
  if ('kind' in node.list) {
    const test = inSubquery(place, node.operand, node.list, node.span);
    return node.negated ? call('not', [test], boolean, node.span) : test;
  }
  const operand = analyzeExpression(place, node.operand);
  const items = node.list.map((item) => analyzeExpression(place, item));
  const [left, ...rights] = coerceAll(context, [operand, ...items], 'IN') as [Expr, ...Expr[]];
  const tests = rights.map((right) => operator(context, '=', [left, right], node.span, node.span));
  const test = tests.length === 1 ? tests[0]! : call('or', tests, boolean, node.span);
  return node.negated ? call('not', [test], boolean, node.span) : test;
}

function like(place: ExpressionPlace, node: LikeExpression): Expr {
  const { context } = place;
  const parts = [node.operand, node.pattern, ...(node.escape === undefined ? [] : [node.escape])];
  const args = parts.map((part) => {
    const expr = analyzeExpression(place, part);
    // The blanks of a char(n) count here.
    if (expr.type.kind === 'char') {
      return call('output:char:text', [expr], { kind: 'text' }, part.span);
    }
    return coerce(context, expr, { kind: 'text' }, 'implicit');
  });
  const test = call(node.flavour, args, boolean, node.span);
  return node.negated ? call('not', [test], boolean, node.span) : test;
}

function caseExpression(place: ExpressionPlace, node: CaseExpression): Expr {
  const { context } = place;
  const operand = node.operand === undefined ? undefined : analyzeExpression(place, node.operand);
  const whens = node.branches.map(({ when }) => {
    const condition = analyzeExpression(place, when);
    if (operand === undefined) return asBoolean(context, condition, 'CASE/WHEN');
    return operator(context, '=', [operand, condition], when.span, when.span);
  });
  const otherwise: Expr =
    node.otherwise === undefined
      ? { kind: 'constant', type: { kind: 'unknown' }, value: null, span: node.span }
      : analyzeExpression(place, node.otherwise);
  const results = node.branches.map(({ then }) => analyzeExpression(place, then));
  const coerced = coerceAll(context, [...results, otherwise], 'CASE');
  const branches = whens.map((when, index) => ({ when, then: coerced[index]! }));
  const last = coerced.at(-1)!;
  return { kind: 'case', branches, otherwise: last, type: last.type, span: node.span };
}

const sameTyped = new Set(['coalesce', 'greatest', 'least']);

function functionCall(place: ExpressionPlace, written: CallExpression): Expr {
  const { context } = place;
  const node = positional(context, written);
  const name = node.name.parts.at(-1)!.name;
  if (node.over !== undefined) {
    if (place.window !== undefined) return place.window(node);
    const isInAggregate = place.clause === 'an aggregate';
    const message = isInAggregate
      ? 'aggregate function calls cannot contain window function calls'
      : place.clause === 'a window function'
        ? 'window function calls cannot be nested'
        : `window functions are not allowed in ${place.clause}`;
    throw complain(context, node.span, message, { sqlState: isInAggregate ? '42803' : '42P20' });
  }
  if (isHypotheticalSet(node)) return analyzeExpression(place, hypotheticalSet(place, node));
  if (isAggregateName(name)) return aggregateCall(place, node);
  if (name === 'grouping') {
    if (place.aggregates === undefined) throw misplaced(context, node, place.clause);
    return place.aggregates.grouping(node);
  }
  if (isWindowName(name)) {
    throw complain(context, node.span, `window function ${name} requires an OVER clause`, {
      sqlState: '42809',
    });
  }
  if (node.star && !isClockCall(name) && resolveFunction(name, []) === undefined) {
    throw noFunction(context, name, [], node.span);
  }
  if (node.star || node.distinct || node.filter !== undefined || node.orderBy.length > 0) {
    throw complain(context, node.span, `${name} is not an aggregate function`, {
      sqlState: '42809',
    });
  }
  if (isTableFunction(name)) return tableCallValue(place, node);
  const args = node.args.map((arg) => analyzeExpression(place, arg));
  if (isClockCall(name)) return clockCall(context, name, args, node.span);
  if (sameTyped.has(name)) {
    const coerced = coerceAll(context, args, name.toUpperCase());
    return call(name, coerced, coerced[0]!.type, node.span);
  }
  if (name === 'nullif' && args.length === 2) {
    const coerced = coerceAll(context, args, 'NULLIF');
    return call('nullif', coerced, coerced[0]!.type, node.span);
  }
  const resolved = resolveFunction(
    name,
    args.map((arg) => arg.type),
  );
  if (resolved === undefined) {
    const own = callSqlFunction(context, name, args, node.span);
    if (own !== undefined) return own;
    throw noFunction(context, name, args, node.span);
  }
  return applied(context, resolved, args, node.span);
}

function noFunction(context: Context, name: string, args: readonly Expr[], span: Span) {
  const known = candidates(name);
  return complain(
    context,
    span,
    `function ${name}(${args.map(({ type }) => typeName(type)).join(', ')}) does not exist`,
    {
      sqlState: '42883',
      hint:
        known.length === 0
          ? 'No function matches the given name.'
          : `There is ${known.join(', ')}. You might need to add explicit type casts.`,
    },
  );
}
