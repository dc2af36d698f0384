import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { openEngineInMemory } from './harness.ts';

/** Functions whose partitions are evaluated from the first change on, alone and together. */
const queries = [
  'SELECT id, g, row_number() OVER (PARTITION BY g ORDER BY v) AS r FROM t',
  `SELECT g, v, rank() OVER (PARTITION BY g ORDER BY v) AS r,
    dense_rank() OVER (PARTITION BY g ORDER BY v) AS d FROM t`,
  'SELECT id, lag(v) OVER (ORDER BY v, id) AS l, lead(v) OVER (ORDER BY v, id) AS m FROM t',
  `SELECT g, v, lead(w) OVER (PARTITION BY g ORDER BY v DESC) AS m,
    row_number() OVER (PARTITION BY g ORDER BY v DESC) AS r,
    rank() OVER (PARTITION BY g ORDER BY v DESC) AS k FROM t`,
  'SELECT v, row_number() OVER (ORDER BY v) AS r, dense_rank() OVER (ORDER BY v) AS d FROM t',
];

test('the end of a partition, evaluated anew, is that of the whole partition', async () => {
  const seed = seedOr(20261126);
  const random = new SeededRandom(seed);
  let engine = await openEngineInMemory();
  await engine.run('CREATE TABLE t (id int PRIMARY KEY, g int, v int, w numeric)');
  for (const [index, query] of queries.entries()) {
    await engine.run(`CREATE MATERIALIZED VIEW v${index} AS ${query}`);
  }
  const ids = () => new Set(Array.from({ length: 1 + random.below(4) }, () => random.below(60)));
  const rows = () =>
    [...ids()].map((id) => `(${id}, ${random.below(3)}, ${random.below(7)}, ${random.below(5)})`);
  const change = () => {
    const kind = random.below(5);
    if (kind === 3) return `DELETE FROM t WHERE id IN (${[...ids()]})`;
    if (kind === 4) return `UPDATE t SET v = (v + 3) % 7 WHERE id % 5 = ${random.below(5)}`;
    return `INSERT INTO t VALUES ${rows()} ON CONFLICT (id)
      DO UPDATE SET g = excluded.g, v = excluded.v, w = excluded.w`;
  };
  const sorted = async (text: string) =>
    ((await engine.run(text)) as string[][]).map(String).sort();
  for (let round = 0; round < 80; round++) {
    const text = change();
    await engine.run(text);
    if (round === 40) engine = await engine.restart();
    for (const [index, query] of queries.entries()) {
      const where = `SEED=${seed}, round ${round}, ${text}: ${query}`;
      expect(await sorted(`SELECT * FROM v${index}`), where).toEqual(await sorted(query));
    }
  }
  await engine.close();
}, 60_000);

test('a row of a recursion that is derived in several ways goes as it came', async () => {
  const engine = await openEngineInMemory();
  await engine.run('CREATE TABLE e (a numeric, b numeric)');
  await engine.run(`CREATE MATERIALIZED VIEW r AS
    WITH RECURSIVE r(n) AS (SELECT b FROM e WHERE a = 0 UNION SELECT e.b FROM r, e WHERE e.a = r.n)
    SELECT n FROM r`);
  await engine.run('INSERT INTO e VALUES (0, 1.0), (0, 2), (2, 3), (3, 1.00)');
  await engine.run('DELETE FROM e WHERE b = 1 AND a = 0');
  await engine.run('DELETE FROM e WHERE a = 3');
  expect(await engine.run('SELECT n FROM r ORDER BY n')).toEqual([['2'], ['3']]);
  await engine.close();
});
