import { expect, test } from 'vitest';
import { encode } from '../../../connectors/rocketmq/codec.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { entryKinds } from '../../../storage/store.ts';
import { seedOr } from '../../random-seed.ts';
import { type Engine, openEngineInMemory } from './harness.ts';

/** Relations over compacted topics, and tables whose own topics are compacted. */

const seed = seedOr(20261126);
const segmentBytes = 8192;

interface Keyed {
  readonly key: string | undefined;
  readonly body: string;
}

/** As `publish`, with keys; each message as one of an entry with the others. */
async function publishKeyed(engine: Engine, topic: string, messages: readonly Keyed[]) {
  const { topicId } = engine.topics.get(topic);
  const body = encode('SendMessageRequest', {
    messages: messages.map(({ key, body: text }) => ({
      topic: { name: topic },
      body: Buffer.from(text),
      system_properties: key === undefined ? {} : { keys: [key] },
    })),
  });
  await engine.store.append({
    ...{ topicId, queueId: 0, kind: entryKinds.messages, count: messages.length },
    ...{ body, firstIdHash: 0, tagHash: 0 },
  });
}

/** Compacts what is in sealed segments; a view's checkpoint goes before. */
async function compact(engine: Engine): Promise<number> {
  let removed = 0;
  for (let pass = 0; pass < 4; pass++) {
    await engine.checkpointed();
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    removed += (await engine.keeper.run()).compactedMessages;
  }
  return removed;
}

async function sorted(engine: Engine, query: string): Promise<string[]> {
  const rows = (await engine.run(query)) as string[][];
  return rows.map((row) => row.join(' | ')).sort();
}

const loseState = (kv: Engine['kv'], state: string) => kv.destroy(state);

test(`a table over a compacted topic has the rows of one over the same topic whole (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  let engine = await openEngineInMemory(segmentBytes);
  await engine.run(`CREATE TOPIC whole WITH (queues = 1);
    CREATE TOPIC thin WITH (queues = 1, cleanup = 'compact', tombstone_ms = 0);
    CREATE TABLE by_id_whole (id bigint PRIMARY KEY, v int) WITH (topic = 'whole');
    CREATE TABLE by_id (id bigint PRIMARY KEY, v int) WITH (topic = 'thin');
    CREATE TABLE by_key_whole (k text METADATA FROM 'key' PRIMARY KEY, v int) WITH (topic = 'whole');
    CREATE TABLE by_key (k text METADATA FROM 'key' PRIMARY KEY, v int) WITH (topic = 'thin');
    CREATE MATERIALIZED VIEW sums AS SELECT v % 3 AS g, count(*) AS n, sum(id) AS s FROM by_id GROUP BY 1;
    CREATE MATERIALIZED VIEW sums_whole AS SELECT v % 3 AS g, count(*) AS n, sum(id) AS s FROM by_id_whole GROUP BY 1;
    CREATE SOURCE seen (id bigint, v int, k text METADATA FROM 'key') WITH (topic = 'thin');
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM seen`);
  let values = 0;
  const publish = async (entries: number) => {
    for (let i = 0; i < entries; i++) {
      const messages = Array.from({ length: 1 + random.below(8) }, (): Keyed => {
        const id = random.below(40);
        if (random.below(4) === 0) return { key: String(id), body: '' };
        values++;
        return { key: String(id), body: JSON.stringify({ id, v: random.below(1000) }) };
      });
      await publishKeyed(engine, 'whole', messages);
      await publishKeyed(engine, 'thin', messages);
    }
  };
  const expectSame = async () => {
    for (const name of ['by_id', 'by_key', 'sums']) {
      const rows = await sorted(engine, `SELECT * FROM ${name}`);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows, name).toEqual(await sorted(engine, `SELECT * FROM ${name}_whole`));
    }
    expect(await sorted(engine, 'SELECT count(*) FROM by_id$errors')).toEqual(['0']);
  };
  await publish(150);
  expect(await compact(engine)).toBeGreaterThan(300);
  await publish(60);
  await expectSame();
  // The view over the source keeps what it has seen; the source itself is what is left.
  expect(await sorted(engine, 'SELECT n FROM counted')).toEqual([String(values)]);
  const [left] = await sorted(engine, 'SELECT count(*) FROM seen');
  expect(Number(left)).toBeLessThan(values / 2);
  engine = await engine.restart();
  expect(await compact(engine)).toBeGreaterThan(0);
  await publish(40);
  await expectSame();
  expect(await sorted(engine, 'SELECT n FROM counted')).toEqual([String(values)]);
  // Without a checkpoint tables are built again from what is left, and a view that was not says so.
  engine = await engine.restart(loseState);
  await expectSame();
  await expect(engine.run('SELECT n FROM counted')).rejects.toThrow(
    /the state of "counted" is lost: .* which was compacted below offset \d+/,
  );
  // A new one says where it starts, and is built from there again.
  await engine.run(`DROP MATERIALIZED VIEW counted;
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM seen`);
  const [before] = await sorted(engine, 'SELECT n FROM counted');
  engine = await engine.restart(loseState);
  expect(await sorted(engine, 'SELECT n FROM counted')).toEqual([before]);
  expect(JSON.stringify(await engine.run('DESCRIBE counted'))).toMatch(/starts at/);
  await engine.close();
}, 120_000);

test(`a table's own topic is compacted, and the table built again from what is left (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  let engine = await openEngineInMemory(segmentBytes);
  await engine.run(
    `CREATE TABLE keyed (a numeric, b text, v int, PRIMARY KEY (a, b));
    CREATE TABLE floats (gone int DEFAULT 0, a double precision PRIMARY KEY, v int);
    CREATE TABLE hidden (v int, t text);
    CREATE TABLE spans (a interval PRIMARY KEY, v int);
    CREATE SINK copies AS SELECT v, count(*) AS n FROM hidden GROUP BY v INTO copy`.replace(
      'CREATE SINK',
      'CREATE TABLE copy (v int PRIMARY KEY, n bigint);\n    CREATE SINK',
    ),
  );
  const tables = ['keyed', 'floats', 'hidden', 'spans', 'copy'];
  const change = async () => {
    const n = random.below(12);
    const scale = '.0'.padEnd(1 + random.below(3), '0').slice(0, random.below(4));
    const number = `${n}${scale === '.' ? '' : scale}`;
    const statements = [
      `INSERT INTO keyed VALUES (${number}, 'x${random.below(3)}', ${random.below(9)})`,
      `DELETE FROM keyed WHERE a = ${n}`,
      `UPDATE keyed SET v = v + 1 WHERE b = 'x${random.below(3)}'`,
      `INSERT INTO floats (a, v) VALUES (${random.below(3) === 0 ? `'-0'` : n}, ${random.below(9)})`,
      `DELETE FROM floats WHERE a = ${random.below(3) === 0 ? 0 : n}`,
      `INSERT INTO hidden SELECT g, 'text ' || g FROM generate_series(1, ${1 + random.below(6)}) AS g`,
      `DELETE FROM hidden WHERE v = ${random.below(7)}`,
      `UPDATE hidden SET t = t || '!' WHERE v = ${random.below(7)} AND length(t) < 12`,
      `INSERT INTO spans VALUES ('${random.below(3)} days', 1)`,
      `DELETE FROM spans`,
    ];
    await engine.run(statements[random.below(statements.length)]!);
  };
  const all = async () =>
    Promise.all(tables.map((name) => sorted(engine, `SELECT * FROM ${name}`)));
  let removed = 0;
  const alterations = [
    'ALTER TABLE hidden ADD COLUMN more int DEFAULT 3',
    'ALTER TABLE floats DROP COLUMN gone',
    "ALTER TABLE keyed ADD COLUMN more text DEFAULT 'm'",
    'ALTER TABLE hidden ADD COLUMN last date',
  ];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 60; i++) await change();
    await engine.run(alterations[round]!);
    for (let i = 0; i < 120; i++) await change();
    // An output of the sink at the end of what it reads: only then it goes on without its state.
    await engine.run("INSERT INTO hidden VALUES (6, 'last')");
    // A sink writes after the statement was answered.
    const counted = await sorted(engine, 'SELECT v, count(*) FROM hidden GROUP BY v');
    await expect.poll(() => sorted(engine, 'SELECT * FROM copy')).toEqual(counted);
    const before = await all();
    removed += await compact(engine);
    expect(await all()).toEqual(before);
    engine = await engine.restart(round % 2 === 0 ? loseState : undefined);
    expect(await all()).toEqual(before);
  }
  expect(removed).toBeGreaterThan(200);
  await engine.close();
}, 180_000);

test('a sink without its state does not write again what was compacted beyond its last output', async () => {
  let engine = await openEngineInMemory(segmentBytes);
  await engine.run(`CREATE TABLE t (a int PRIMARY KEY, v text);
    CREATE TOPIC out WITH (queues = 1);
    CREATE SINK known AS SELECT a FROM t INTO TOPIC out WITH (format = 'changelog');
    CREATE SOURCE seen (op text, a int) WITH (topic = 'out')`);
  const changes = async (count: number) => {
    await expect
      .poll(async () => (await sorted(engine, 'SELECT op, a FROM seen')).length)
      .toBe(count);
    return new Set(await sorted(engine, 'SELECT op, a FROM seen')).size;
  };
  await engine.run("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 20) AS g");
  expect(await changes(20)).toBe(20);
  // Rows come again with another text, of which the sink knows nothing.
  const rewrite = async () => {
    for (let i = 0; i < 20; i++) await engine.run(`UPDATE t SET v = repeat('y', ${100 + i})`);
    expect(await compact(engine)).toBeGreaterThan(100);
  };
  await rewrite();
  // Its last output is behind all that: nothing is lost with its state.
  await engine.run("INSERT INTO t VALUES (21, 'z')");
  expect(await changes(21)).toBe(21);
  engine = await engine.restart(loseState);
  expect(await changes(21)).toBe(21);
  await rewrite();
  for (const between of [loseState, undefined]) {
    engine = await engine.restart(between);
    expect(String(await engine.run('DESCRIBE known'))).toContain(
      'sink "known" stopped: its state is lost',
    );
    await engine.run('UPDATE t SET v = NULL');
    expect(await changes(21)).toBe(21);
  }
  expect(await engine.run('SELECT count(*) FROM t')).toEqual([['21']]);
  await engine.close();
}, 120_000);
