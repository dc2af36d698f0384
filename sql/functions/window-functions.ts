import type { SqlType } from '../columns/types.ts';
import { castId } from './casts.ts';
import { commonType } from './common-type.ts';
import { t } from './function.ts';
import type { ResolvedAggregate } from './signature.ts';

/** Functions that stand only before OVER. Their ids are their names. */
const results: Readonly<Record<string, SqlType>> = {
  row_number: t('bigint'),
  rank: t('bigint'),
  dense_rank: t('bigint'),
  percent_rank: t('double'),
  cume_dist: t('double'),
};

const names = new Set([
  ...Object.keys(results),
  ...['ntile', 'lag', 'lead', 'first_value', 'last_value', 'nth_value'],
]);

export function isWindowName(name: string): boolean {
  return names.has(name);
}

export function resolveWindow(
  name: string,
  given: readonly SqlType[],
): ResolvedAggregate | undefined {
  const made = (args: readonly SqlType[], result: SqlType): ResolvedAggregate | undefined => {
    const fits = given.every(
      (type, index) =>
        type.kind === 'unknown' || castId(type, args[index]!, 'implicit') !== undefined,
    );
    return fits ? { signature: { id: name, name, args, result } } : undefined;
  };
  const ranked = Object.hasOwn(results, name) ? results[name] : undefined;
  if (ranked !== undefined) return given.length === 0 ? made([], ranked) : undefined;
  const integer = t('integer');
  const [first, , last] = given;
  switch (name) {
    case 'ntile':
      return given.length === 1 ? made([integer], integer) : undefined;
    case 'first_value':
    case 'last_value':
      return given.length === 1 ? made([settled(first!)], settled(first!)) : undefined;
    case 'nth_value':
      return given.length === 2 ? made([settled(first!), integer], settled(first!)) : undefined;
    case 'lag':
    case 'lead': {
      if (given.length < 1 || given.length > 3) return undefined;
      const type = commonType(last === undefined ? [first!] : [first!, last]);
      if (type === undefined) return undefined;
      return made([type, integer, type].slice(0, given.length), type);
    }
    default:
      return undefined;
  }
}

function settled(type: SqlType): SqlType {
  return type.kind === 'unknown' ? t('text') : type;
}
