import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FlightSqlClient } from '../../../connectors/flight/flight-client.ts';
import {
  action,
  result,
  type SessionOptionValue,
  sessionOptions,
  sessionSettings,
  sessionSettingsResult,
} from '../../../connectors/flight/messages.ts';
import { type Engine, openEngineInMemory } from '../../engine/views/harness.ts';
import { type FlightHost, serveFlight } from './flight-host.ts';

/** Sessions over the wire, on a real engine. */
let engine: Engine;
let host: Omit<FlightHost, 'sql'>;
beforeAll(async () => {
  engine = await openEngineInMemory();
  host = await serveFlight(engine.sql);
});
afterAll(async () => {
  host.stop();
  await engine.close();
});

async function cell(client: FlightSqlClient, text: string): Promise<string | null> {
  const answer = await client.execute(text);
  if (answer.kind !== 'rows') return answer.tag;
  let found: string | null = null;
  for await (const row of answer.rows) found = row[0]!;
  return found;
}

test('what a client sets holds for its later statements, and for nobody else', async () => {
  const [one, other] = [new FlightSqlClient(host.endpoint), new FlightSqlClient(host.endpoint)];
  try {
    await cell(one, "SET statement_timeout = '7s'");
    expect(await cell(one, 'SHOW statement_timeout')).toBe('7s');
    expect(await cell(other, 'SHOW statement_timeout')).not.toBe('7s');
    await cell(one, "SET dialect = 'mysql'");
    expect(await cell(one, 'SELECT IFNULL(NULL, "x y")')).toBe('x y');
    await expect(cell(other, 'SELECT IFNULL(NULL, 1)')).rejects.toMatchObject({
      sqlState: '42883',
    });
    await cell(one, 'RESET dialect');
    await expect(cell(one, 'SELECT IFNULL(NULL, 1)')).rejects.toMatchObject({ sqlState: '42883' });
    expect(await cell(one, 'SHOW statement_timeout')).toBe('7s');
    await cell(one, 'RESET ALL');
    expect(await cell(one, 'SHOW statement_timeout')).not.toBe('7s');
  } finally {
    await one.close();
    await other.close();
  }
});

test('a statement in another dialect is prepared as its session reads it', async () => {
  const client = new FlightSqlClient(host.endpoint);
  try {
    await cell(client, "SET dialect = 'bigquery'");
    expect(await cell(client, 'SELECT "text" AS `a b`')).toBe('text');
  } finally {
    await client.close();
  }
});

const same = (bytes: Buffer): Buffer => bytes;

async function act(
  client: Client,
  cookie: string,
  type: string,
  body: Uint8Array,
): Promise<Buffer> {
  const metadata = new Metadata();
  metadata.set('cookie', cookie);
  const request = action.encode({ type, body });
  const path = '/arrow.flight.protocol.FlightService/DoAction';
  const call = client.makeServerStreamRequest(path, same, same, request, metadata);
  for await (const message of call) return Buffer.from(result.decode(message as Buffer).body);
  throw new Error('no result');
}

test('session options are settings: set, refused by name or value, shown, closed', async () => {
  const client = new Client(host.endpoint, credentials.createInsecure());
  const mine = 'a=b; arrow_flight_session_id=mine';
  const set = async (options: Record<string, SessionOptionValue>) => {
    const body = sessionOptions.encode({ sessionOptions: options });
    return sessionSettingsResult.decode(await act(client, mine, 'SetSessionOptions', body)).errors;
  };
  const shown = async () =>
    sessionSettings.decode(await act(client, mine, 'GetSessionOptions', Buffer.alloc(0)))
      .sessionOptions;
  try {
    const good = { catalog: { stringValue: 'millrace' }, schema: { stringValue: 'public' } };
    expect(await set({ ...good, statement_timeout: { int64Value: 5000 } })).toEqual({});
    expect(await shown()).toMatchObject({ ...good, statement_timeout: { stringValue: '5000' } });
    const wrong = { schema: { stringValue: 'other' }, nosuch: { boolValue: true } };
    expect(await set({ ...wrong, catalog: { stringValue: 'x' } })).toEqual({
      schema: { value: 2 },
      nosuch: { value: 1 },
      catalog: { value: 2 },
    });
    expect(await set({ statement_timeout: {} })).toEqual({});
    expect((await shown()).statement_timeout).not.toEqual({ stringValue: '5000' });
    await set({ application_name: { stringValue: 'me' } });
    await act(client, mine, 'CloseSession', Buffer.alloc(0));
    expect((await shown()).application_name).toEqual({ stringValue: '' });
  } finally {
    client.close();
  }
});
