import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { randomChange, tables } from './random-changes.ts';
import { subqueryQueries } from './subquery-queries.ts';
import { Twin } from './twin.ts';

/** Subqueries in every place follow random changes as PostgreSQL has them, through restarts. */
const seed = seedOr(20261126);

test(`views with subqueries follow random changes (SEED=${seed})`, async () => {
  const random = new SeededRandom(seed);
  const twin = await Twin.open(tables);
  for (const [name, query] of Object.entries(subqueryQueries)) {
    expect(await twin.view(`v_${name}`, query), query).toBe(true);
  }
  for (let round = 0; round < 6; round++) {
    let last = '';
    for (let i = 1 + random.below(5); i >= 0; i--) {
      last = randomChange(random);
      await twin.both(last);
    }
    await twin.check(last, round % 3 === 2 ? 'views and queries' : 'views');
    if (round % 3 !== 1) continue;
    await twin.restart(random.below(2) === 0);
    await twin.check('a restart', 'views');
  }
  await twin.close();
}, 120_000);

test('a scalar subquery with more rows is an error where its value is used', async () => {
  const twin = await Twin.open([
    ...tables,
    "INSERT INTO t VALUES (1, 'a', 1, 1), (2, 'b', 2, 2)",
    "INSERT INTO s VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, 'b', 2, 2)",
  ]);
  const queries = [
    'SELECT (SELECT v FROM s WHERE s.g = t.g) FROM t',
    "SELECT CASE WHEN g = 'a' THEN (SELECT v FROM s WHERE s.g = t.g) END FROM t",
    'SELECT id FROM t WHERE id = (SELECT v FROM s)',
    'SELECT (SELECT v, n FROM s) FROM t',
    'SELECT id FROM t WHERE id IN (SELECT v, n FROM s)',
    'SELECT id FROM t WHERE (id, v) IN (SELECT v FROM s)',
    'SELECT sum(v) FROM t GROUP BY g HAVING EXISTS (SELECT FROM s WHERE s.v = t.v)',
    'SELECT id FROM t WHERE EXISTS (SELECT FROM s WHERE s.nothing = t.v)',
    'SELECT 1 FROM t WHERE (SELECT sum(t.v)) > 1',
    'SELECT ARRAY(SELECT id, v FROM t)',
    'SELECT (1, 2) = (SELECT 1, 2, 3)',
    'SELECT (id, v) = (SELECT g, v FROM s WHERE s.id = 1) FROM t',
    'SELECT (1, 2) = (SELECT id, v FROM s)',
    'SELECT x.v FROM t JOIN s USING (g) AS x',
    'SELECT 1 FROM t JOIN s USING (g) AS s',
    'SELECT (t.v).* FROM t',
    'SELECT x.* FROM t',
    'SELECT count(x.*) FROM t',
    'SELECT x FROM t',
    'SELECT (SELECT max(min(t.v))) FROM t',
    'SELECT max((SELECT min(t.v))) FROM t',
    'SELECT x.m FROM t, LATERAL (SELECT max(t.v) AS m) x',
    'SELECT 1 FROM t RIGHT JOIN LATERAL (SELECT t.v) x ON true',
  ];
  for (const query of queries)
    expect(await twin.ours(query), query).toEqual(await twin.theirs(query));
  const [query] = queries;
  await twin.engine.run(
    `CREATE MATERIALIZED VIEW m AS SELECT id, (${query!.slice(7, -7)}) AS x FROM t`,
  );
  expect(await twin.engine.run('SELECT * FROM m')).toEqual([['1', '1']]);
  expect(await twin.engine.run('SELECT sqlstate FROM "m$errors"')).toEqual([['21000']]);
  await twin.engine.run('DELETE FROM s WHERE id = 3');
  expect(await twin.engine.run('SELECT * FROM m ORDER BY id')).toEqual([
    ['1', '1'],
    ['2', '2'],
  ]);
  expect(await twin.engine.run('SELECT sqlstate FROM "m$errors"')).toEqual([]);
  await twin.close();
}, 120_000);

test('statements that change tables take subqueries too', async () => {
  const twin = await Twin.open([
    ...tables,
    "INSERT INTO t VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, NULL, NULL, 3)",
    "INSERT INTO s VALUES (1, 'a', 5, 1), (2, 'c', 2, 2)",
    "INSERT INTO u VALUES ('a', 7), ('b', 8)",
  ]);
  for (const statement of [
    'UPDATE t SET v = (SELECT max(s.v) FROM s WHERE s.g = t.g) WHERE g IN (SELECT k FROM u)',
    'DELETE FROM s WHERE NOT EXISTS (SELECT FROM u WHERE u.k = s.g)',
    "INSERT INTO u VALUES ('z', (SELECT count(*) FROM t))",
    'INSERT INTO s SELECT id + 10, g, (SELECT min(w) FROM u), n FROM t WHERE v IS NULL',
    'WITH RECURSIVE r(x) AS (SELECT 20 UNION SELECT x + 1 FROM r WHERE x < 23) SELECT x FROM r',
  ]) {
    await twin.both(statement);
  }
  for (const table of ['t', 's', 'u']) {
    expect(await twin.ours(`SELECT * FROM ${table}`)).toEqual(
      await twin.theirs(`SELECT * FROM ${table}`),
    );
  }
  await twin.close();
}, 120_000);
