import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FlightSqlClient } from '../../../connectors/flight/flight-client.ts';
import { MillraceError } from '../../../platform/errors.ts';
import type { Batch } from '../../../sql/columns/batch.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { fromText } from '../../../sql/columns/text.ts';
import type { Field, SqlType } from '../../../sql/columns/types.ts';
import { type FlightHost, startFlight } from './flight-host.ts';

let host: FlightHost;
let client: FlightSqlClient;

beforeAll(async () => {
  host = await startFlight();
  client = new FlightSqlClient(host.endpoint);
});
afterAll(async () => {
  await client.close();
  host.stop();
});

async function rowsOf(text: string): Promise<(string | null)[][]> {
  const answer = await client.execute(text);
  if (answer.kind !== 'rows') throw new Error(`a command: ${answer.tag}`);
  const rows = [];
  for await (const row of answer.rows) rows.push(row);
  return rows;
}

async function errorOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

const bigint: SqlType = { kind: 'bigint' };

describe('cells are what PostgreSQL prints', () => {
  const cells: [SqlType, ...string[]][] = [
    [{ kind: 'boolean' }, 't', 'f'],
    [{ kind: 'smallint' }, '-32768', '32767'],
    [{ kind: 'integer' }, '-2147483648', '7'],
    [bigint, '-9223372036854775808', '9223372036854775807'],
    [{ kind: 'real' }, '0.1', '-3e+20'],
    [{ kind: 'double' }, '0.1', '1e-07', 'NaN', '-Infinity'],
    [{ kind: 'numeric', precision: 38, scale: 4 }, '-0.0100', `${'9'.repeat(34)}.9999`],
    [{ kind: 'numeric' }, '-0.010', '1', '1.00', '0'.concat('.', '0'.repeat(20), '1')],
    [{ kind: 'text' }, '', 'naïve 😀 \u0000', 'x'.repeat(100)],
    [{ kind: 'varchar', length: 20 }, 'äöü'],
    [{ kind: 'unknown' }, 'abc'],
    [{ kind: 'bytea' }, '\\x', '\\x00ff80'],
    [{ kind: 'date' }, '1969-12-31', '2024-02-29'],
    [{ kind: 'time' }, '00:00:00', '23:59:59.999999'],
    [{ kind: 'timestamp' }, '1969-12-31 23:59:59.999999', '2024-02-29 12:00:00'],
    [{ kind: 'timestamptz' }, '2024-02-29 12:00:00+00'],
    [{ kind: 'interval' }, '-1 years -2 mons +3 days -04:05:06.789', '00:00:00'],
  ];

  test.each(cells)('%o', async (type, ...texts) => {
    const field: Field = { name: 'größe', type, nullable: true };
    const values = texts.map((text) => fromText(type, text));
    const rows = [...values, null, ...values].map((value) => [value]);
    host.sql.queries.set('SELECT cells', {
      fields: [field],
      batches: [batchOf([field], rows), batchOf([field], []), batchOf([field], [[null]])],
    });
    const answer = await client.execute('SELECT cells');
    expect(answer).toMatchObject({ kind: 'rows', fields: [{ name: 'größe', type }] });
    const expected = [...texts, null, ...texts, null].map((text) => [text]);
    expect(await rowsOf('SELECT cells')).toEqual(expected);
  });
});

test('rows that do not fit one message arrive in order', async () => {
  const field: Field = { name: 't', type: { kind: 'text' }, nullable: true };
  const texts = Array.from({ length: 40 }, (_, row) =>
    row % 7 === 0 ? null : `${row}`.repeat(row === 20 ? 2_500_000 : 100_000),
  );
  const batch = batchOf(
    [field],
    texts.map((text) => [text]),
  );
  host.sql.queries.set('SELECT large', { fields: [field], batches: [batch] });
  const rows = await rowsOf('SELECT large');
  expect(rows.map(([text]) => text?.length)).toEqual(texts.map((text) => text?.length));
  expect(rows.every(([text], row) => text === texts[row])).toBe(true);
});

test('a command comes with its tag and runs once', async () => {
  expect(await client.execute('INSERT INTO t')).toEqual({
    kind: 'command',
    tag: 'INSERT 0 3',
    rowsAffected: 3,
  });
  expect(await client.execute('CREATE TABLE once')).toEqual({
    kind: 'command',
    tag: 'CREATE TABLE',
  });
  expect(host.sql.executed.filter((text) => text === 'CREATE TABLE once')).toHaveLength(1);
});

test('errors keep code, position, hint and SQLSTATE', async () => {
  const syntax = await errorOf(client.execute('SELEKT\n  1'));
  expect(syntax).toMatchObject({
    code: 'SQL_SYNTAX',
    message: 'syntax error at or near "SELE"',
    position: { offset: 7, line: 2, column: 3, length: 4 },
    hint: 'Did you mean "SELECT"?',
    sqlState: '42601',
  });
  await client.execute('CREATE TABLE twice');
  const exists = await errorOf(client.execute('CREATE TABLE twice'));
  expect(exists).toMatchObject({ code: 'ALREADY_EXISTS', hint: 'Größe: 100 % "здесь"' });
  expect(exists.position).toBeUndefined();
});

test('an error after some rows ends the rows with it', async () => {
  const field: Field = { name: 'n', type: bigint, nullable: false };
  host.sql.queries.set('SELECT half', {
    fields: [field],
    async *batches() {
      yield batchOf([field], [[1n]]);
      throw new MillraceError('SQL_RUNTIME', 'division by zero', { sqlState: '22012' });
    },
  });
  const error = await errorOf(rowsOf('SELECT half'));
  expect(error).toMatchObject({ code: 'SQL_RUNTIME', message: 'division by zero' });
});

test('progress is reported when asked for', async () => {
  host.sql.queries.set('SELECT slow', { fields: [], batches: [] });
  const seen: unknown[] = [];
  await client.execute('SELECT slow', { onProgress: (progress) => seen.push(progress) });
  expect(seen).toEqual([{ done: 1, total: 3 }]);
});

test('nobody there is UNAVAILABLE', async () => {
  const nobody = new FlightSqlClient('127.0.0.1:1');
  expect(await errorOf(nobody.execute('SELECT 1'))).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^the server cannot be reached: connect ECONNREFUSED [^ ]+$/),
    hint: expect.stringContaining('--endpoint'),
  });
  await nobody.close();
});

/** Batches without end; counts them and notes when the consumer is gone. */
function endless(field: Field, batch: Batch) {
  const state = { sent: 0, ended: false };
  host.sql.queries.set('SELECT endless', {
    fields: [field],
    async *batches(signal) {
      try {
        for (;;) {
          if (signal?.aborted) throw new MillraceError('CANCELLED', 'the query was cancelled');
          // Without back-pressure the test is to fail, not to fill the memory.
          if (++state.sent > 2000) throw new Error('nobody held the query back');
          await setImmediate();
          yield batch;
        }
      } finally {
        state.ended = true;
      }
    },
  });
  return state;
}

describe('a result without end', () => {
  const field: Field = { name: 't', type: { kind: 'text' }, nullable: false };
  const batch = batchOf(
    [field],
    Array.from({ length: 1000 }, () => ['y'.repeat(100)]),
  );

  test('a slow reader holds the query back; leaving cancels it', async () => {
    const state = endless(field, batch);
    const answer = await client.execute('SELECT endless');
    if (answer.kind !== 'rows') throw new Error('no rows');
    const rows = answer.rows[Symbol.asyncIterator]();
    expect((await rows.next()).value).toEqual(['y'.repeat(100)]);
    let sent = 0;
    for (let quietTurns = 0; quietTurns < 10; quietTurns++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (state.sent !== sent) quietTurns = 0;
      sent = state.sent;
      expect(sent * 100_000, 'sent to a reader that reads nothing').toBeLessThan(64e6);
    }
    await rows.return?.();
    await expect.poll(() => state.ended).toBe(true);
  });

  test('an abort ends the rows with CANCELLED', async () => {
    const state = endless(field, batch);
    const controller = new AbortController();
    const answer = await client.execute('SELECT endless', { signal: controller.signal });
    if (answer.kind !== 'rows') throw new Error('no rows');
    const { rows } = answer;
    let count = 0;
    const drained = (async () => {
      for await (const _ of rows) if (++count === 5000) controller.abort();
    })();
    expect((await errorOf(drained)).code).toBe('CANCELLED');
    await expect.poll(() => state.ended).toBe(true);
    expect((await errorOf(client.execute('INSERT 1', { signal: controller.signal }))).code).toBe(
      'CANCELLED',
    );
  });

  test('closing the service ends it with CANCELLED', async () => {
    const state = endless(field, batch);
    const drained = rowsOf('SELECT endless');
    await expect.poll(() => state.sent).toBeGreaterThan(0);
    host.closeService();
    expect((await errorOf(drained)).code).toBe('CANCELLED');
    expect(state.ended).toBe(true);
  });
});
