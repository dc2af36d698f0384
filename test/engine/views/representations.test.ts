import { afterAll, beforeAll, expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { type Engine, openEngineInMemory } from './harness.ts';

/**
 * Values that SQL calls equal though they look different. Which one a result shows must depend on
 * the rows that are there alone: not on their order, nor on rows that came and went.
 */
const numbers = ['1', '1.0', '1.00', '2.5', '2.50', '0', '0.000', 'NULL'];
const doubles = ["'0'", "'-0'", "'1'", 'NULL'];
const intervals = ["'1 day'", "'24 hours'", "'1 mon'", "'30 days'", "'720 hours'"];
const jsons = ["'1.0'", "'1.00'", '\'{"a": 1}\'', '\'{"a": 1.0}\'', "'[2.50]'", "'[2.5]'"];
const arrays = ["'{1.0,2}'", "'{1,2.0}'", "'{1.00}'", "'{1}'", 'NULL'];

const columns = `id int PRIMARY KEY, g int, n numeric, d double precision, i interval, j jsonb,
  a numeric[]`;

const queries = [
  'SELECT n, count(*) FROM t GROUP BY n',
  'SELECT d, sum(n) FROM t GROUP BY d',
  'SELECT i, j, max(g) FROM t GROUP BY i, j',
  'SELECT DISTINCT n, i FROM t',
  'SELECT DISTINCT j FROM t UNION SELECT DISTINCT j FROM t WHERE g = 1',
  'SELECT DISTINCT a FROM t',
  'SELECT n, i, count(*) FROM t GROUP BY CUBE (n, i)',
  'SELECT g, min(n), max(n), min(d), max(d), min(i), max(i), min(a), max(a) FROM t GROUP BY g',
  'SELECT g, array_agg(DISTINCT n), array_agg(DISTINCT i), jsonb_agg(DISTINCT j) FROM t GROUP BY g',
  'SELECT g, array_agg(n), array_agg(j ORDER BY n), sum(DISTINCT n), avg(DISTINCT n) FROM t GROUP BY g',
  'SELECT g, mode() WITHIN GROUP (ORDER BY n), percentile_disc(0.5) WITHIN GROUP (ORDER BY n) FROM t GROUP BY g',
  'SELECT n FROM t WHERE g = 0 INTERSECT SELECT n FROM t WHERE g = 1',
  'SELECT n, i FROM t WHERE g = 0 INTERSECT ALL SELECT n, i FROM t WHERE g = 1',
  "SELECT i FROM t WHERE g < 2 EXCEPT SELECT i FROM t WHERE i > interval '20 days'",
  'SELECT j FROM t WHERE g = 0 EXCEPT ALL SELECT j FROM t WHERE g = 1',
  'SELECT g, row_number() OVER (ORDER BY j), first_value(n) OVER (ORDER BY n, i) FROM t',
  'SELECT DISTINCT ON (n) n, i, j FROM t ORDER BY n, i',
  'SELECT n FROM t ORDER BY n LIMIT 3',
];

let engine: Engine;
const seed = seedOr(20261126);
const random = new SeededRandom(seed);
const pick = (values: readonly string[]) => values[random.below(values.length)]!;
const newRow = (id: number) =>
  `(${id}, ${random.below(3)}, ${[numbers, doubles, intervals, jsons, arrays].map(pick).join(', ')})`;

const insert = (table: string, rows: readonly string[]) =>
  engine.run(`INSERT INTO ${table} VALUES ${rows.join(', ')}`);

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random.below(1 << 30) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

beforeAll(async () => {
  engine = await openEngineInMemory();
});
afterAll(() => engine.close());

test('what a result shows of equal values does not depend on the order of the rows', async () => {
  const tables = ['forwards', 'backwards', 'mixed', 'growing'];
  const of = (query: string, table: string) => query.replaceAll('FROM t', `FROM ${table}`);
  for (const table of tables) {
    const kind = table === 'growing' ? ' APPEND ONLY' : '';
    const own = table === 'growing' ? columns.replace(' PRIMARY KEY', '') : columns;
    await engine.run(`CREATE TABLE ${table} (${own})${kind}`);
    for (const [index, query] of queries.entries()) {
      const names = Array.from({ length: 9 }, (_, column) => `c${column}`);
      const width = (await engine.sql.describe(of(query, table))).fields!.length;
      await engine.run(
        `CREATE MATERIALIZED VIEW ${table}_${index} (${names.slice(0, width)}) AS ${of(query, table)}`,
      );
    }
  }
  const shown = new Set<string>();
  for (let round = 0; round < 4; round++) {
    const base = 100 * round;
    const rows = Array.from({ length: 14 }, (_, n) => newRow(base + n));
    for (const row of rows) await insert('forwards', [row]);
    await insert('backwards', rows.toReversed());
    for (const row of shuffled(rows)) await insert('growing', [row]);
    // Rows that come and go in between, and some that are others first.
    const passing = Array.from({ length: 10 }, (_, n) => newRow(base + 50 + n));
    const first = rows.slice(0, 5).map((_, n) => newRow(base + n));
    await insert('mixed', shuffled([...passing, ...first]));
    await engine.run(`DELETE FROM mixed WHERE id % 100 >= 50`);
    for (const row of shuffled(rows)) {
      await engine.run(`DELETE FROM mixed WHERE id = ${/\d+/.exec(row)}`);
      await insert('mixed', [row]);
    }
    for (const [index, query] of queries.entries()) {
      const where = `SEED=${seed}, round ${round}: ${query}`;
      const results: string[] = [];
      for (const table of tables) {
        for (const text of [`SELECT * FROM ${table}_${index}`, of(query, table)]) {
          results.push(((await engine.run(text)) as string[][]).map(String).sort().join('\n'));
        }
      }
      for (const result of results) expect(result, where).toBe(results[0]);
      if (results[0] !== '') shown.add(query);
    }
  }
  expect(queries.filter((query) => !shown.has(query))).toEqual([]);
}, 120_000);
