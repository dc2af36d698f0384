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

test('LIMIT without ORDER BY reads no more rows than it needs', async () => {
  await engine.run('CREATE TABLE many (id int PRIMARY KEY)');
  await engine.run('INSERT INTO many SELECT * FROM generate_series(1, 20000)');
  const rows = (await engine.run('SELECT 10 / (20000 - id) FROM many LIMIT 3')) as string[][];
  expect(rows).toHaveLength(3);
  expect(await engine.run('SELECT id / (id - id) FROM many LIMIT 0')).toEqual([]);
  const joined = 'SELECT a.id FROM many a JOIN many b ON a.id = b.id';
  expect(await engine.run(`${joined} LIMIT 5 OFFSET 10`)).toHaveLength(5);
  expect(await engine.run(`${joined} OFFSET 19990`)).toHaveLength(10);
  expect(await engine.run('SELECT id FROM many ORDER BY id DESC LIMIT 2')).toEqual([
    ['20000'],
    ['19999'],
  ]);
  // What failed among the rows that were read is told.
  await expect(engine.run('SELECT 10 / (1 - id) FROM many LIMIT 3')).rejects.toMatchObject({
    sqlState: '22012',
  });
});
