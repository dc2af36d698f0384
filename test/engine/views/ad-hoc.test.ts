import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, openEngineInMemory } from './harness.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngineInMemory();
  await engine.run('CREATE TABLE t (a int, b int)');
  await engine.run('INSERT INTO t VALUES (1, 10), (2, 20)');
});
afterAll(() => engine.close());

test('a query reads a relation as often as it names it', async () => {
  expect(await engine.run('SELECT count(*) FROM t, t AS u, t AS v')).toEqual([['8']]);
  expect(await engine.run('SELECT x.a, y.b FROM t x JOIN t y ON x.a = y.a ORDER BY 1')).toEqual([
    ['1', '10'],
    ['2', '20'],
  ]);
});

test('an error of a state between two portions of the input is not the result', async () => {
  expect(await engine.run('SELECT 35 / count(*) FROM t')).toEqual([['17']]);
  expect(await engine.run('SELECT 6 / (count(*) - 1) FROM t')).toEqual([['6']]);
  await expect(engine.run('SELECT 35 / (count(*) - 2) FROM t')).rejects.toMatchObject({
    sqlState: '22012',
  });
  await expect(engine.run('SELECT 1 / (sum(a) - 1) FROM t GROUP BY a')).rejects.toMatchObject({
    sqlState: '22012',
  });
});
