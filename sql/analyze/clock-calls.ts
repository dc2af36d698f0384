import { microsPerDay, splitTimestamp } from '../columns/datetime.ts';
import { fitMicros } from '../columns/text.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import type { Span } from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';

/** The functions that say what time it is (documentation 9.9.5). */
const types: Readonly<Record<string, SqlType['kind']>> = {
  now: 'timestamptz',
  current_timestamp: 'timestamptz',
  transaction_timestamp: 'timestamptz',
  statement_timestamp: 'timestamptz',
  clock_timestamp: 'timestamptz',
  localtimestamp: 'timestamp',
  current_date: 'date',
  localtime: 'time',
  current_time: 'time',
};

export function isClockCall(name: string): boolean {
  return Object.hasOwn(types, name);
}

/**
 * A statement sees one moment, a constant. A view's clock is the step clock, part of its frontier
 * (DESIGN section 7); until it has one, views cannot ask for the time.
 */
export function clockCall(context: Context, name: string, args: readonly Expr[], span: Span): Expr {
  if (context.use === 'view' || context.nowMs === undefined) {
    throw complain(context, span, `${name} is not supported in a view or a definition`, {
      code: 'UNSUPPORTED',
      sqlState: '0A000',
      hint: 'Compare with a column that holds the time, or ask for the time in the query of the view.',
    });
  }
  const kind = types[name]!;
  const [digits] = args;
  const precision = digits?.kind === 'constant' ? Number(digits.value) : undefined;
  const micros = BigInt(Math.floor(context.nowMs * 1000));
  if (kind === 'date') {
    const { days } = splitTimestamp(micros);
    return { kind: 'constant', type: { kind }, value: days, span };
  }
  const type = { kind, ...(precision === undefined ? {} : { precision }) } as SqlType & {
    kind: 'timestamp' | 'timestamptz' | 'time';
  };
  const value = kind === 'time' ? ((micros % microsPerDay) + microsPerDay) % microsPerDay : micros;
  return { kind: 'constant', type: { kind } as SqlType, value: fitMicros(type, value), span };
}
