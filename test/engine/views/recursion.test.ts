import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { randomChange, tables } from './random-changes.ts';
import { recursiveQueries } from './recursive-queries.ts';
import { tableFunctionQueries } from './table-function-queries.ts';
import { Twin } from './twin.ts';

/** Recursion over changing graphs with cycles, and set-returning functions, as PostgreSQL does. */
const seed = seedOr(20261127);

test(`recursive views and table functions follow random changes (SEED=${seed})`, async () => {
  const random = new SeededRandom(seed);
  const edges = 'CREATE TABLE e (a int, b int, PRIMARY KEY (a, b))';
  const twin = await Twin.open([...tables, edges]);
  for (const [name, query] of Object.entries({ ...recursiveQueries, ...tableFunctionQueries })) {
    expect(await twin.view(`v_${name}`, query), query).toBe(true);
  }
  const node = () => random.below(7);
  const edgeChange = () =>
    random.below(3) === 0
      ? `DELETE FROM e WHERE a = ${node()} AND b > ${node() - 2}`
      : `INSERT INTO e VALUES (${node()}, ${node()}) ON CONFLICT DO NOTHING`;
  for (let round = 0; round < 9; round++) {
    let last = '';
    for (let i = 1 + random.below(4); i >= 0; i--) {
      last = random.below(3) === 0 ? randomChange(random) : edgeChange();
      await twin.both(last);
    }
    await twin.check(last, round % 3 === 2 ? 'views and queries' : 'views');
    if (round % 4 !== 2) continue;
    await twin.restart(random.below(2) === 0);
    await twin.check('a restart', 'views');
  }
  await twin.close();
}, 120_000);

test('errors of recursion are those of PostgreSQL', async () => {
  const twin = await Twin.open(tables);
  const queries = [
    'WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT a.x FROM r a, r b) SELECT * FROM r',
    'WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 0.5 FROM r WHERE x < 3) SELECT * FROM r',
    "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT 'a'::text FROM r) SELECT * FROM r",
    'WITH RECURSIVE r(x, y) AS (SELECT 1 UNION SELECT x FROM r) SELECT * FROM r',
    'WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT x, 2 FROM r) SELECT * FROM r',
    'WITH r(x) AS (SELECT 1 UNION SELECT x FROM r) SELECT * FROM r',
    'SELECT id FROM t WHERE generate_series(1, 2) = 1',
    "SELECT * FROM generate_series(1, 'x'::text)",
    'SELECT * FROM generate_series(1, 5, 0)',
    `SELECT jsonb_array_elements('{"a": 1}')`,
    'SELECT * FROM unnest(ARRAY[1]) x(a, b)',
  ];
  for (const query of queries)
    expect(await twin.ours(query), query).toEqual(await twin.theirs(query));
  const endless = 'WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT * FROM r';
  expect(await twin.ours(endless)).toEqual(['54000']);
  await twin.close();
}, 120_000);

test('LIMIT ends a recursion that has no end, and one that has', async () => {
  const twin = await Twin.open([
    'CREATE TABLE e (a int, b int, PRIMARY KEY (a, b))',
    'INSERT INTO e SELECT i % 50, (i + 1) % 50 FROM generate_series(0, 49) s(i)',
  ]);
  const counting = 'WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)';
  const walking = `WITH RECURSIVE r(x, n) AS (
    SELECT 0, 0 UNION ALL SELECT e.b, n + 1 FROM r JOIN e ON e.a = r.x)`;
  const queries = [
    `${counting} SELECT x FROM r LIMIT 10`,
    `${counting} SELECT x FROM r LIMIT 0`,
    `${counting} SELECT x * 2 FROM r WHERE x % 3 = 0 LIMIT 4 OFFSET 2`,
    `${counting} SELECT x FROM r LIMIT 3000`,
    `${counting}, s(y) AS (SELECT x FROM r UNION ALL SELECT y + 1000000 FROM s) SELECT 1 FROM s LIMIT 7`,
    `WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT x + 1 FROM r) SELECT x FROM r LIMIT 5`,
    `WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 5)
      SELECT x FROM r LIMIT 10`,
    `${walking} SELECT x, n FROM r LIMIT 120`,
    // Divides by zero in the fifth iteration, which nobody asks for.
    `WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)
      SELECT 10 / (5 - x) FROM r LIMIT 3`,
  ];
  for (const query of queries)
    expect(await twin.ours(query), query).toEqual(await twin.theirs(query));
  // Rows of later iterations may come first in the order, or be counted: these need all.
  for (const ending of ['SELECT x FROM r ORDER BY x LIMIT 1', 'SELECT count(*) FROM r LIMIT 1'])
    expect(await twin.ours(`${counting} ${ending}`)).toEqual(['54000']);
  await twin.close();
}, 120_000);

test('a row of HOP and TUMBLE is in every window that its time lies in', async () => {
  const twin = await Twin.open(['CREATE TABLE q (id int PRIMARY KEY, at timestamp)']);
  const { engine } = twin;
  const minutes = (count: number) => `INTERVAL '${count}' MINUTE`;
  await engine.run(
    `CREATE MATERIALIZED VIEW hops AS SELECT id, window_start, window_end FROM HOP(q, at, ${minutes(4)}, ${minutes(10)})`,
  );
  await engine.run(
    `CREATE MATERIALIZED VIEW tumbles AS SELECT * FROM TUMBLE(q, at, ${minutes(10)}, ${minutes(1)}) AS w`,
  );
  await twin.both(
    `INSERT INTO q VALUES (1, '2024-01-01 00:00'), (2, '2024-01-01 00:09:59.999999'), (3, NULL), (4, '1969-12-31 23:59')`,
  );
  // The same by series: every start that lies less than the size before the time.
  expect(await twin.ours('SELECT * FROM hops')).toEqual(
    await twin.theirs(`SELECT id, s AS window_start, s + ${minutes(10)} AS window_end FROM q,
      generate_series(date_bin(${minutes(4)}, at, '1970-01-01') - ${minutes(8)}, at, ${minutes(4)}) s
      WHERE s > at - ${minutes(10)}`),
  );
  const start = `date_bin(${minutes(10)}, at, '1970-01-01 00:01')`;
  expect(await twin.ours('SELECT * FROM tumbles')).toEqual(
    await twin.theirs(`SELECT *, ${start} AS a, ${start} + ${minutes(10)} AS b FROM q`),
  );
  await engine.run('DELETE FROM q WHERE id = 2');
  expect(await engine.run('SELECT count(*) FROM hops WHERE id = 2')).toEqual([['0']]);
  for (const bad of [
    "SELECT * FROM TUMBLE(q, at, INTERVAL '1' MONTH)",
    "SELECT * FROM HOP(q, at, INTERVAL '0', INTERVAL '1' DAY)",
  ]) {
    expect(await twin.ours(bad)).toEqual(['22023']);
  }
  await twin.close();
}, 120_000);
