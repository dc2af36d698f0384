import { expect, test } from 'vitest';
import { interpretedParts } from '../../../sql/codegen/compile-column.ts';
import { compileMap } from '../../../sql/codegen/compile-map.ts';
import { foldConstant } from '../../../sql/codegen/fold.ts';
import { interpret } from '../../../sql/codegen/interpreter.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import { fromText } from '../../../sql/columns/text.ts';
import type { TypeKind } from '../../../sql/columns/types.ts';
import type { Expr } from '../../../sql/plan/expr.ts';
import { analyzed } from '../functions/postgres.ts';
import { fields } from '../functions/samples.ts';

/** Generated code is really what runs: rows of ordinary values never reach the interpreter. */

/** With the columns of samples.ts: b boolean, i integer, l bigint, d double, n numeric, t text. */
const generated = [
  'i1 * 2 + 1',
  'l1 + i1 > 100 AND l2 % 7 = 3',
  '0.908 * l1',
  'n1 * 2 - n2',
  'n1 > 12.5 OR n1 IS NULL',
  'd1 / 3 < d2',
  'NOT b1 OR i1 <> i2',
  'i1 BETWEEN 3 AND 30',
  'i1 IN (2, 3, 5, 8)',
  "t1 = 'ordinary'",
  "t1 <> t2 AND t1 IN ('ordinary', 'x')",
  'CASE WHEN l1 < 10 THEN 0 WHEN l1 < 100 THEN 1 ELSE l2 END',
  'coalesce(i1, i2, 7)',
  'i1::bigint * l1',
  'l1::double precision / 10',
  'i1::numeric + 0.5',
  'm1 BETWEEN m2 AND m1',
  "m1 + interval '10 seconds' > m2",
  'd1 IS NOT NULL',
];

/** One value of each type, nothing near the edge of anything. */
const ordinary: Partial<Record<TypeKind, string>> = {
  boolean: 'true',
  smallint: '12',
  integer: '20',
  bigint: '34',
  real: '1.5',
  double: '2.5',
  numeric: '12.75',
  text: 'ordinary',
  timestamp: '2026-11-24 10:00:00',
};
const batch = batchOf(fields, [
  fields.map(({ type }) => {
    const text = ordinary[type.kind];
    return text === undefined ? null : fromText(type, text);
  }),
]);

test.each(generated)('%s', (text) => {
  const expr = foldConstant(analyzed(text)) as Expr & { kind: string };
  expect(interpretedParts(expr)).toEqual([]);
  // Another copy: what the interpreter has once evaluated it knows.
  const expected = interpret(foldConstant(analyzed(text)), batch, 0);
  const output = compileMap({ outputs: [expr] }, 'fail');
  const filter =
    expr.type.kind === 'boolean' ? compileMap({ filter: expr, outputs: [] }, 'fail') : undefined;
  // The interpreter cannot evaluate it from the start.
  Object.assign(expr, { kind: 'gone', functionId: undefined });
  expect(() => interpret(expr, batch, 0)).toThrow(TypeError);
  expect(valueAt(output(batch).batch.columns[0]!, 0)).toEqual(expected);
  if (filter !== undefined) expect(filter(batch).batch.rowCount).toBe(expected === true ? 1 : 0);
});

test('a part without a rule is interpreted, the rest is generated', () => {
  const parts = interpretedParts(analyzed("length(t1) + i1 > 5 AND t1 LIKE 'a%'"));
  expect(parts.map((part) => part.kind === 'call' && part.functionId)).toEqual(['length', 'like']);
  expect(interpretedParts(analyzed('upper(t1)'))).toHaveLength(1);
});
