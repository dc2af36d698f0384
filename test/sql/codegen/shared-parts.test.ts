import { expect, test, vi } from 'vitest';
import { compileMap } from '../../../sql/codegen/compile-map.ts';
import { interpret } from '../../../sql/codegen/interpreter.ts';
import { sharedParts } from '../../../sql/codegen/shared-parts.ts';
import type { Column } from '../../../sql/columns/batch.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { rowsOf } from '../../../sql/columns/read.ts';
import { Regex } from '../../../sql/functions/regex.ts';
import type { Expr } from '../../../sql/plan/expr.ts';
import { analyzed } from '../functions/postgres.ts';
import { fields } from '../functions/samples.ts';

/** Texts and arrays that parts of a map have in common are made once a row. */
const withTexts = (...texts: readonly string[]) =>
  batchOf(
    fields,
    texts.map((text) => fields.map(({ type }) => (type.kind === 'text' ? text : null))),
  );

test('filter and outputs of a map have their texts and arrays in common, batch by batch', () => {
  const map = compileMap(
    {
      filter: analyzed("(regexp_match(t1, 'k=(.)'))[1] IS NOT NULL OR lower(t1) = 'x'"),
      outputs: [
        analyzed("CASE WHEN lower(t1) = 'x' THEN '0' ELSE (regexp_match(t1, 'k=(.)'))[1] END"),
      ],
    },
    'fail',
  );
  const exec = vi.spyOn(Regex.prototype, 'exec');
  try {
    expect(rowsOf(map(withTexts('k=1', 'X', 'y', 'k=2')).batch)).toEqual([['1'], ['0'], ['2']]);
    expect(exec).toHaveBeenCalledTimes(4);
    expect(rowsOf(map(withTexts('x', 'k=3')).batch)).toEqual([['0'], ['3']]);
    expect(exec).toHaveBeenCalledTimes(6);
  } finally {
    exec.mockRestore();
  }
});

test('what is used twice is kept, not what only it holds, nor what is volatile or a number', () => {
  const text = analyzed(
    'upper(lower(t1)) || upper(lower(t1)) || gen_random_uuid()::text || gen_random_uuid()::text',
  );
  const { repeated } = sharedParts([text, analyzed('abs(i1) + abs(i1)')]);
  expect(
    repeated.map((expr) => (expr.kind === 'call' ? expr.functionId.split(/[:(]/)[0] : expr.kind)),
  ).toEqual(['upper']);
});

test('parts come before what holds them', () => {
  const { repeated } = sharedParts([analyzed('lower(t1) || upper(lower(t1)) || upper(lower(t1))')]);
  expect(
    repeated.map((expr) => (expr.kind === 'call' ? expr.functionId.split(/[:(]/)[0] : expr.kind)),
  ).toEqual(['lower', 'upper']);
});

test('0 and -0 stay two constants', () => {
  const zeros = [0, -0].map(
    (value) => ({ kind: 'constant', type: { kind: 'double' }, value }) as const,
  );
  const [zero, minus] = sharedParts(zeros).exprs;
  expect([zero, minus]).toEqual(zeros);
  expect(zero).not.toBe(minus);
});

test('what a map remembers is its own: others have the same expressions', () => {
  const text = analyzed('t1');
  const map = compileMap({ outputs: [call('upper', text), call('lower', text)] }, 'fail');
  const batch = withTexts('a');
  map(batch);
  const other = { ...withTexts('b') };
  const column = batch.columns.findIndex((_, index) => fields[index]!.name === 't1');
  const evaluate = () => interpret(text, batch, 0);
  expect(evaluate()).toBe('a');
  (batch.columns as Column[])[column] = other.columns[column]!;
  expect(evaluate()).toBe('b');
});

function call(name: string, arg: Expr): Expr {
  const made = analyzed(`${name}(t1)`);
  return made.kind === 'call' ? { ...made, args: [arg] } : made;
}
