import { afterEach, expect, test } from 'vitest';
import { type Engine, openEngine, openEngineInMemory } from './harness.ts';

let engine: Engine;
afterEach(() => engine.close());

const lines = async (text: string) =>
  ((await engine.run(text)) as string[][]).map(([line]) => line!);

test('EXPLAIN ANALYZE of a live view tells what each operator did', async () => {
  engine = await openEngineInMemory();
  await engine.run('CREATE TABLE t (g text, v int)');
  await engine.run(
    'CREATE MATERIALIZED VIEW s AS SELECT g, sum(v) AS s FROM t WHERE v > 0 GROUP BY g',
  );
  await engine.run("INSERT INTO t VALUES ('a', 1), ('a', 2), ('b', 3), ('b', -1)");
  await engine.run("DELETE FROM t WHERE g = 'a' AND v = 1");
  const report = (await lines('EXPLAIN ANALYZE MATERIALIZED VIEW s')).join('\n');
  expect(report).toMatch(
    /Aggregate: .*\{rows 4, of them 1 back, weight 2; [\d.]+ ms; state 2 rows, [1-9]\d+ bytes\}/,
  );
  expect(report).toMatch(/Map: .*\{rows 4, of them 1 back, weight 2; [\d.]+ ms\}/);
  expect(report).toMatch(/Input: t .*\{rows 5, of them 1 back, weight 3; [\d.]+ ms\}/);
  expect(report).toMatch(/Total: 2 rows of the view, state 4 rows, [1-9]\d+ bytes/);
  await expect(engine.run('EXPLAIN ANALYZE MATERIALIZED VIEW t')).rejects.toMatchObject({
    sqlState: '42809',
  });
});

test('EXPLAIN ANALYZE adds up what the iterations of a recursion did', async () => {
  engine = await openEngineInMemory();
  await engine.run('CREATE TABLE e (a int, b int); INSERT INTO e VALUES (1, 2), (2, 3), (3, 4)');
  const reached = 'SELECT 1 UNION SELECT e.b FROM r, e WHERE r.n = e.a';
  await engine.run(
    `CREATE MATERIALIZED VIEW v AS WITH RECURSIVE r(n) AS (${reached}) SELECT n FROM r`,
  );
  const report = (await lines('EXPLAIN ANALYZE MATERIALIZED VIEW v')).join('\n');
  expect(report).toMatch(/Recursive; .*\{rows 4,.* state [1-9]\d* rows, [1-9]\d+ bytes\}/);
  expect(report).toMatch(/Join: n = a; .*\{rows 3, of them 0 back, weight 3;/);
  expect(report).toMatch(/Rows of the iteration before .*\{rows 4,/);
  expect(report).toMatch(/Input: e .*\{rows 3,/);
});

test('EXPLAIN shows the plan before the rules, the code, and measures a query', async () => {
  engine = await openEngineInMemory();
  await engine.run('CREATE TABLE t (g text, v int)');
  await engine.run("INSERT INTO t VALUES ('a', 1), ('a', 2)");
  const query = 'SELECT v + 1 AS w FROM (SELECT v, g FROM t) AS q WHERE v > 1';
  const logical = await lines(`EXPLAIN LOGICAL ${query}`);
  const incremental = await lines(`EXPLAIN INCREMENTAL ${query}`);
  expect(logical.length).toBeGreaterThan(incremental.length);
  expect(incremental).toEqual(await lines(`EXPLAIN ${query}`));
  expect((await lines(`EXPLAIN CODE ${query}`)).join('\n')).toMatch(
    /function filter\([\s\S]*function column\(/,
  );
  const measured = (await lines(`EXPLAIN ANALYZE ${query}`)).join('\n');
  expect(measured).toMatch(/Map: .*\{rows 1, of them 0 back, weight 1;/);
  expect(measured).toMatch(/Total: [\d.]+ ms/);
});

test('names, indexes and replaced views survive a restart', async () => {
  engine = await openEngine();
  await engine.run('CREATE TABLE t (a int PRIMARY KEY, b int CHECK (b > 0))');
  await engine.run('CREATE VIEW plain AS SELECT a, b FROM t');
  await engine.run('CREATE MATERIALIZED VIEW kept AS SELECT sum(b) AS s FROM plain');
  await engine.run('INSERT INTO t VALUES (1, 10), (2, 20)');
  await engine.run('CREATE UNIQUE INDEX u ON t (b)');
  await engine.run('ALTER TABLE t RENAME b TO c; ALTER TABLE t RENAME TO r');
  await engine.run('ALTER MATERIALIZED VIEW kept RENAME TO total');
  await engine.run('CREATE TABLE t (x int)');
  await engine.run(
    'CREATE VIEW v AS SELECT 1 AS a; CREATE OR REPLACE VIEW v AS SELECT x AS a FROM t',
  );
  for (const again of ['restart', 'crash'] as const) {
    engine = await engine[again]();
    expect(await engine.run('SELECT * FROM r ORDER BY a')).toEqual([
      ['1', '10'],
      ['2', '20'],
    ]);
    expect(await engine.run('SELECT s FROM total')).toEqual([['30']]);
    expect(await engine.run('SELECT b FROM plain ORDER BY 1')).toEqual([['10'], ['20']]);
    expect(await engine.run('SELECT a FROM v')).toEqual([]);
    await expect(engine.run('INSERT INTO r VALUES (3, 20)')).rejects.toMatchObject({
      sqlState: '23505',
    });
    await expect(engine.run('INSERT INTO r VALUES (3, 0)')).rejects.toMatchObject({
      sqlState: '23514',
    });
    expect(await engine.run('EXPLAIN SELECT a FROM r WHERE c = 10')).toContainEqual([
      'Lookup: r by c',
    ]);
    expect(await engine.run('SELECT a FROM r WHERE c = 10')).toEqual([['1']]);
    await expect(engine.run('DROP TABLE r')).rejects.toMatchObject({ sqlState: '2BP01' });
  }
  expect(engine.report).toMatchObject({ filled: 0 });
});

test('EXPLAIN of a statement that changes rows shows how it finds them', async () => {
  engine = await openEngineInMemory();
  await engine.run('CREATE TABLE w (id int PRIMARY KEY, g int)');
  const update = await lines('EXPLAIN UPDATE w SET g = 3 WHERE id = 5');
  expect(update.at(-1)).toBe('Lookup: w by id');
  const joined = 'WITH x AS (SELECT g FROM w) DELETE FROM w USING x WHERE w.id = x.g';
  expect((await lines(`EXPLAIN ${joined}`)).join('\n')).toMatch(/Join: id = g.*\n.*Input: w/);
  expect(await lines('EXPLAIN CREATE TABLE q AS SELECT * FROM w')).toEqual(['Input: w (id, g)']);
  expect(await lines('EXPLAIN INSERT INTO w VALUES (1, 2)')).toContain('  Constants: 1 rows');
  await expect(engine.run('EXPLAIN ANALYZE DELETE FROM w')).rejects.toMatchObject({
    sqlState: '0A000',
  });
  expect(await engine.run('SELECT * FROM w')).toEqual([]);
});
