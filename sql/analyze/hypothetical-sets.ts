import type { CallExpression, Expression, OrderItem } from '../syntax/ast.ts';
import { columnsRead, unknown } from './aggregates.ts';
import { coerceAll } from './coerce.ts';
import { complain } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { columnsIn } from './scope.ts';
import { type Written, writtenAt } from './written.ts';

const names: ReadonlySet<string> = new Set(['rank', 'dense_rank', 'percent_rank', 'cume_dist']);

/** `rank(5) WITHIN GROUP (ORDER BY x)`; behind OVER the same names are window functions. */
export function isHypotheticalSet(node: CallExpression): boolean {
  return node.withinGroup === true && names.has(node.name.parts.at(-1)!.name);
}

/**
 * Where a row that has the arguments as sort keys would stand among the rows (PostgreSQL's
 * documentation, 9.21, hypothetical-set aggregates): counts of rows before it, so that no rows are
 * kept for it. With b the rows that sort before it, p its peers and n all rows,
 *
 *   rank = 1 + b    dense_rank = 1 + different b    percent_rank = b / n    cume_dist = (b + p + 1) / (n + 1)
 *
 * and percent_rank of no rows is 0.
 */
export function hypotheticalSet(place: ExpressionPlace, node: CallExpression): Expression {
  check(place, node);
  const { span } = node;
  const at = writtenAt(span);
  const keys = node.orderBy.map((item, index) => ({ item, value: node.args[index]! }));
  const before = keys
    .map(({ item, value }, index) =>
      keys
        .slice(0, index)
        .map((earlier) => isPeer(at, earlier.item, earlier.value))
        .concat(sortsBefore(at, item, value))
        .reduce((all, part) => at.binary('and', all, part)),
    )
    .reduce((some, part) => at.binary('or', some, part));
  const count = (filter?: Expression) =>
    countOf(at, filter === undefined ? node.filter : both(filter));
  const both = (filter: Expression) =>
    node.filter === undefined ? filter : at.binary('and', node.filter, filter);
  const double = (operand: Expression) => at.cast(operand, 'double precision');
  switch (node.name.parts.at(-1)!.name) {
    case 'rank':
      return at.binary('+', at.integer(1), count(before));
    case 'dense_rank': {
      const row = at.row(node.orderBy.map(({ expression }) => expression));
      return at.binary('+', at.integer(1), countOf(at, both(before), row));
    }
    case 'percent_rank': {
      const some = at.call('nullif', [count(), at.integer(0)]);
      const share = at.binary('/', double(count(before)), double(some));
      return at.call('coalesce', [share, double(at.integer(0))]);
    }
    default: {
      const peers = keys
        .map(({ item, value }) => isPeer(at, item, value))
        .reduce((all, part) => at.binary('and', all, part));
      const upTo = at.binary('+', at.integer(1), count(at.binary('or', before, peers)));
      return at.binary('/', double(upTo), double(at.binary('+', at.integer(1), count())));
    }
  }
}

function check(place: ExpressionPlace, node: CallExpression): void {
  const { context, scope } = place;
  const inside: ExpressionPlace = { context, scope, clause: 'an aggregate' };
  const given = node.args.map((arg) => analyzeExpression(inside, arg));
  const keys = node.orderBy.map(({ expression }) => analyzeExpression(inside, expression));
  if (node.star || given.length !== keys.length) throw unknown(context, node, [...given, ...keys]);
  for (const [index, key] of keys.entries()) {
    coerceAll(context, [given[index]!, key], 'WITHIN GROUP');
  }
  const own = columnsIn(scope);
  if (!columnsRead(context, given).some((column) => own.has(column))) return;
  throw complain(
    context,
    node.span,
    'an argument before WITHIN GROUP that reads columns of the same query is not supported yet',
    { code: 'UNSUPPORTED', sqlState: '0A000' },
  );
}

/** Of rows, or of different values. */
function countOf(at: Written, filter: Expression | undefined, value?: Expression): Expression {
  return {
    ...at.call('count', value === undefined ? [] : [value]),
    star: value === undefined,
    distinct: value !== undefined,
    ...(filter === undefined ? {} : { filter }),
  };
}

function isPeer(at: Written, { expression }: OrderItem, value: Expression): Expression {
  return at.isSame(expression, value);
}

/** Where it is not true it is false or NULL, and `and`, `or` and FILTER take both alike. */
function sortsBefore(at: Written, item: OrderItem, value: Expression): Expression {
  const { expression, descending } = item;
  const nullsFirst = item.nullsFirst ?? descending;
  const isLess = at.binary(descending ? '>' : '<', expression, value);
  const [first, second] = nullsFirst ? [expression, value] : [value, expression];
  const byNull = at.binary('and', at.isNull(first), at.isNull(second, true));
  return at.binary('or', isLess, byNull);
}
