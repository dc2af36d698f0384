import { expect, test } from 'vitest';
import { openEngineInMemory } from '../../engine/views/harness.ts';

/** `count` queries, each of which uses the one before it twice. */
function chain(count: number, first: string): string {
  const links = Array.from({ length: count }, (_, n) => {
    return `c${n + 1} AS (SELECT x.a, x.b FROM c${n} x JOIN c${n} y ON x.a = y.a)`;
  });
  return `c0 AS (${first}), ${links.join(', ')}`;
}

test('a chain of 60 queries that are each used twice is planned, run and explained', async () => {
  const engine = await openEngineInMemory();
  try {
    await engine.run('CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 2)');
    const text = `WITH ${chain(60, 'SELECT a, b / a AS b FROM t')} SELECT * FROM c60`;
    expect(await engine.run(text)).toEqual([['1', '2']]);
    const lines = (await engine.run(`EXPLAIN ${text}`)) as string[][];
    expect(lines.length).toBeLessThan(400);
    expect((await engine.run(`EXPLAIN CODE ${text}`)).length).toBeGreaterThan(0);
    await engine.run(`CREATE MATERIALIZED VIEW v AS ${text}`);
    expect(await engine.run('SELECT * FROM v')).toEqual([['1', '2']]);
    expect(String(await engine.run('EXPLAIN ANALYZE MATERIALIZED VIEW v'))).toContain(
      'Total: 1 rows',
    );
    const correlated = `WITH ${chain(60, 'SELECT a, b / a AS b FROM t')}
      SELECT a, (SELECT max(c60.b) FROM c60 WHERE c60.a = t.a) FROM t`;
    expect(await engine.run(correlated)).toEqual([['1', '2']]);
    const recursive = `WITH RECURSIVE ${chain(60, 'SELECT a, b FROM t')},
      r(n) AS (SELECT 1 UNION SELECT r.n + c60.a FROM r, c60 WHERE r.n < 3) SELECT * FROM r`;
    expect(await engine.run(recursive)).toEqual([['1'], ['2'], ['3']]);
  } finally {
    await engine.close();
  }
});
