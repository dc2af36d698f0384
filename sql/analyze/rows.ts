import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import type { Span } from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';
import { operator } from './operators.ts';

const boolean: SqlType = { kind: 'boolean' };

/**
 * Row values compared item by item (PostgreSQL's documentation 9.25.5): equal if all items are,
 * different if some are; `<` and the like are decided by the first items that differ. Rows of one
 * item compare with any operator.
 */
export function compareRows(
  context: Context,
  symbol: string,
  lefts: readonly Expr[],
  rights: readonly Expr[],
  span: Span,
): Expr {
  if (lefts.length !== rights.length) {
    throw complain(context, span, 'unequal number of entries in row expressions', {
      sqlState: '42601',
    });
  }
  const compare = (sign: string, index: number) =>
    operator(context, sign, [lefts[index]!, rights[index]!], span, span);
  if (lefts.length === 1) return compare(symbol, 0);
  const pairs = [...lefts.keys()];
  switch (symbol) {
    case '=':
      return all(
        'and',
        pairs.map((index) => compare('=', index)),
        span,
      );
    case '<>':
      return all(
        'or',
        pairs.map((index) => compare('<>', index)),
        span,
      );
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const strict = symbol[0]!;
      const last = lefts.length - 1;
      return pairs.toReversed().reduce<Expr | undefined>((rest, index) => {
        if (rest === undefined) return compare(symbol, last);
        const decided = all('and', [compare('=', index), rest], span);
        return all('or', [compare(strict, index), decided], span);
      }, undefined)!;
    }
    default:
      throw complain(context, span, `operator ${symbol} does not compare row values`, {
        sqlState: '0A000',
      });
  }
}

function all(functionId: 'and' | 'or', args: readonly Expr[], span: Span): Expr {
  return { kind: 'call', functionId, args, type: boolean, span };
}
