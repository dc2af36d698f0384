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

test('chance is another one for each row and each call, and no view has it', async () => {
  await engine.run(
    'CREATE TABLE lots (id int PRIMARY KEY, u uuid DEFAULT gen_random_uuid(), r float8)',
  );
  await engine.run('INSERT INTO lots (id, r) SELECT g, random() FROM generate_series(1, 500) g');
  expect(
    await engine.run(`SELECT count(DISTINCT u), count(DISTINCT r), min(r) >= 0, max(r) < 1,
      count(*) FILTER (WHERE u::text ~ '^.{14}4.{4}[89ab]') FROM lots`),
  ).toEqual([['500', '500', 't', 't', '500']]);
  // One value that is read twice is computed once.
  expect(
    await engine.run('SELECT count(*) FROM (SELECT random() AS x FROM lots) q WHERE x <> x'),
  ).toEqual([['0']]);
  expect(await engine.run('SELECT count(*) FROM lots WHERE random() = random()')).toEqual([['0']]);
  const [[kept]] = (await engine.run(
    'SELECT count(*) FROM lots a JOIN lots b USING (id) WHERE random() < 0.5',
  )) as [[string]];
  expect(Number(kept)).toBeGreaterThan(100);
  expect(Number(kept)).toBeLessThan(400);
  expect(
    await engine.run(`SELECT bool_and(x BETWEEN 3 AND 5), count(DISTINCT x), count(DISTINCT v) FROM
      (SELECT random(3, 5) AS x, uuidv7() AS v FROM lots) q`),
  ).toEqual([['t', '3', '500']]);
  expect(
    await engine.run(
      'SELECT abs(avg(x)) < 1, abs(stddev(x) - 1) < 0.5 FROM (SELECT random_normal() AS x FROM lots) q',
    ),
  ).toEqual([['t', 't']]);
  await engine.run('UPDATE lots SET r = random() + 1 WHERE id <= 5');
  expect(await engine.run('SELECT count(DISTINCT r) FROM lots WHERE r >= 1')).toEqual([['5']]);
  for (const [text, sqlState] of [
    ['CREATE MATERIALIZED VIEW chancy AS SELECT random() AS r FROM lots', '0A000'],
    ['SELECT count(*), random() FROM lots', '0A000'],
    ['CREATE TABLE made (a int, b float8 GENERATED ALWAYS AS (random()) STORED)', '42P17'],
    ['SELECT random(5, 3)', '22023'],
  ] as const) {
    await expect(engine.run(text), text).rejects.toMatchObject({ sqlState });
  }
});
