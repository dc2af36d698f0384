import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { tableFromIPC } from 'apache-arrow';
import { Message, type RecordBatch } from 'apache-arrow/ipc/metadata/message';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packAny, unpackAny } from '../../../connectors/flight/any.ts';
import { readBatch } from '../../../connectors/flight/arrow-read.ts';
import { arrowSchema, schemaHeader } from '../../../connectors/flight/arrow-schema.ts';
import {
  action,
  bindResult,
  cancelRequest,
  cancelResult,
  type FlightData,
  type FlightInfo,
  flightData,
  flightDescriptor,
  flightInfo,
  putResult,
  result,
  type SqlMessages,
  schemaResult,
  statementMetadata,
  ticketMessage,
  updateResult,
} from '../../../connectors/flight/messages.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { rowsOf } from '../../../sql/columns/read.ts';
import type { Field } from '../../../sql/columns/types.ts';
import { type FlightHost, startFlight } from './flight-host.ts';

const fields: Field[] = [{ name: 'n', type: { kind: 'integer' }, nullable: false }];
const same = (bytes: Buffer): Buffer => bytes;
const path = (method: string): string => `/arrow.flight.protocol.FlightService/${method}`;

let host: FlightHost;
let client: Client;

beforeAll(async () => {
  host = await startFlight();
  host.sql.queries.set('SELECT n', { fields, batches: [batchOf(fields, [[1], [2]])] });
  client = new Client(host.endpoint, credentials.createInsecure());
});
afterAll(() => {
  client.close();
  host.stop();
});

function unary(method: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path(method), same, same, request, (error, response) =>
      error === null ? resolve(response!) : reject(error),
    );
  });
}

async function streamed(method: string, request: Buffer): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  const call = client.makeServerStreamRequest(path(method), same, same, request);
  for await (const message of call) messages.push(message as Buffer);
  return messages;
}

/** `halfClose` false is what Java does: it waits for the answer with its own side open. */
async function put(messages: readonly FlightData[], halfClose: boolean): Promise<Buffer[]> {
  const call = client.makeBidiStreamRequest(path('DoPut'), same, same);
  for (const message of messages) call.write(flightData.encode(message));
  if (halfClose) call.end();
  const answers: Buffer[] = [];
  for await (const message of call)
    answers.push(putResult.decode(message as Buffer).appMetadata as Buffer);
  return answers;
}

function descriptor(cmd: Uint8Array): Buffer {
  return flightDescriptor.encode({ type: 2, cmd });
}

function info<Name extends keyof SqlMessages>(
  name: Name,
  value: SqlMessages[Name],
): Promise<FlightInfo> {
  return unary('GetFlightInfo', descriptor(packAny(name, value))).then(flightInfo.decode);
}

function upload(cmd: Uint8Array | null, dataHeader: Uint8Array = Buffer.alloc(0)): FlightData {
  const empty = Buffer.alloc(0);
  const flightDescriptor = cmd === null ? null : { type: 2, cmd };
  return { flightDescriptor, dataHeader, appMetadata: empty, dataBody: empty };
}

function ticketOf({ endpoint }: FlightInfo): Buffer {
  return ticketMessage.encode({ ticket: endpoint[0]!.ticket!.ticket });
}

async function prepared(
  query: string,
): Promise<SqlMessages['ActionCreatePreparedStatementResult']> {
  const body = packAny('ActionCreatePreparedStatementRequest', { query });
  const [answer] = await streamed(
    'DoAction',
    action.encode({ type: 'CreatePreparedStatement', body }),
  );
  const message = unpackAny(result.decode(answer!).body);
  if (message.name !== 'ActionCreatePreparedStatementResult') throw new Error(message.name);
  return message.value;
}

async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  return promise.then(
    () => Promise.reject(new Error('no error')),
    (error: ServiceError) => error,
  );
}

describe('queries', () => {
  test('GetFlightInfo and GetSchema describe; DoGet runs', async () => {
    const before = host.sql.executed.length;
    const flight = await info('CommandStatementQuery', { query: 'SELECT n' });
    expect(flight).toMatchObject({ totalRecords: -1, totalBytes: -1 });
    const cmd = packAny('CommandStatementQuery', { query: 'SELECT n' });
    const { schema } = schemaResult.decode(await unary('GetSchema', descriptor(cmd)));
    expect(schema).toEqual(flight.schema);
    expect(tableFromIPC(schema).schema.fields.map(({ name }) => name)).toEqual(['n']);
    expect(host.sql.executed).toHaveLength(before);

    const [first, second, ...rest] = (await streamed('DoGet', ticketOf(flight))).map(
      flightData.decode,
    );
    expect(first!.dataHeader).toEqual(Buffer.from(schemaHeader(arrowSchema(fields))));
    const header = Message.decode(second!.dataHeader).header() as RecordBatch;
    expect(rowsOf(readBatch([{ kind: 'integer' }], header, second!.dataBody))).toEqual([[1], [2]]);
    expect(rest).toEqual([]);
    expect(host.sql.executed).toHaveLength(before + 1);
  });

  test.each(['CommandStatementQuery', 'CommandPreparedStatementQuery'] as const)(
    'an INSERT as %s runs once, however often its ticket is read',
    async (name) => {
      const text = `INSERT through ${name}`;
      const runs = () => host.sql.executed.filter((query) => query === text).length;
      const { preparedStatementHandle } = await prepared(text);
      const command = {
        CommandStatementQuery: { query: text },
        CommandPreparedStatementQuery: { preparedStatementHandle },
      };
      await unary('GetSchema', descriptor(packAny(name, command[name])));
      expect(runs()).toBe(0);
      const flight = await info(name, command[name]);
      expect(runs()).toBe(1);
      for (let reads = 0; reads < 2; reads++) {
        const [only, ...rest] = (await streamed('DoGet', ticketOf(flight))).map(flightData.decode);
        expect(rest).toEqual([]);
        expect(statementMetadata.decode(only!.appMetadata).command).toEqual({
          tag: 'INSERT 0 3',
          rowsAffected: 3,
        });
      }
      expect(runs()).toBe(1);
    },
  );

  test('every catalogue answer has the schema that was announced', async () => {
    await streamed(
      'DoGet',
      ticketOf(await info('CommandStatementQuery', { query: 'CREATE TABLE k' })),
    );
    const announced = await Promise.all([
      info('CommandGetCatalogs', {}),
      info('CommandGetDbSchemas', {}),
      info('CommandGetTables', { tableTypes: [], includeSchema: false }),
      info('CommandGetTables', { tableTypes: [], includeSchema: true }),
      info('CommandGetTableTypes', {}),
      info('CommandGetPrimaryKeys', { table: 'k' }),
      info('CommandGetSqlInfo', { info: [] }),
    ]);
    for (const flight of announced) {
      const [first, second] = (await streamed('DoGet', ticketOf(flight))).map(flightData.decode);
      expect(Buffer.from(flight.schema).subarray(8, 8 + first!.dataHeader.length)).toEqual(
        first!.dataHeader,
      );
      expect((Message.decode(second!.dataHeader).header() as RecordBatch).length).toBeGreaterThan(
        0,
      );
    }
    const keys = tableFromIPC(announced[5]!.schema).schema.fields;
    expect(keys.map(({ name, nullable }) => `${name}${nullable ? '?' : ''}`)).toEqual([
      'catalog_name?',
      'db_schema_name?',
      'table_name',
      'column_name',
      'key_sequence',
      'key_name?',
    ]);
  });
});

describe('prepared statements and updates', () => {
  test('a prepared query: bind nothing, run, close', async () => {
    const statement = await prepared('SELECT n');
    expect(statement.isUpdate).toBe(false);
    expect(tableFromIPC(statement.datasetSchema).schema.fields).toHaveLength(1);
    expect(tableFromIPC(statement.parameterSchema).schema.fields).toEqual([]);
    const handle = { preparedStatementHandle: statement.preparedStatementHandle };
    const cmd = packAny('CommandPreparedStatementQuery', handle);
    const [bound] = await put([upload(cmd, schemaHeader(arrowSchema([])))], true);
    expect(bindResult.decode(bound!)).toEqual(handle);
    const flight = await info('CommandPreparedStatementQuery', handle);
    expect(await streamed('DoGet', ticketOf(flight))).toHaveLength(2);
    const body = packAny('ActionClosePreparedStatementRequest', handle);
    expect(
      await streamed('DoAction', action.encode({ type: 'ClosePreparedStatement', body })),
    ).toEqual([]);
  });

  test('updates answer with their row count', async () => {
    const { isUpdate, datasetSchema, preparedStatementHandle } = await prepared('INSERT INTO k');
    expect([isUpdate, datasetSchema.length]).toEqual([true, 0]);
    const cmd = packAny('CommandPreparedStatementUpdate', { preparedStatementHandle });
    const [count] = await put([upload(cmd), upload(null, schemaHeader(arrowSchema([])))], true);
    expect(updateResult.decode(count!)).toEqual({ recordCount: 3 });
  });

  test('an update is answered while the client keeps its side open', async () => {
    const insert = packAny('CommandStatementUpdate', { query: 'INSERT INTO k' });
    expect((await put([upload(insert)], false)).map(updateResult.decode)).toEqual([
      { recordCount: 3 },
    ]);
    const create = packAny('CommandStatementUpdate', { query: 'CREATE TABLE updated' });
    expect((await put([upload(create)], false)).map(updateResult.decode)).toEqual([
      { recordCount: 0 },
    ]);
  });

  test('what is refused', async () => {
    const { preparedStatementHandle } = await prepared('SELECT n');
    const bind = packAny('CommandPreparedStatementQuery', { preparedStatementHandle });
    const spans = [{ ...fields[0]!, type: { kind: 'interval' } as const }];
    const parameters = failure(put([upload(bind, schemaHeader(arrowSchema(spans)))], true));
    expect((await parameters).code).toBe(status.UNIMPLEMENTED);
    const rows = packAny('CommandStatementUpdate', { query: 'SELECT n' });
    expect((await failure(put([upload(rows)], false))).code).toBe(status.INVALID_ARGUMENT);
    expect((await failure(put([], true))).code).toBe(status.INVALID_ARGUMENT);
    expect((await failure(put([upload(bind, Buffer.from('junk'))], true))).code).toBe(
      status.INVALID_ARGUMENT,
    );
  });
});

test('CancelFlightInfo ends the statement that reads the ticket', async () => {
  host.sql.queries.set('SELECT waiting', {
    fields,
    batches: (signal) => ({
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise((_, reject) =>
            signal!.addEventListener('abort', () =>
              reject(new MillraceError('CANCELLED', 'cancelled')),
            ),
          ),
      }),
    }),
  });
  const flight = await info('CommandStatementQuery', { query: 'SELECT waiting' });
  const cancel = async (): Promise<number> => {
    const body = cancelRequest.encode({ info: flight });
    const [answer] = await streamed('DoAction', action.encode({ type: 'CancelFlightInfo', body }));
    return cancelResult.decode(result.decode(answer!).body).status;
  };
  expect(await cancel()).toBe(3);
  const reading = failure(streamed('DoGet', ticketOf(flight)));
  await expect.poll(() => host.sql.executed.at(-1)).toBe('SELECT waiting');
  expect(await cancel()).toBe(1);
  expect((await reading).code).toBe(status.CANCELLED);
});

describe('errors', () => {
  test('position, hint and SQLSTATE are in the trailer', async () => {
    const error = await failure(info('CommandStatementQuery', { query: 'SELEKT' }));
    expect([error.code, error.details]).toEqual([
      status.INVALID_ARGUMENT,
      'syntax error at or near "SELE"',
    ]);
    const trailer = (name: string) => error.metadata.get(`millrace-error-${name}`);
    expect(['code', 'offset', 'line', 'column', 'length', 'hint', 'sqlstate'].map(trailer)).toEqual(
      [['SQL_SYNTAX'], ['7'], ['2'], ['3'], ['4'], ['Did you mean "SELECT"?'], ['42601']],
    );
  });

  test('broken bytes and unknown commands', async () => {
    const whole = packAny('CommandStatementQuery', { query: 'SELECT n' });
    for (let length = 0; length < whole.length; length++) {
      const { code } = await failure(unary('GetFlightInfo', descriptor(whole.subarray(0, length))));
      expect([status.INVALID_ARGUMENT, status.UNIMPLEMENTED]).toContain(code);
    }
    for (const junk of ['\xff\xff\xff', '\x0a\x7f', '\x12']) {
      const bytes = Buffer.from(junk, 'latin1');
      expect((await failure(unary('GetFlightInfo', bytes))).code).toBe(status.INVALID_ARGUMENT);
      expect((await failure(unary('GetSchema', descriptor(bytes)))).code).toBe(
        status.INVALID_ARGUMENT,
      );
      expect((await failure(streamed('DoGet', bytes))).code).toBe(status.INVALID_ARGUMENT);
      expect((await failure(streamed('DoAction', bytes))).code).toBe(status.INVALID_ARGUMENT);
    }
    const unknown = Buffer.from('\x0a\x05a/Foo', 'latin1');
    expect((await failure(unary('GetFlightInfo', descriptor(unknown)))).code).toBe(
      status.UNIMPLEMENTED,
    );
    const other = action.encode({ type: 'Other', body: Buffer.alloc(0) });
    expect((await failure(streamed('DoAction', other))).code).toBe(status.UNIMPLEMENTED);
    expect((await failure(unary('PollFlightInfo', descriptor(whole)))).code).toBe(
      status.UNIMPLEMENTED,
    );
  });
});

test('a handshake gives a token without any message from the client', async () => {
  const metadata = new Metadata();
  metadata.set('authorization', 'Basic eA');
  const call = client.makeBidiStreamRequest(path('Handshake'), same, same, metadata);
  const header = new Promise<Metadata>((resolve) => call.on('metadata', resolve));
  call.end();
  const answers = [];
  for await (const message of call) answers.push(message);
  expect(answers).toHaveLength(1);
  expect((await header).get('authorization')[0]).toMatch(/^Bearer ./);
});

test('actions are listed', async () => {
  expect(await streamed('ListActions', Buffer.alloc(0))).toHaveLength(6);
  expect(await streamed('ListFlights', Buffer.alloc(0))).toEqual([]);
});
