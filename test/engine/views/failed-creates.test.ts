import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SystemTopic } from '../../../engine/broker/system-topic.ts';
import { JoinOperator } from '../../../engine/dataflow/join.ts';
import { Catalogue } from '../../../engine/views/catalogue.ts';
import { RelationReader } from '../../../engine/views/relation-reader.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { SyncEntryReader } from '../../../storage/log/sync-entry-reader.ts';
import { type Engine, openEngineInMemory } from './harness.ts';

/** A CREATE that fails leaves everything as it was; the engine goes on. */
let engine: Engine;
beforeEach(async () => {
  engine = await openEngineInMemory();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await engine.close();
});

const count = 20_000;
const small = "CREATE MATERIALIZED VIEW v WITH (state_budget = '300kB') AS SELECT a FROM t";

async function withRows(): Promise<void> {
  await engine.run(`CREATE TABLE t (a int);
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM t;
    INSERT INTO t SELECT n FROM generate_series(1, ${count}) g(n)`);
}

/** The name is free, also after a start, and the engine works. */
async function expectAsBefore(rows = count): Promise<void> {
  for (const start of ['before', 'after']) {
    await expect(engine.run('SELECT * FROM v'), start).rejects.toMatchObject({ sqlState: '42P01' });
    expect(await engine.run('SELECT n FROM beside'), start).toEqual([[String(rows)]]);
    if (start === 'before') engine = await engine.restart();
  }
  await engine.run('CREATE MATERIALIZED VIEW v AS SELECT a FROM t WHERE a < 3');
  await engine.run('INSERT INTO t VALUES (1)');
  expect(await engine.run('SELECT a FROM v ORDER BY a')).toEqual([['1'], ['1'], ['2']]);
  expect(await engine.run('SELECT n FROM beside')).toEqual([[String(rows + 1)]]);
}

/** The log takes no DROP: what a kill between a failure and its record leaves. */
function refuseDrops(): void {
  const { change } = SystemTopic.prototype;
  vi.spyOn(SystemTopic.prototype, 'change').mockImplementation(function (this: SystemTopic, make) {
    return change.call(this, () => {
      const record = make();
      if (record?.op === 'relation-dropped') throw new MillraceError('DISK_FULL', 'no space left');
      return record;
    });
  });
}

/** Resolves a turn after the next relation has begun to fill: its record is durable. */
function fillBegun(): Promise<void> {
  const { fill } = RelationReader.prototype;
  return new Promise((resolve) => {
    vi.spyOn(RelationReader.prototype, 'fill').mockImplementationOnce(function (
      this: RelationReader,
      ...args
    ) {
      const filling = fill.apply(this, args);
      setImmediate(resolve);
      return filling;
    });
  });
}

test('over its budget while it is filled', async () => {
  await withRows();
  await expect(engine.run(small)).rejects.toMatchObject({
    sqlState: '53200',
    message: expect.stringMatching(
      /^materialized view "v" was not created: its state of \d+ bytes is over its budget of 307200$/,
    ),
  });
  await expectAsBefore();
});

test('an operator that fails while it is filled, of a view and of a sink', async () => {
  await withRows();
  await engine.run('CREATE TOPIC out');
  const step = vi.spyOn(JoinOperator.prototype, 'step').mockImplementation(() => {
    throw new Error('it cannot run');
  });
  const joined = 'SELECT x.a FROM t x JOIN t y ON x.a = y.a';
  const changes = "WITH (format = 'changelog')";
  for (const text of [
    `MATERIALIZED VIEW v AS ${joined}`,
    `SINK v AS ${joined} INTO TOPIC out ${changes}`,
  ]) {
    await expect(engine.run(`CREATE ${text}`)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/ "v" was not created: Error: it cannot run$/),
    });
  }
  step.mockRestore();
  await expectAsBefore();
});

test('an index that cannot be built', async () => {
  await withRows();
  vi.spyOn(Catalogue.prototype, 'addIndex').mockImplementationOnce(() => {
    throw new Error('it cannot be built');
  });
  await expect(engine.run('CREATE INDEX v ON t (a)')).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'Error: it cannot be built',
  });
  await expectAsBefore();
});

test('a log that cannot be read, of a view and of a table over a topic', async () => {
  await withRows();
  await engine.run(`CREATE TOPIC rows WITH (queues = 1);
    CREATE SOURCE s (k int, x int) WITH (topic = 'rows', format = 'json')`);
  const row = (k: number) => JSON.stringify({ k, x: k });
  await engine.publish('rows', [row(1), row(2)]);
  // Once these are counted, no step reads the log any more.
  expect(await engine.run('SELECT count(*) FROM s')).toEqual([['2']]);
  for (const [name, text] of [
    ['s', 'CREATE MATERIALIZED VIEW v AS SELECT k FROM s'],
    ['k', "CREATE TABLE k (k int PRIMARY KEY, x int) WITH (topic = 'rows', format = 'json')"],
  ] as const) {
    if (name === 'k') await engine.run('DROP SOURCE s');
    vi.spyOn(SyncEntryReader.prototype, 'readRange').mockImplementationOnce(() => {
      throw new MillraceError('IO', 'the disk is gone');
    });
    await expect(engine.run(text)).rejects.toMatchObject({ code: 'IO' });
  }
  // Nobody follows the topic: it is followed again from its end on, and filled up to there.
  await engine.publish('rows', [row(3)]);
  await engine.run(
    "CREATE TABLE k (k int PRIMARY KEY, x int) WITH (topic = 'rows', format = 'json')",
  );
  await engine.publish('rows', [row(4)]);
  expect(await engine.run('SELECT count(*) FROM k')).toEqual([['4']]);
  await expectAsBefore();
});

test('a statement that is cancelled while it fills, and a stop', async () => {
  await engine.run(`CREATE TABLE t (a int);
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM t`);
  await engine.run('INSERT INTO t SELECT n FROM generate_series(1, 200000) g(n)');
  const text = 'CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS n FROM t GROUP BY a';
  const control = new AbortController();
  const begun = fillBegun();
  const cancelled = engine.sql.execute(text, { signal: control.signal });
  void begun.then(() => control.abort());
  await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
  await expect(engine.run('SELECT * FROM v')).rejects.toMatchObject({ sqlState: '42P01' });
  const again = fillBegun();
  const stopped = expect(engine.run(text)).rejects.toMatchObject({ code: 'CANCELLED' });
  await again;
  engine = await engine.restart();
  await stopped;
  await expectAsBefore(200_000);
});

test('killed in the middle of a fill: the start fills it', async () => {
  await engine.run(`CREATE TABLE t (a int);
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM t`);
  await engine.run('INSERT INTO t SELECT n FROM generate_series(1, 200000) g(n)');
  const text =
    'CREATE MATERIALIZED VIEW v AS SELECT a % 7 AS k, count(*) AS n FROM t GROUP BY a % 7';
  refuseDrops();
  const begun = fillBegun();
  const stopped = expect(engine.run(text)).rejects.toMatchObject({});
  await begun;
  engine = await engine.crash();
  await stopped;
  vi.restoreAllMocks();
  expect(await engine.run('SELECT sum(n) FROM v')).toEqual([['200000']]);
  await engine.run('INSERT INTO t VALUES (7)');
  expect(await engine.run('SELECT sum(n) FROM v')).toEqual([['200001']]);
});

test('killed between a failure and the DROP: the view says why it stopped, the rest goes on', async () => {
  await withRows();
  refuseDrops();
  await expect(engine.run(small)).rejects.toMatchObject({ sqlState: '53200' });
  for (const start of ['before', 'after']) {
    await expect(engine.run('SELECT * FROM v'), start).rejects.toMatchObject({ sqlState: '53200' });
    expect(await engine.run('SELECT n FROM beside'), start).toEqual([[String(count)]]);
    if (start === 'before') engine = await engine.crash();
  }
  vi.restoreAllMocks();
  await engine.run('DROP MATERIALIZED VIEW v');
  await expectAsBefore();
});
