import { expect, test } from 'vitest';
import { type Engine, openEngine } from './harness.ts';

/** RisingWave's CREATE TABLE ... ON CONFLICT over messages, over restarts and after ALTER TABLE. */

const tables = ['first', 'filled', 'last'];

async function rowsOf(engine: Engine): Promise<Record<string, unknown>> {
  const rows: Record<string, unknown> = {};
  for (const name of [...tables, 'sums', 'own']) {
    rows[name] = await engine.run(`SELECT * FROM ${name} ORDER BY 1`);
  }
  return rows;
}

test('messages whose key is there do what the table says', async () => {
  let engine = await openEngine();
  await engine.run('CREATE TOPIC m WITH (queues = 1)');
  const over = `(k int PRIMARY KEY, a int, b text)`;
  const options = `WITH (topic = 'm', format = 'json')`;
  await engine.run(`CREATE TABLE first ${over} ON CONFLICT DO NOTHING ${options};
    CREATE TABLE filled ${over} ON CONFLICT DO UPDATE IF NOT NULL ${options};
    CREATE TABLE last ${over} ON CONFLICT DO UPDATE FULL ${options};
    CREATE MATERIALIZED VIEW sums AS SELECT b, sum(a) AS a, count(*) AS n FROM filled GROUP BY b;
    CREATE TABLE own ${over} ON CONFLICT DO UPDATE IF NOT NULL;
    INSERT INTO own VALUES (1, 1, NULL)`);
  await engine.publish('m', ['{"k":1,"a":1}', '{"k":1,"b":"x"}', '{"k":2,"a":2,"b":"y"}']);
  await engine.publish('m', ['{"k":1,"a":5}', '{"k":3,"b":"z"}']);
  await engine.run(`ALTER TABLE own ADD COLUMN c int; INSERT INTO own VALUES (1, NULL, 'b', 3)`);
  const expected = {
    first: [
      ['1', '1', 'NULL'],
      ['2', '2', 'y'],
      ['3', 'NULL', 'z'],
    ],
    filled: [
      ['1', '5', 'x'],
      ['2', '2', 'y'],
      ['3', 'NULL', 'z'],
    ],
    last: [
      ['1', '5', 'NULL'],
      ['2', '2', 'y'],
      ['3', 'NULL', 'z'],
    ],
    sums: [
      ['x', '5', '1'],
      ['y', '2', '1'],
      ['z', 'NULL', '1'],
    ],
    own: [['1', '1', 'b', '3']],
  };
  expect(await rowsOf(engine)).toEqual(expected);
  engine = await engine.crash();
  expect(await rowsOf(engine)).toEqual(expected);
  engine = await engine.restart();
  expect(await rowsOf(engine)).toEqual(expected);
  expect(await engine.run('INSERT INTO own SELECT 7, 7, NULL, 7 WHERE false')).toBe('INSERT 0 0');
  await engine.publish('m', ['{"k":2,"a":9}']);
  expect((await rowsOf(engine)).filled).toContainEqual(['2', '9', 'y']);
  expect((await rowsOf(engine)).first).toContainEqual(['2', '2', 'y']);
  await engine.close();
});
