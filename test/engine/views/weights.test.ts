import { afterEach, expect, test } from 'vitest';
import { type Engine, openEngineInMemory } from './harness.ts';

let engine: Engine;
afterEach(() => engine.close());

test('a weight that does not fit stops its view and those above; no count wraps round', async () => {
  engine = await openEngineInMemory();
  await engine.run(`CREATE TABLE s (x int);
    CREATE MATERIALIZED VIEW rows_of_x AS SELECT x FROM s;
    CREATE MATERIALIZED VIEW squares AS SELECT a.x FROM rows_of_x a JOIN rows_of_x b ON a.x = b.x;
    CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM squares;
    CREATE MATERIALIZED VIEW outer_squares AS
      SELECT a.x, b.x AS y FROM rows_of_x a LEFT JOIN rows_of_x b ON a.x = b.x;
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM s`);
  const insert = () => engine.run('INSERT INTO s SELECT 1 FROM generate_series(1, 23200)');
  await insert();
  expect(await engine.run('SELECT n FROM above')).toEqual([['538240000']]);
  await insert();
  const tooMany = { sqlState: '54000' };
  // 46,400 squared is more than 2^31 - 1.
  await expect(engine.run('SELECT n FROM above')).rejects.toMatchObject(tooMany);
  await expect(engine.run('SELECT x FROM outer_squares')).rejects.toMatchObject(tooMany);
  expect(String(await engine.run('DESCRIBE squares'))).toContain('stopped');
  expect(await engine.run('SELECT n FROM beside')).toEqual([['46400']]);
  expect(await engine.run('SELECT count(*) FROM rows_of_x')).toEqual([['46400']]);
});
