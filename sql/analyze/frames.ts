import { foldConstant } from '../codegen/fold.ts';
import { isNotANumber } from '../columns/decimal.ts';
import { typeName } from '../columns/type-name.ts';
import type { Decimal, Interval, SqlType, SqlValue } from '../columns/types.ts';
import type { FrameBound, WindowFrame } from '../plan/physical.ts';
import type * as ast from '../syntax/ast.ts';
import type { TypedOrder } from './aggregates.ts';
import { coerce } from './coerce.ts';
import { type Context, complain, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { emptyScope } from './scope.ts';

export const wholePartition: WindowFrame = {
  mode: 'range',
  start: { kind: 'unbounded preceding' },
  end: { kind: 'unbounded following' },
  exclude: 'none',
};

/** A frame clause of a window with this ORDER BY. Offsets are constants. */
export function typedFrame(
  context: Context,
  frame: ast.WindowFrame,
  orderBy: readonly TypedOrder[],
): WindowFrame {
  const { mode, exclude, span } = frame;
  if (mode === 'groups' && orderBy.length === 0) {
    throw complain(context, span, 'GROUPS mode requires an ORDER BY clause', { sqlState: '42P20' });
  }
  const hasOffset = frame.start.offset !== undefined || frame.end.offset !== undefined;
  if (mode === 'range' && hasOffset && orderBy.length !== 1) {
    throw complain(
      context,
      span,
      'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column',
      { sqlState: '42P20' },
    );
  }
  const type = mode === 'range' && hasOffset ? offsetType(context, orderBy[0]!, span) : bigint;
  const bound = (node: ast.FrameBound, which: string): FrameBound =>
    node.offset === undefined
      ? { kind: node.kind }
      : { kind: node.kind, offset: offset(context, node.offset, type, mode, which) };
  return { mode, start: bound(frame.start, 'starting'), end: bound(frame.end, 'ending'), exclude };
}

const bigint: SqlType = { kind: 'bigint' };

/** What may be added to a sort key of this type (PostgreSQL's in_range functions). */
function offsetType(context: Context, { expr }: TypedOrder, span: ast.Span): SqlType {
  switch (expr.type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return bigint;
    case 'numeric':
      return { kind: 'numeric' };
    case 'real':
    case 'double':
      return { kind: 'double' };
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'interval':
      return { kind: 'interval' };
    default:
      throw complain(
        context,
        span,
        `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${typeName(expr.type)}`,
        { code: 'UNSUPPORTED', sqlState: '0A000' },
      );
  }
}

function offset(
  context: Context,
  node: ast.Expression,
  type: SqlType,
  mode: WindowFrame['mode'],
  which: string,
): NonNullable<FrameBound['offset']> {
  const place = { context, scope: emptyScope, clause: `${mode.toUpperCase()} of a window` };
  const expr = foldConstant(coerce(context, analyzeExpression(place, node), type, 'implicit'));
  if (expr.kind !== 'constant') throw unsupported(context, node.span, 'a frame offset that varies');
  if (expr.value === null) {
    throw complain(context, node.span, `frame ${which} offset must not be null`, {
      sqlState: '22004',
    });
  }
  if (isNegative(expr.value)) {
    const message =
      mode === 'range'
        ? 'invalid preceding or following size in window function'
        : `frame ${which} offset must not be negative`;
    throw complain(context, node.span, message, { sqlState: '22013' });
  }
  return { type, value: mode === 'range' ? expr.value : Number(expr.value) };
}

function isNegative(value: NonNullable<SqlValue>): boolean {
  if (typeof value === 'bigint') return value < 0n;
  if (typeof value === 'number') return value < 0 || Number.isNaN(value);
  if (typeof value !== 'object' || value instanceof Uint8Array) return false;
  if ('unscaled' in value) {
    return isNotANumber(value as Decimal) || (value as Decimal).unscaled < 0n;
  }
  const { months, days, micros } = value as Interval;
  return months < 0 || days < 0 || micros < 0n;
}
