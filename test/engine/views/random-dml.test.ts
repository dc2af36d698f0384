import { PGlite } from '@electric-sql/pglite';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { openEngine } from './harness.ts';

/**
 * Random DML on two tables, here and in PostgreSQL, with checkpoints, clean stops and kills
 * between; every view equals its query there.
 */
const seed = seedOr(20261123);

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, g text, v bigint, n numeric(8,2))',
  'CREATE TABLE u (k text PRIMARY KEY, w int)',
];

const queries: Readonly<Record<string, string>> = {
  sums: `SELECT g, count(*) AS c, count(v) AS cv, sum(v) AS s, min(v) AS lo, max(v) AS hi, avg(v) AS a,
    sum(n) AS sn, max(n) AS hn, count(*) FILTER (WHERE v > 5) AS big FROM t GROUP BY g`,
  whole: 'SELECT count(*) AS c, sum(v) AS s, min(g) AS g FROM t',
  joined: 'SELECT t.id, t.v, u.w FROM t JOIN u ON t.g = u.k WHERE t.v + u.w > 3',
  crossed: 'SELECT count(*) AS c FROM t, u WHERE t.v < u.w',
  pairs: 'SELECT a.id AS x, b.id AS y FROM t a JOIN t b ON a.v = b.v AND a.id < b.id',
  uniques: 'SELECT DISTINCT g, v FROM t WHERE v IS NOT NULL',
  merged: 'SELECT g AS k FROM t UNION SELECT k FROM u',
  numbered: `SELECT id, row_number() OVER (PARTITION BY g ORDER BY v, id) AS n, sum(v) OVER (PARTITION BY g ORDER BY id) AS s,
    lag(n) OVER (ORDER BY id) AS before FROM t`,
  best: 'SELECT g, id, v FROM (SELECT *, rank() OVER (PARTITION BY g ORDER BY v DESC) AS r FROM t) AS x WHERE r <= 2',
  first_ones: 'SELECT id, v FROM t ORDER BY v DESC NULLS LAST, id LIMIT 4',
  rolled:
    "SELECT g, count(DISTINCT v) AS c, string_agg(id::text, ',' ORDER BY id) AS ids, stddev(n) AS d FROM t GROUP BY ROLLUP (g)",
};
/** Views on views. */
const upper: Readonly<Record<string, string>> = {
  top: 'SELECT max(c) AS most, count(*) AS groups FROM sums',
  cased: `SELECT CASE WHEN s > 10 THEN 'many' ELSE 'few' END AS kind, count(*) AS c FROM sums
    GROUP BY CASE WHEN s > 10 THEN 'many' ELSE 'few' END`,
};

test(`views follow random changes (SEED=${seed})`, async () => {
  const random = new SeededRandom(seed);
  const postgres = new PGlite();
  let engine = await openEngine();
  for (const statement of tables) {
    await postgres.exec(statement);
    await engine.run(statement);
  }
  const views = { ...queries, ...upper };
  for (const [name, query] of Object.entries(views)) {
    await postgres.exec(`CREATE VIEW ${name} AS ${query}`);
    await engine.run(`CREATE MATERIALIZED VIEW ${name} AS ${query}`);
  }
  const maybeNull = (value: string) => (random.below(6) === 0 ? 'NULL' : value);
  const letter = () => `'${'abcd'[random.below(4)]}'`;
  const number = () => String(random.below(12) - 2);
  const statement = (): string => {
    const id = random.below(30);
    switch (random.below(6)) {
      case 0:
      case 1:
        return `INSERT INTO t VALUES (${id}, ${maybeNull(letter())}, ${maybeNull(number())}, ${maybeNull(`${number()}.25`)}) ON CONFLICT (id) DO NOTHING`;
      case 2:
        return `UPDATE t SET v = v + ${number()}, g = ${maybeNull(letter())} WHERE id % 5 = ${id % 5}`;
      case 3:
        return `DELETE FROM t WHERE id BETWEEN ${id} AND ${id + random.below(3)}`;
      case 4:
        return `INSERT INTO u VALUES (${letter()}, ${number()}) ON CONFLICT (k) DO NOTHING`;
      default:
        return random.below(2) === 0
          ? `DELETE FROM u WHERE k = ${letter()}`
          : `UPDATE u SET w = w + 1 WHERE k >= ${letter()}`;
    }
  };
  const check = async (after: string) => {
    for (const name of Object.keys(views)) {
      const { fields, rows } = await postgres.query<unknown[]>(`SELECT * FROM ${name}`, [], {
        rowMode: 'array',
        parsers: textParsers,
      });
      expect(fields.length).toBeGreaterThan(0);
      const theirs = rows.map((row) => row.map((cell) => (cell === null ? 'NULL' : String(cell))));
      const ours = (await engine.run(`SELECT * FROM ${name}`)) as string[][];
      expect(ours.map(String).toSorted(), `${name} after ${after}`).toEqual(
        theirs.map(String).toSorted(),
      );
    }
  };
  for (let round = 0; round < 30; round++) {
    let last = '';
    for (let i = random.below(6); i >= 0; i--) {
      last = statement();
      await postgres.exec(last);
      await engine.run(last);
    }
    await check(last);
    if (random.below(3) === 0) await engine.checkpointed();
    if (round % 5 !== 4) continue;
    engine = random.below(2) === 0 ? await engine.restart() : await engine.crash();
    await check('a restart');
  }
  await engine.close();
  await postgres.close();
}, 120_000);

/** Values as PostgreSQL prints them. */
const textParsers = Object.fromEntries(
  [16, 20, 21, 23, 25, 1043, 1700, 700, 701].map((oid) => [oid, (value: string) => value]),
);
