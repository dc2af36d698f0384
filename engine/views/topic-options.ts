import { type Context, complain } from '../../sql/analyze/context.ts';
import type { WithOption } from '../../sql/syntax/statement-ast.ts';
import type { FlushMode } from '../../storage/store.ts';
import type { TopicRetention } from '../broker/catalogue-record.ts';

/** Options of CREATE TOPIC and ALTER TOPIC about which messages are kept, how long, and when they are acknowledged. */
export const retentionOptions = [
  ...['retention_ms', 'retention_bytes', 'cleanup', 'tombstone_ms'],
  'flush',
];

/** What the options make of the present settings; the value `none` takes one away. */
export function retentionOf(
  context: Context,
  options: readonly WithOption[],
  present: TopicRetention,
): TopicRetention {
  const number = (name: string, least: number, now: number | undefined) => {
    const option = options.find((one) => one.name === name);
    if (option === undefined) return now;
    const { value, span } = option;
    if (value.toLowerCase() === 'none') return undefined;
    if (/^\d+$/.test(value) && Number(value) >= least) return Number(value);
    const what = least === 0 ? 'a whole number' : 'a positive whole number';
    throw complain(context, span, `${name} is ${what}, or 'none'`, invalid);
  };
  const retentionMs = number('retention_ms', 1, present.retentionMs);
  const retentionBytes = number('retention_bytes', 1, present.retentionBytes);
  const tombstoneMs = number('tombstone_ms', 0, present.tombstoneMs);
  const cleanup = cleanupOf(context, options, present.cleanup);
  const flush = flushOf(context, options, present.flush);
  return {
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(retentionBytes === undefined ? {} : { retentionBytes }),
    ...(cleanup === undefined ? {} : { cleanup }),
    ...(tombstoneMs === undefined ? {} : { tombstoneMs }),
    ...(flush === undefined ? {} : { flush }),
  };
}

function cleanupOf(
  context: Context,
  options: readonly WithOption[],
  present: TopicRetention['cleanup'],
): TopicRetention['cleanup'] {
  const option = options.find(({ name }) => name === 'cleanup');
  if (option === undefined) return present;
  const value = option.value.toLowerCase();
  if (value === 'compact') return 'compact';
  if (value === 'delete') return undefined;
  throw complain(context, option.span, "cleanup is 'compact' or 'delete'", invalid);
}

/** `default` leaves it to the server. */
function flushOf(
  context: Context,
  options: readonly WithOption[],
  present: FlushMode | undefined,
): FlushMode | undefined {
  const option = options.findLast(({ name }) => name === 'flush');
  if (option === undefined) return present;
  const value = option.value.toLowerCase();
  if (value === 'default') return undefined;
  if (value === 'sync' || value === 'interval') return value;
  throw complain(context, option.span, "flush is 'sync', 'interval' or 'default'", invalid);
}

const invalid = { code: 'INVALID_ARGUMENT', sqlState: '22023' } as const;

/** For DESCRIBE TOPIC. */
export function retentionRows(retention: TopicRetention): string[][] {
  const { retentionMs, retentionBytes, cleanup = 'delete', tombstoneMs, flush } = retention;
  const numbers = { retention_ms: retentionMs, retention_bytes: retentionBytes };
  const given = Object.entries({ ...numbers, tombstone_ms: tombstoneMs }).flatMap(
    ([name, value]) => (value === undefined ? [] : [[name, 'bigint', String(value)]]),
  );
  const acknowledged = flush === undefined ? [] : [['flush', 'text', flush]];
  return [['cleanup', 'text', cleanup], ...given, ...acknowledged];
}
