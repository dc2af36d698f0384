import { expect, test } from 'vitest';
import { Json } from '../../../sql/columns/json.ts';
import type { SqlType, SqlValue } from '../../../sql/columns/types.ts';
import { exprKey } from '../../../sql/plan/expr-tools.ts';

function key(kind: 'jsonb' | 'double' | 'bigint', value: SqlValue): string {
  return exprKey({ kind: 'constant', type: { kind } as SqlType, value });
}

test('constants have one key only when they are one', () => {
  const keys = [
    key('jsonb', Json.parse('{"t":"a"}')),
    key('jsonb', Json.parse('{"t":"b"}')),
    ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, null].map((value) =>
      key('double', value),
    ),
    key('bigint', 1n),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(key('jsonb', Json.parse('{"b":1,"a":2}'))).toBe(key('jsonb', Json.parse('{"a":2,"b":1}')));
});
