import { type Context, complain } from '../../sql/analyze/context.ts';
import type { WithOption } from '../../sql/syntax/ast.ts';
import type { TopicRetention } from '../broker/catalogue-record.ts';

/** Options of CREATE TOPIC and ALTER TOPIC about how long messages are kept. */
export const retentionOptions = ['retention_ms', 'retention_bytes'];

/** What the options make of the present settings; the value `none` takes a limit away. */
export function retentionOf(
  context: Context,
  options: readonly WithOption[],
  { retentionMs, retentionBytes }: TopicRetention,
): TopicRetention {
  const values = { retention_ms: retentionMs, retention_bytes: retentionBytes };
  for (const { name, value, span } of options) {
    if (name !== 'retention_ms' && name !== 'retention_bytes') continue;
    values[name] = value.toLowerCase() === 'none' ? undefined : Number(value);
    if (values[name] === undefined || (/^\d+$/.test(value) && values[name] >= 1)) continue;
    throw complain(context, span, `${name} is a positive whole number, or 'none'`, {
      code: 'INVALID_ARGUMENT',
      sqlState: '22023',
    });
  }
  return {
    ...(values.retention_ms === undefined ? {} : { retentionMs: values.retention_ms }),
    ...(values.retention_bytes === undefined ? {} : { retentionBytes: values.retention_bytes }),
  };
}

/** For DESCRIBE TOPIC. */
export function retentionRows({ retentionMs, retentionBytes }: TopicRetention): string[][] {
  return [
    ...(retentionMs === undefined ? [] : [['retention_ms', 'bigint', String(retentionMs)]]),
    ...(retentionBytes === undefined
      ? []
      : [['retention_bytes', 'bigint', String(retentionBytes)]]),
  ];
}
