import { Client, credentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { type Schema, tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packAny, unpackAny } from '../../../connectors/flight/any.ts';
import { arrowSchema, schemaHeader } from '../../../connectors/flight/arrow-schema.ts';
import { batchMessages } from '../../../connectors/flight/flight-data.ts';
import {
  action,
  bindResult,
  flightData,
  flightDescriptor,
  flightInfo,
  putResult,
  result,
  type SqlMessages,
  ticketMessage,
  updateResult,
} from '../../../connectors/flight/messages.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { typeFromName, typeName } from '../../../sql/columns/type-name.ts';
import type { SqlType, SqlValue } from '../../../sql/columns/types.ts';
import { type Engine, openEngineInMemory } from '../../engine/views/harness.ts';
import { TextPostgres } from '../../postgres-text.ts';
import { type FlightHost, serveFlight } from './flight-host.ts';

/** Prepared statements with parameters over the wire, on a real engine; types are PostgreSQL's. */
let engine: Engine;
let host: Omit<FlightHost, 'sql'>;
let client: Client;
let postgres: TextPostgres;
const schema =
  'CREATE TABLE t (id bigint PRIMARY KEY, s text, n numeric(8,2), d date, b boolean, ts timestamp)';
beforeAll(async () => {
  engine = await openEngineInMemory();
  await engine.run(schema);
  host = await serveFlight(engine.sql);
  client = new Client(host.endpoint, credentials.createInsecure());
  postgres = await TextPostgres.open();
  await postgres.run(schema);
}, 60_000);
afterAll(async () => {
  client.close();
  host.stop();
  await engine.close();
  await postgres.close();
});

const same = (bytes: Buffer): Buffer => bytes;
const path = (method: string): string => `/arrow.flight.protocol.FlightService/${method}`;

async function streamed(method: string, request: Buffer): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  const call = client.makeServerStreamRequest(path(method), same, same, request);
  for await (const message of call) messages.push(message as Buffer);
  return messages;
}

type Prepared = SqlMessages['ActionCreatePreparedStatementResult'];

async function prepare(query: string): Promise<Prepared> {
  const body = packAny('ActionCreatePreparedStatementRequest', { query });
  const [answer] = await streamed(
    'DoAction',
    action.encode({ type: 'CreatePreparedStatement', body }),
  );
  return unpackAny(result.decode(answer!).body).value as Prepared;
}

function parametersOf({ parameterSchema }: Prepared): Schema {
  return tableFromIPC([parameterSchema]).schema;
}

type Command = 'CommandPreparedStatementQuery' | 'CommandPreparedStatementUpdate';

/** Sends rows of parameters; the app_metadata of the answer. */
async function put(
  command: Command,
  handle: Uint8Array,
  types: readonly SqlType[],
  rows: readonly (readonly SqlValue[])[],
): Promise<Uint8Array> {
  const cmd = packAny(command, { preparedStatementHandle: handle });
  const fields = types.map((type, index) => ({ name: `p${index}`, type, nullable: true }));
  const call = client.makeBidiStreamRequest(path('DoPut'), same, same);
  const descriptor = flightDescriptor.encode({ type: 2, cmd });
  call.write(
    flightData.encode({
      flightDescriptor: flightDescriptor.decode(descriptor),
      dataHeader: schemaHeader(arrowSchema(fields)),
      appMetadata: new Uint8Array(0),
      dataBody: new Uint8Array(0),
    }),
  );
  for (const message of batchMessages(batchOf(fields, rows))) call.write(message);
  call.end();
  for await (const message of call as unknown as ServerDuplexStream<Buffer, Buffer>) {
    return putResult.decode(message as Buffer).appMetadata;
  }
  throw new Error('no answer');
}

async function fetched(handle: Uint8Array): Promise<string> {
  const cmd = packAny('CommandPreparedStatementQuery', { preparedStatementHandle: handle });
  const info = await new Promise<Buffer>((resolve, reject) => {
    const request = flightDescriptor.encode({ type: 2, cmd });
    client.makeUnaryRequest(path('GetFlightInfo'), same, same, request, (error, response) =>
      error === null ? resolve(response!) : reject(error),
    );
  });
  const { ticket } = flightInfo.decode(info).endpoint[0]!.ticket!;
  const messages = (await streamed('DoGet', ticketMessage.encode({ ticket }))).map((bytes) =>
    flightData.decode(bytes),
  );
  const pieces = messages.map(({ dataHeader, dataBody }) => {
    const padded = Math.ceil(dataHeader.length / 8) * 8;
    const head = Buffer.alloc(8 + padded);
    head.writeInt32LE(-1, 0);
    head.writeInt32LE(padded, 4);
    head.set(dataHeader, 8);
    return Buffer.concat([head, dataBody]);
  });
  return String(tableFromIPC(pieces).toArray().map(String));
}

describe('types of parameters are those that PostgreSQL infers', () => {
  test.each([
    'SELECT * FROM t WHERE id = $1 AND s LIKE $2 AND n > $3',
    'SELECT $1 + 1, $2 || s, $3::date FROM t',
    'SELECT id FROM t WHERE d BETWEEN $1 AND $2 AND b = $3 AND ts < $4',
    'SELECT $2::numeric(5,1), $1',
    'SELECT id FROM t WHERE id IN ($1, $2) OR s = ANY ($3) LIMIT $4 OFFSET $5',
    'SELECT coalesce($1, n), CASE WHEN $2 THEN $3 ELSE d END FROM t',
    'INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)',
    'INSERT INTO t (id, n) SELECT $1, n FROM t WHERE id > $2',
    'UPDATE t SET s = $1, n = n + $2 WHERE id = $3',
    'DELETE FROM t WHERE d < $1',
    'SELECT sum(n + $1), date_trunc($2, ts) FROM t GROUP BY 2 HAVING count(*) > $3',
  ])('%s', async (query) => {
    const { queryParams } = await postgres.postgres.describeQuery(query);
    const names = await Promise.all(
      queryParams.map(async ({ dataTypeID }) => {
        const named = await postgres.run(`SELECT format_type(${dataTypeID}, NULL)`);
        return 'rows' in named ? named.rows[0]![0] : named.message;
      }),
    );
    const { parameters } = await engine.sql.describe(query);
    expect(parameters.map((type) => typeName(type).replace(/\(.*\)/, ''))).toEqual(names);
  });
});

const bigint: SqlType = { kind: 'bigint' };
const text: SqlType = { kind: 'text' };

test('rows of parameters are inserted one by one, and found by them', async () => {
  const insert = await prepare(
    'INSERT INTO t (id, s, n, d, b, ts) VALUES ($1, $2, $3, $4, $5, $6)',
  );
  expect(insert.isUpdate).toBe(true);
  expect(parametersOf(insert).fields.map(({ name, nullable }) => [name, nullable])).toEqual(
    [1, 2, 3, 4, 5, 6].map((n) => [`$${n}`, true]),
  );
  const names = ['bigint', 'text', 'numeric(8,2)', 'date', 'boolean', 'timestamp'];
  const types = names.map((name) => typeFromName(name)!);
  const rows: SqlValue[][] = [
    [1n, "it's", { unscaled: 1995n, scale: 2 }, 19000, true, 1_700_000_000_123_456n],
    [9007199254740993n, null, null, null, false, null],
  ];
  const done = await put(
    'CommandPreparedStatementUpdate',
    insert.preparedStatementHandle,
    types,
    rows,
  );
  expect(updateResult.decode(done).recordCount).toBe(2);
  expect(await engine.run('SELECT * FROM t ORDER BY id')).toEqual([
    ['1', "it's", '19.95', '2022-01-08', 't', '2023-11-14 22:13:20.123456'],
    ['9007199254740993', 'NULL', 'NULL', 'NULL', 'f', 'NULL'],
  ]);
  const query = await prepare('SELECT id, $2 AS given FROM t WHERE id = $1');
  const bind = async (id: bigint, given: string | null) => {
    const { preparedStatementHandle } = bindResult.decode(
      await put(
        'CommandPreparedStatementQuery',
        query.preparedStatementHandle,
        [bigint, text],
        [[id, given]],
      ),
    );
    return fetched(preparedStatementHandle);
  };
  expect(await bind(9007199254740993n, 'x')).toBe('{"id": 9007199254740993, "given": "x"}');
  expect(await bind(1n, null)).toBe('{"id": 1, "given": null}');
  expect(await bind(5n, 'none')).toBe('');
});

test('what cannot be run says why', async () => {
  const query = await prepare('SELECT id FROM t WHERE id = $1');
  const handle = query.preparedStatementHandle;
  await expect(fetched(handle)).rejects.toThrow('there is no parameter $1');
  const given = async (type: SqlType, rows: readonly SqlValue[][]) =>
    fetched(
      bindResult.decode(await put('CommandPreparedStatementQuery', handle, [type], rows))
        .preparedStatementHandle,
    );
  await expect(given(text, [['seven']])).rejects.toThrow('invalid input syntax for type bigint');
  await expect(given(bigint, [[1n], [2n]])).rejects.toThrow('one set of parameters');
  await expect(given({ kind: 'interval' }, [[null]])).rejects.toThrow('is not supported');
  expect(await given(text, [['1']])).toBe('{"id": 1}');
  await expect(engine.run('SELECT $1')).rejects.toMatchObject({ sqlState: '42P02' });
  await expect(
    engine.run('CREATE MATERIALIZED VIEW v AS SELECT id FROM t WHERE id = $1'),
  ).rejects.toMatchObject({ sqlState: '42P02' });
});
