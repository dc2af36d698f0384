import { afterEach, expect, test } from 'vitest';
import { type Engine, openEngine } from './harness.ts';

let engine: Engine;
afterEach(() => engine.close());

test('a view over its budget stops, with those that read it; everything else goes on', async () => {
  engine = await openEngine();
  await engine.run('CREATE TABLE t (a int PRIMARY KEY, b text)');
  await engine.run(`CREATE MATERIALIZED VIEW small WITH (state_budget = '300kB') AS SELECT a, b FROM t;
    CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM small;
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM t`);
  const row = (a: number) => `(${a}, '${'x'.repeat(100)}')`;
  await engine.run(`INSERT INTO t VALUES ${row(1)}`);
  await engine.checkpointed();
  expect(await engine.run('SELECT n FROM above')).toEqual([['1']]);
  const rows = Array.from({ length: 5000 }, (_, a) => row(a));
  await engine.run(`INSERT INTO t VALUES ${rows.join(', ')}`);
  await engine.checkpointed();
  for (const name of ['small', 'above']) {
    await expect(engine.run(`SELECT * FROM ${name}`)).rejects.toMatchObject({ sqlState: '53200' });
  }
  expect(await engine.run('SELECT n FROM beside')).toEqual([['5000']]);
  expect(String(await engine.run('DESCRIBE small'))).toContain('stopped');
  await engine.run('DELETE FROM t WHERE a > 0');
  expect(await engine.run('SELECT n FROM beside')).toEqual([['1']]);
  // From the log again, in which it fits now.
  engine = await engine.restart();
  expect(await engine.run('SELECT n FROM above')).toEqual([['1']]);
  await engine.run('DROP MATERIALIZED VIEW small CASCADE');
});

test('a query over its time or memory fails and nothing else does', async () => {
  engine = await openEngine();
  await engine.run('CREATE TABLE t (a int)');
  const rows = Array.from({ length: 2000 }, (_, a) => `(${a})`);
  await engine.run(`INSERT INTO t VALUES ${rows.join(', ')}`);
  const crossed = 'SELECT count(*) FROM t a, t b, t c, t d WHERE a.a + b.a + c.a + d.a < 0';
  await expect(engine.run(`SET statement_timeout = '20ms'; ${crossed}`)).rejects.toMatchObject({
    sqlState: '57014',
  });
  const grouped =
    'SELECT count(*) FROM (SELECT a.a, b.a AS c, count(*) FROM t a, t b WHERE a.a < 40 GROUP BY a.a, b.a) q';
  await expect(engine.run(`SET query_memory = '100kB'; ${grouped}`)).rejects.toMatchObject({
    sqlState: '53200',
  });
  expect(await engine.run(grouped)).toEqual([['80000']]);
  await expect(engine.run("SET query_memory = 'much'")).rejects.toMatchObject({
    sqlState: '22023',
  });
});
