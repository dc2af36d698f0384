import type {
  Expression,
  FrameBound,
  OrderItem,
  Query,
  WindowFrame,
  WindowSpec,
} from '../syntax/ast.ts';
import { literalKey } from './account.ts';
import {
  identifier,
  isTree,
  type Lowering,
  nowhere,
  part,
  parts,
  refused,
  type Tree,
  textOf,
  word,
} from './foreign-tree.ts';
import { binary, integer, interval, lowerCall, plainCall } from './lower-calls.ts';
import { lowerQuery } from './lower-queries.ts';
import { lowerType } from './lower-types.ts';
import { inOrder, isArithmetic, itemsOf } from './operator-order.ts';

/** An expression of a foreign tree in ours. Throws UNSUPPORTED for what it does not know. */
export function lowerExpression(lowering: Lowering, tree: Tree): Expression {
  if (isTree(tree.ast) || tree.type === 'select')
    return subquery('scalar', queryOf(lowering, tree));
  switch (tree.type) {
    case 'column_ref':
      return column(lowering, tree);
    case 'star':
      return { kind: 'star', relation: [], span: nowhere };
    case 'number':
    case 'bigint':
      return numberLiteral(lowering, tree.value);
    case 'single_quote_string':
    case 'string':
    case 'var_string':
    case 'double_quote_string':
      return stringLiteral(lowering, tree.value);
    case 'bool':
    case 'boolean':
      return literal({ type: 'boolean', value: tree.value === true });
    case 'null':
      return literal({ type: 'null' });
    case 'date':
    case 'time':
    case 'timestamp':
    case 'datetime':
      return typedLiteral(lowering, tree);
    case 'interval':
      return intervalLiteral(lowering, tree);
    case 'binary_expr':
      return lowerRow(lowering, tree);
    case 'unary_expr':
      return unary(lowering, tree);
    case 'function':
    case 'aggr_func':
    case 'window_func':
      return call(lowering, tree);
    case 'case':
      return caseExpression(lowering, tree);
    case 'cast':
      return cast(lowering, tree);
    case 'extract': {
      const args = part(tree, 'args');
      const source = lowerExpression(lowering, part(args, 'source'));
      const field = word(args.field);
      lowering.account.replaced([field], [literalKey(field)]);
      return plainCall('extract', [literal({ type: 'string', value: field }), source]);
    }
    case 'expr_list': {
      const items = parts(tree, 'value').map((item) => lowerExpression(lowering, item));
      if (items.length === 1) return items[0]!;
      lowering.account.replaced([], ['row']);
      return { kind: 'row', items, span: nowhere };
    }
    default:
      throw refused(`"${String(tree.type)}"`);
  }
}

type LiteralOf = Extract<Expression, { kind: 'literal' }>['literal'];

function literal(value: LiteralOf): Expression {
  return { kind: 'literal', literal: value, span: nowhere };
}

function column(lowering: Lowering, tree: Tree): Expression {
  const given = [tree.db, tree.schema, tree.table].filter(
    (value) => value !== null && value !== undefined && value !== '',
  );
  const relation = given.map((value) => identifier(lowering, value));
  if (tree.column === '*' || (isTree(tree.column) && textOf(tree.column) === '*')) {
    return { kind: 'star', relation, span: nowhere };
  }
  return { kind: 'column', parts: [...relation, identifier(lowering, tree.column)], span: nowhere };
}

export function numberLiteral({ placeholders }: Lowering, value: unknown): Expression {
  const isNegative = String(value).startsWith('-');
  const token = placeholders.token(String(value).replace('-', ''));
  if (token?.kind !== 'number') throw refused('such a number');
  const type = /^\d+$/.test(token.text) ? 'integer' : 'decimal';
  const plain = literal({ type, text: token.text });
  return isNegative ? { kind: 'unary', operator: '-', operand: plain, span: nowhere } : plain;
}

function stringLiteral({ placeholders }: Lowering, value: unknown): Expression {
  const token = placeholders.token(value);
  if (token?.kind !== 'string') throw refused('such a string');
  return literal({ type: 'string', value: token.text });
}

function typedLiteral(lowering: Lowering, tree: Tree): Expression {
  const token = lowering.placeholders.token(tree.value);
  if (token?.kind !== 'string') throw refused('such a constant');
  const typeName = lowerType(lowering, { dataType: tree.type });
  return literal({ type: 'typed', typeName, value: token.text });
}

/** `INTERVAL 1 DAY`, `INTERVAL '1' DAY`, `INTERVAL '1 day'`. */
function intervalLiteral({ account, placeholders }: Lowering, tree: Tree): Expression {
  const token = placeholders.token(part(tree, 'expr').value);
  if (token === undefined) throw refused('an INTERVAL of no constant');
  const unit = word(tree.unit);
  if (unit === '') return interval(token.text);
  const value = `${token.text} ${unit}`;
  account.replaced([literalKey(token.text), unit], [literalKey(value)]);
  return interval(value);
}

/** Operators that our tree has by the same name. */
const same = new Set([
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '%',
  '|',
  '&',
  'and',
  'or',
  '||',
]);

function lowerRow(lowering: Lowering, tree: Tree): Expression {
  return inOrder<Expression>(itemsOf(tree), {
    operand: (operand) => lowerExpression(lowering, operand),
    not: negation,
    binary: (operator, left, right) => lowerBinary(lowering, operator, left, right),
    test: (operand, test) => lowerTest(lowering, operand, test),
  });
}

function negation(operand: Expression): Expression {
  return { kind: 'unary', operator: 'not', operand, span: nowhere };
}

/** `operand IS ...`, `IN ...`, `BETWEEN ...`. */
function lowerTest(lowering: Lowering, operand: Expression, tree: Tree): Expression {
  const operator = word(tree.operator);
  const negated = operator.includes('not');
  const right = part(tree, 'right');
  if (operator.startsWith('is')) return isTest(operand, negated, right);
  const items = parts(right, 'value');
  if (operator.endsWith('between')) {
    if (!items.every(isArithmetic)) throw refused('BETWEEN with such bounds');
    const [low, high] = items.map((item) => lowerExpression(lowering, item));
    return {
      kind: 'between',
      negated,
      symmetric: false,
      operand,
      low: low!,
      high: high!,
      span: nowhere,
    };
  }
  const [only] = items;
  const isQuery = only !== undefined && (isTree(only.ast) || only.type === 'select');
  const list = isQuery
    ? queryOf(lowering, only)
    : items.map((item) => lowerExpression(lowering, item));
  return { kind: 'in', negated, operand, list, span: nowhere };
}

function lowerBinary(
  lowering: Lowering,
  operator: string,
  left: Expression,
  right: Expression,
): Expression {
  const { account, traits } = lowering;
  const negated = operator.startsWith('not ');
  switch (negated ? operator.slice(4) : operator) {
    case 'like':
    case 'ilike': {
      const flavour = operator.endsWith('ilike') ? 'ilike' : 'like';
      return { kind: 'like', negated, flavour, operand: left, pattern: right, span: nowhere };
    }
    case 'regexp':
    case 'rlike': {
      // Without regard to case, as the usual collations have it.
      const sign = negated ? '!~*' : '~*';
      account.replaced(operator.split(' '), [sign]);
      return binary(left, sign, right);
    }
    case '&&':
      return binary(left, 'and', right);
    case '||':
      if (traits.barsAreOr) throw refused('|| (write OR or concat)');
      break;
    case '!=':
      return binary(left, '<>', right);
    case 'mod':
      account.replaced(['mod'], ['%']);
      return binary(left, '%', divisor(lowering, right));
    case '%':
      return binary(left, '%', divisor(lowering, right));
    case 'div':
      account.replaced(['div'], ['/', 'trunc']);
      return plainCall('trunc', [quotient(lowering, left, right)]);
    case '/':
      return quotient(lowering, left, right);
  }
  if (!same.has(operator)) throw refused(`operator ${operator}`);
  return binary(left, operator, right);
}

/** Of two whole numbers a fraction, where the dialect has it so: the dividend becomes a decimal. */
function quotient(lowering: Lowering, left: Expression, right: Expression): Expression {
  const { account, traits } = lowering;
  const by = divisor(lowering, right);
  if (traits.division === 'whole') return binary(left, '/', by);
  account.replaced([], ['*', literalKey('1.0')]);
  const decimal = literal({ type: 'decimal', text: '1.0' });
  return binary(binary(left, '*', decimal), '/', by);
}

function divisor({ account, traits }: Lowering, right: Expression): Expression {
  if (!traits.zeroDividesToNull) return right;
  account.replaced([], ['nullif', literalKey('0')]);
  return plainCall('nullif', [right, integer('0')]);
}

function isTest(operand: Expression, negated: boolean, right: Tree): Expression {
  const test =
    right.type === 'null'
      ? 'null'
      : right.value === true
        ? 'true'
        : right.value === false
          ? 'false'
          : undefined;
  if (test === undefined) throw refused('IS with such a value');
  return { kind: 'is', test, negated, operand, span: nowhere };
}

function unary(lowering: Lowering, tree: Tree): Expression {
  const operator = word(tree.operator);
  if (operator === 'not') return lowerRow(lowering, tree);
  const inner = part(tree, 'expr');
  if (operator === 'exists' || operator === 'not exists') {
    const found = subquery('exists', queryOf(lowering, inner));
    return operator === 'exists'
      ? found
      : { kind: 'unary', operator: 'not', operand: found, span: nowhere };
  }
  const operand = lowerExpression(lowering, inner);
  if (operator === '!') lowering.account.replaced(['!'], ['not']);
  const plain = operator === '!' ? 'not' : operator;
  if (plain !== '-' && plain !== '+' && plain !== 'not' && plain !== '~')
    throw refused(`operator ${operator}`);
  return { kind: 'unary', operator: plain, operand, span: nowhere };
}

function subquery(form: 'scalar' | 'exists', query: Query): Expression {
  return { kind: 'subquery', form, query, span: nowhere };
}

export function queryOf(lowering: Lowering, tree: Tree): Query {
  if (tree.type === 'select') return lowerQuery(lowering, tree);
  if (isTree(tree.ast)) return lowerQuery(lowering, tree.ast);
  if (isTree(tree.expr)) return queryOf(lowering, tree.expr);
  throw refused('such a subquery');
}

function caseExpression(lowering: Lowering, tree: Tree): Expression {
  const operand = isTree(tree.expr) ? { operand: lowerExpression(lowering, tree.expr) } : {};
  const args = parts(tree, 'args');
  const branches = args
    .filter(({ type }) => type === 'when')
    .map((branch) => ({
      when: lowerExpression(lowering, part(branch, 'cond')),
      then: lowerExpression(lowering, part(branch, 'result')),
    }));
  const last = args.find(({ type }) => type === 'else');
  const otherwise =
    last === undefined ? {} : { otherwise: lowerExpression(lowering, part(last, 'result')) };
  return { kind: 'case', ...operand, branches, ...otherwise, span: nowhere };
}

function cast(lowering: Lowering, tree: Tree): Expression {
  if (word(tree.keyword) !== 'cast') throw refused(`${String(tree.keyword)}`);
  if (tree.symbol === '::') lowering.account.replaced(['::'], ['cast']);
  const { target } = tree;
  const types = Array.isArray(target) ? parts(tree, 'target') : [part(tree, 'target')];
  const operand = lowerExpression(lowering, part(tree, 'expr'));
  return types.reduce<Expression>(
    (inner, type) => ({
      kind: 'cast',
      operand: inner,
      typeName: lowerType(lowering, type),
      span: nowhere,
    }),
    operand,
  );
}

// ---- calls ---------------------------------------------------------------------------------------

function call(lowering: Lowering, tree: Tree): Expression {
  const given = callName(tree);
  const list = isTree(tree.args) ? tree.args : { type: 'expr_list', value: [] };
  const isList = list.type === 'expr_list';
  const trees = isList ? parts(list, 'value') : isTree(list.expr) ? [list.expr] : [list];
  // `NOT (a)` comes as a call.
  if (given === 'not' && trees.length === 1) return negation(lowerExpression(lowering, trees[0]!));
  if (given === 'exists') return subquery('exists', queryOf(lowering, trees[0]!));
  const args = trees.map((item) => lowerArgument(lowering, given, item));
  if (given === 'convert' && trees[1]?.type === 'datatype') {
    lowering.account.replaced(['convert'], ['cast']);
    return {
      kind: 'cast',
      operand: args[0]!,
      typeName: lowerType(lowering, trees[1]),
      span: nowhere,
    };
  }
  const star = args.some(({ kind }) => kind === 'star');
  const separator = separatorOf(lowering, given, list);
  const plain = lowerCall(lowering, given, star ? [] : [...args, ...separator], trees);
  if (plain.kind !== 'call') return plain;
  const orderBy = lowerOrder(lowering, isList ? [] : parts(list, 'orderby'));
  const distinct = word(list.distinct) === 'distinct';
  const over = isTree(tree.over) ? { over: window(lowering, tree.over) } : {};
  return { ...plain, star, distinct, orderBy, ...over };
}

/** A unit as DATEADD's first argument and a type as CONVERT's second are no expressions. */
function lowerArgument(lowering: Lowering, given: string, tree: Tree): Expression {
  if (tree.type === 'datatype' || (given === 'dateadd' && tree.type === 'column_ref')) {
    return tree.type === 'datatype' ? integer('0') : column(lowering, tree);
  }
  return lowerExpression(lowering, tree);
}

/** GROUP_CONCAT's, which is a comma when it does not say. */
function separatorOf(lowering: Lowering, given: string, list: Tree): Expression[] {
  if (given !== 'group_concat') return [];
  if (!isTree(list.separator)) {
    if (list.type === 'expr_list' && parts(list, 'value').length > 1) return [];
    lowering.account.replaced([], [literalKey(',')]);
    return [literal({ type: 'string', value: ',' })];
  }
  const { value } = list.separator;
  lowering.account.replaced(['separator'], []);
  return [isTree(value) ? lowerExpression(lowering, value) : stringLiteral(lowering, value)];
}

function callName(tree: Tree): string {
  const { name } = tree;
  if (typeof name === 'string') return name.toLowerCase();
  if (!isTree(name)) throw refused('such a call');
  const names = [...(isTree(name.schema) ? [name.schema] : []), ...parts(name, 'name')];
  if (names.length !== 1) throw refused('a qualified function name');
  return textOf(names[0]).toLowerCase();
}

// ---- windows and order ---------------------------------------------------------------------------

function window(lowering: Lowering, over: Tree): WindowSpec {
  const outer = isTree(over.as_window_specification) ? over.as_window_specification : over;
  const spec = isTree(outer.window_specification) ? outer.window_specification : outer;
  if (typeof over.as_window_specification === 'string' || spec.name)
    throw refused('a named window');
  const partitionBy = parts(spec, 'partitionby').map((item) =>
    lowerExpression(lowering, isTree(item.expr) ? item.expr : item),
  );
  const clause = spec.window_frame_clause;
  return {
    partitionBy,
    orderBy: lowerOrder(lowering, parts(spec, 'orderby')),
    ...(isTree(clause) ? { frame: frame(lowering, clause) } : {}),
    span: nowhere,
  };
}

function frame(lowering: Lowering, clause: Tree): WindowFrame {
  const mode = clause.type === 'binary_expr' ? word(part(clause, 'left').value) : '';
  if (mode !== 'rows' && mode !== 'range') throw refused('such a frame');
  const [start, end] = parts(part(clause, 'right'), 'value').map(({ value }) =>
    frameBound(lowering, word(value)),
  );
  if (start === undefined || end === undefined) throw refused('such a frame');
  return { mode, start, end, exclude: 'none', span: nowhere };
}

function frameBound(lowering: Lowering, text: string): FrameBound {
  if (text === 'current row' || text === 'unbounded preceding' || text === 'unbounded following') {
    return { kind: text, span: nowhere };
  }
  const [, count, kind] = /^(\d+) (preceding|following)$/.exec(text) ?? [];
  if (kind === undefined) throw refused(`frame bound ${text}`);
  const offset = numberLiteral(lowering, count);
  return { kind: kind as 'preceding' | 'following', offset, span: nowhere };
}

/** Says where NULLs come where the dialect has it otherwise than PostgreSQL: last, or first in DESC. */
export function lowerOrder(lowering: Lowering, items: readonly Tree[]): OrderItem[] {
  const { traits, account } = lowering;
  return items.map((item) => {
    const descending = word(item.type) === 'desc';
    const given = word(item.nulls);
    const expression = lowerExpression(lowering, part(item, 'expr'));
    let nullsFirst = given === '' ? undefined : given.endsWith('first');
    const byDefault = descending ? traits.nullsFirst.descending : traits.nullsFirst.ascending;
    if (nullsFirst === undefined && byDefault !== descending) {
      nullsFirst = byDefault;
      account.replaced([], ['nulls', byDefault ? 'first' : 'last']);
    }
    return { expression, descending, nullsFirst, span: nowhere };
  });
}
