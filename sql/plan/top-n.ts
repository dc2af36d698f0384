import type { SqlType, SqlValue } from '../columns/types.ts';
import type { Expr } from './expr.ts';
import { conjunction, conjunctsOf } from './expr-tools.ts';
import { bottomUp, mapNode, topNNode } from './nodes.ts';
import type { MapNode, PlanNode, TopNNode, WindowNode } from './physical.ts';

const rankings: readonly string[] = ['row_number', 'rank', 'dense_rank'];

/**
 * TopN: a filter that bounds a rank from above needs the first rows of each partition alone.
 * `WHERE rn <= 3`, `rn < 4`, `3 >= rn` and `rn = 1` over row_number, rank or dense_rank become a
 * TopN; the rank stays a column for whoever uses it. A window with more calls than the rank is
 * left as it is: the others see the whole partition.
 */
export function recognizeTopN(root: PlanNode): PlanNode {
  return bottomUp(root, withTopN);
}

function withTopN(over: PlanNode): PlanNode {
  if (over.kind !== 'map' || over.filter === undefined || over.input.kind !== 'window') return over;
  const window = over.input;
  const [call, ...others] = window.calls;
  if (call === undefined || others.length > 0 || !rankings.includes(call.functionId)) return over;
  return bounded(over, over.filter, window, call.functionId as TopNNode['ranking']) ?? over;
}

function bounded(
  map: MapNode,
  filter: Expr,
  window: WindowNode,
  ranking: TopNNode['ranking'],
): PlanNode | undefined {
  const rank = window.input.fields.length;
  let limit = Number.POSITIVE_INFINITY;
  const rest = conjunctsOf(filter).filter((condition) => {
    const bound = upperBound(condition, rank);
    if (bound === undefined) return true;
    limit = Math.min(limit, bound.limit);
    // `rn = 2` still has to leave out the first one.
    return !bound.isWhole;
  });
  if (limit === Number.POSITIVE_INFINITY) return undefined;
  const { input, partitionBy, orderBy } = window;
  const top = topNNode(
    { input, partitionBy, orderBy, ranking, limit: Math.max(0, limit), offset: 0, withRank: true },
    window.fields[rank],
  );
  const names = map.fields.map(({ name }) => name);
  return mapNode(top, names, map.outputs, conjunction(rest));
}

/** The largest rank for which the condition may be true; `isWhole`: it is true up to there. */
function upperBound(
  condition: Expr,
  rank: number,
): { limit: number; isWhole: boolean } | undefined {
  if (condition.kind !== 'call' || condition.args.length !== 2) return undefined;
  const [left, right] = condition.args as readonly [Expr, Expr];
  const symbol = condition.functionId.split(':')[0]!;
  const isRank = (expr: Expr) => uncast(expr).kind === 'column' && columnOf(uncast(expr)) === rank;
  const flipped: Readonly<Record<string, string>> = { '>=': '<=', '>': '<', '=': '=' };
  const [operator, bound] = isRank(left)
    ? [symbol, numberOf(right)]
    : isRank(right)
      ? [flipped[symbol], numberOf(left)]
      : [];
  if (bound === undefined) return undefined;
  if (operator === '<=') return { limit: Math.floor(bound), isWhole: true };
  if (operator === '<') return { limit: Math.ceil(bound) - 1, isWhole: true };
  if (operator === '=') return { limit: Math.floor(bound), isWhole: false };
  return undefined;
}

/** A rank may be cast to the type of what it is compared with; that keeps its order. */
function uncast(expr: Expr): Expr {
  return expr.kind === 'call' && expr.functionId.startsWith('cast:bigint:') ? expr.args[0]! : expr;
}

function columnOf(expr: Expr): number {
  return expr.kind === 'column' ? expr.index : -1;
}

function numberOf(expr: Expr): number | undefined {
  return expr.kind === 'constant' ? asNumber(expr.type, expr.value) : undefined;
}

/** Of integers alone; `undefined` for NULL and for what a double does not hold. */
function asNumber(type: SqlType, value: SqlValue): number | undefined {
  const isInteger = type.kind === 'smallint' || type.kind === 'integer' || type.kind === 'bigint';
  if (!isInteger || value === null) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}
