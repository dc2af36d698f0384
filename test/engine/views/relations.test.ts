import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { randomChange, tables } from './random-changes.ts';
import { Twin } from './twin.ts';

/** Views over several relations follow random changes as PostgreSQL does, through restarts. */
const seed = seedOr(20261125);

const queries: Readonly<Record<string, string>> = {
  union: 'SELECT g, v FROM t UNION SELECT k, w FROM u',
  union_all: 'SELECT g FROM t UNION ALL SELECT k FROM u',
  intersect: 'SELECT g FROM t INTERSECT SELECT k FROM u',
  intersect_all: 'SELECT g FROM t INTERSECT ALL SELECT g FROM s',
  except: 'SELECT g FROM t EXCEPT SELECT k FROM u',
  except_all: 'SELECT g FROM t EXCEPT ALL SELECT g FROM s',
  set_order: 'SELECT v FROM t UNION ALL SELECT w FROM u INTERSECT SELECT v FROM s',
  set_left: 'SELECT g FROM t EXCEPT SELECT k FROM u UNION ALL SELECT g FROM s',
  set_parens: 'SELECT g FROM t EXCEPT ALL (SELECT k FROM u UNION ALL SELECT g FROM s)',
  set_types: "SELECT v, NULL AS n FROM t UNION SELECT n, 'x' FROM s UNION SELECT 1, g FROM s",
  set_empty: 'SELECT FROM t INTERSECT ALL SELECT FROM s',
  left_join: 'SELECT t.id, t.g, u.w FROM t LEFT JOIN u ON t.g = u.k',
  right_join: 'SELECT s.id, s.v, t.id AS tid FROM t RIGHT JOIN s ON t.v = s.v',
  full_join: 'SELECT t.id, s.id AS sid FROM t FULL JOIN s ON t.g = s.g AND t.v = s.v',
  left_residual: 'SELECT t.id, s.id AS sid FROM t LEFT JOIN s ON t.g = s.g AND t.v < s.v',
  left_right_only: 'SELECT t.id, s.id AS sid FROM t LEFT JOIN s ON t.g = s.g AND s.v > 3',
  left_left_only: 'SELECT t.id, s.id AS sid FROM t LEFT JOIN s ON t.g = s.g AND t.v > 3',
  left_theta: 'SELECT t.id, s.id AS sid FROM t LEFT JOIN s ON t.v < s.v - 4',
  full_residual: 'SELECT t.id, s.id AS sid FROM t FULL JOIN s ON t.g = s.g AND t.v + s.v > 6',
  left_constant: 'SELECT t.id, u.k FROM t LEFT JOIN u ON false',
  left_true: 'SELECT t.id, u.k FROM u LEFT JOIN t ON true',
  null_safe: 'SELECT t.id, s.id AS sid FROM t JOIN s ON t.g IS NOT DISTINCT FROM s.g AND t.v = s.v',
  left_null_safe: 'SELECT t.id, s.id AS sid FROM t LEFT JOIN s ON t.v IS NOT DISTINCT FROM s.v',
  chain: `SELECT t.id, u.w, s.id AS sid FROM t LEFT JOIN u ON t.g = u.k LEFT JOIN s ON s.v = u.w
    WHERE u.w IS NULL OR s.id > 3`,
  nested: 'SELECT t.id, s.id AS sid, u.w FROM t LEFT JOIN (s JOIN u ON s.g = u.k) ON t.v = s.v',
  natural: 'SELECT * FROM (SELECT id, g FROM t) a NATURAL JOIN (SELECT g, v FROM s) b',
  natural_full: 'SELECT * FROM (SELECT g, v FROM t) a NATURAL FULL JOIN (SELECT g, n FROM s) b',
  using_right:
    'SELECT * FROM (SELECT id, v FROM t) a RIGHT JOIN (SELECT id, g FROM s) b USING (id)',
  using_chain: `SELECT * FROM (SELECT g, id FROM t) a JOIN (SELECT g, v FROM s) b USING (g)
    LEFT JOIN (SELECT v, n, g AS h FROM s) c USING (v)`,
  self: 'SELECT a.id AS x, b.id AS y FROM t a LEFT JOIN t b ON a.v = b.v AND a.id < b.id',
  cross: 'SELECT count(*) AS c FROM t CROSS JOIN u CROSS JOIN u AS u2',
  outer_sum:
    'SELECT u.k, count(t.id) AS c, sum(t.v) AS s FROM u LEFT JOIN t ON t.g = u.k GROUP BY u.k',
};

test(`views over several relations follow random changes (SEED=${seed})`, async () => {
  const random = new SeededRandom(seed);
  const twin = await Twin.open(tables);
  for (const [name, query] of Object.entries(queries)) {
    expect(await twin.view(`v_${name}`, query), query).toBe(true);
  }
  for (let round = 0; round < 10; round++) {
    let last = '';
    for (let i = random.below(5); i >= 0; i--) {
      last = randomChange(random);
      await twin.both(last);
    }
    await twin.check(last, round % 3 === 2 ? 'views and queries' : 'views');
    if (round % 5 !== 4) continue;
    await twin.restart(random.below(2) === 0);
    await twin.check('a restart', 'views');
  }
  await twin.close();
}, 120_000);
