import { foldConstant } from '../codegen/fold.ts';
import type { Interval, SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { flatMapNode, mapNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { CallExpression, Expression } from '../syntax/ast.ts';
import { coerce } from './coerce.ts';
import { type Context, complain } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { operator } from './operators.ts';
import type { Scope } from './scope.ts';

const microsPerDay = 86_400_000_000n;
/** Windows that one row may lie in. */
const windowsMax = 10_000;

export function isTimeWindow(name: string): boolean {
  return name === 'tumble' || name === 'hop';
}

/**
 * `TUMBLE(t, col, size [, offset])` and `HOP(t, col, slide, size [, offset])`: the rows of t, each
 * once per window that its time lies in, with window_start and window_end. Windows start at the
 * epoch plus the offset and then every size or slide; [start, end). A row without a time is in no
 * window of HOP, and in one of NULLs of TUMBLE, as in RisingWave.
 */
export function timeWindows(
  context: Context,
  call: CallExpression,
  rows: { readonly plan: PlanNode; readonly scope: Scope },
): PlanNode {
  const isHop = call.name.parts.at(-1)!.name === 'hop';
  const [, timeNode, ...lengths] = call.args;
  const count = isHop ? 2 : 1;
  if (timeNode === undefined || lengths.length < count || lengths.length > count + 1) {
    const form = isHop ? 'HOP(table, column, slide, size)' : 'TUMBLE(table, column, size)';
    throw complain(context, call.span, `${form} takes a table, a column and intervals`, {
      sqlState: '42601',
    });
  }
  const place = { context, scope: rows.scope, clause: 'a time window' };
  const given = analyzeExpression(place, timeNode);
  const isTime = given.type.kind === 'timestamp' || given.type.kind === 'timestamptz';
  const type: SqlType = isTime ? given.type : { kind: 'timestamp' };
  const time = coerce(context, given, type, 'implicit');
  const micros = lengths.map((node, index) => length(context, node, index < count));
  const size = micros[count - 1]!;
  const slide = micros[0]!;
  const { span } = call;
  const interval = (value: bigint): Expr => {
    const whole: Interval = { months: 0, days: 0, micros: value };
    return { kind: 'constant', type: { kind: 'interval' }, value: whole };
  };
  const origin: Expr = { kind: 'constant', type, value: micros[count] ?? 0n };
  const bin: Expr = {
    kind: 'call',
    functionId: `date_bin:${type.kind}`,
    args: [interval(slide), time, origin],
    type,
    span,
  };
  const add = (a: Expr, b: Expr) => operator(context, '+', [a, b], span, span);
  const { fields } = rows.plan;
  if (!isHop) {
    const outputs = [
      ...fields.map((field, index) => columnExpr(index, field.type)),
      bin,
      add(bin, interval(size)),
    ];
    const names = [...fields.map(({ name }) => name), 'window_start', 'window_end'];
    return mapNode(rows.plan, names, outputs);
  }
  if (size / slide >= windowsMax) {
    throw complain(context, span, `a row would lie in more than ${windowsMax} windows`, {
      code: 'RESOURCE_LIMIT',
      sqlState: '54000',
    });
  }
  const bigint = (value: bigint): Expr => {
    return { kind: 'constant', type: { kind: 'bigint' }, value };
  };
  const args = [time, bigint(slide), bigint(size), bigint(micros[count] ?? 0n)];
  const made = ['window_start', 'window_end'].map((name) => ({ name, type, nullable: false }));
  return flatMapNode(rows.plan, [{ functionId: 'hop', args, fields: made }]);
}

/** A constant interval in microseconds; a size or slide is more than 0. */
function length(context: Context, node: Expression, isPositive: boolean): bigint {
  const place = { context, scope: { relations: [], shown: [] }, clause: 'a time window' };
  const interval: SqlType = { kind: 'interval' };
  const expr = foldConstant(coerce(context, analyzeExpression(place, node), interval, 'implicit'));
  const value = expr.kind === 'constant' ? (expr.value as Interval | null) : null;
  if (value === null) {
    throw complain(context, node.span, 'a window length is a constant interval', {
      sqlState: '22023',
    });
  }
  const micros = BigInt(value.days) * microsPerDay + value.micros;
  if (value.months !== 0 || (isPositive && micros <= 0n)) {
    throw complain(context, node.span, 'a window length is more than 0 and without months', {
      sqlState: '22023',
    });
  }
  return micros;
}
