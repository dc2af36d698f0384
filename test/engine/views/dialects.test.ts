import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, openEngineInMemory } from './harness.ts';

/** Scripts in other dialects, run: what they mean and how they are kept. */
let engine: Engine;
beforeAll(async () => {
  engine = await openEngineInMemory();
});
afterAll(() => engine.close());

test('a script in another dialect makes relations in ours, which outlive a restart', async () => {
  await engine.run(`SET dialect = 'mysql';
    CREATE TABLE \`order line\` (id BIGINT(20) NOT NULL, item VARCHAR(10), price DECIMAL(8,2), PRIMARY KEY (id)); # ours
    CREATE MATERIALIZED VIEW totals AS
      SELECT IFNULL(item, "none") AS item, SUM(price) AS total, COUNT(*) / 2 AS half
      FROM \`order line\` WHERE id = 1 OR id > 0 AND price > 0 GROUP BY 1;
    INSERT INTO \`order line\` VALUES (1, 'lamp', 19.950), (2, NULL, 1), (3, 'lamp', 0)`);
  const rows = [
    ['lamp', '19.95', '0.50000000000000000000'],
    ['none', '1.00', '0.50000000000000000000'],
  ];
  expect(await engine.run('SELECT * FROM totals ORDER BY item')).toEqual(rows);
  const [[, shown]] = (await engine.run('SHOW CREATE MATERIALIZED VIEW totals')) as [
    [string, string],
  ];
  expect(shown).toContain(
    `SELECT coalesce(item, 'none') AS item, sum(price) AS total, ((count(*) * 1.0) / nullif(2, 0)) AS half`,
  );
  expect(shown).toContain('((id = 1) OR ((id > 0) AND (price > 0)))');
  engine = await engine.restart();
  await engine.run('SET dialect = mysql; DELETE FROM `order line` WHERE id = 2');
  expect(await engine.run('SELECT * FROM totals')).toEqual(rows.slice(0, 1));
});

test('what is wrong in a translated statement is told with the native text', async () => {
  await expect(engine.run("SET dialect = 'mysql'; SELECT IFNULL(nosuch, 1)")).rejects.toMatchObject(
    {
      sqlState: '42703',
      position: undefined,
      hint: expect.stringContaining('It was read as: SELECT coalesce(nosuch, 1)'),
    },
  );
});

test('a dialect that is none is refused, and nothing after it runs', async () => {
  const script = "SET dialect = 'klingon'; CREATE TOPIC never";
  await expect(engine.run(script)).rejects.toMatchObject({ sqlState: '22023' });
  expect(await engine.run('SHOW topics')).not.toContainEqual(expect.arrayContaining(['never']));
});

test('settings are shown, set and reset', async () => {
  expect(await engine.run("SET TIME ZONE 'UTC'; SHOW TIME ZONE")).toEqual([['UTC']]);
  expect(await engine.run('SET TIME ZONE LOCAL; RESET TIME ZONE; SHOW timezone')).toEqual([
    ['UTC'],
  ]);
  expect(await engine.run("SET application_name = 'x'; RESET ALL; SHOW application_name")).toEqual([
    [''],
  ]);
  await expect(engine.run('RESET nosuch')).rejects.toMatchObject({ sqlState: '42704' });
});

test('what somebody may not do he may not do in another dialect either', async () => {
  const { sql } = engine;
  const reader = { session: 'reader', highest: 'read' } as const;
  await sql.execute("SET dialect = 'mysql'", reader);
  await expect(sql.execute('DELETE FROM `order line`', reader)).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  await expect(sql.describe('DROP TABLE `order line`', reader)).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  const writer = { ...reader, highest: 'write' } as const;
  expect(await sql.execute('DELETE FROM `order line`', writer)).toMatchObject({ kind: 'command' });
});
