import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { packAny } from '../../../connectors/flight/any.ts';
import { statementHandle, ticketMessage } from '../../../connectors/flight/messages.ts';
import { createFlightService } from '../../../connectors/flight/service.ts';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { systemRandom } from '../../../platform/system-random.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { FixedSql } from '../flight/fixed-sql.ts';

const sql = new FixedSql();
const host = new GrpcHost([createFlightService({ sql, random: systemRandom })]);
let client: Client;
afterEach(async () => {
  client.close();
  await host.close();
});

/** Found with RocketMQ's Java client, whose Telemetry stream has this deadline. */
test('a call may last for 60 years', async () => {
  const port = await host.listen('127.0.0.1', 0);
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  sql.queries.set('SELECT slow', {
    fields: [],
    async *batches() {
      await released;
      yield batchOf([], []);
    },
  });
  const handle = statementHandle.encode({ query: 'SELECT slow', execution: 0, progress: false });
  const ticket = packAny('TicketStatementQuery', { statementHandle: handle });
  const same = (bytes: Buffer) => bytes;
  const call = client.makeServerStreamRequest(
    '/arrow.flight.protocol.FlightService/DoGet',
    same,
    same,
    ticketMessage.encode({ ticket }),
    { deadline: Date.now() + 60 * 365 * 24 * 3_600_000 },
  );
  const messages: unknown[] = [];
  const ended = (async () => {
    for await (const message of call) messages.push(message);
  })();
  // The schema comes at once; a deadline in the past would end the call in the next turn.
  await expect.poll(() => messages.length).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  release();
  await ended;
});

test('a call that never ends does not keep the server from its end', async () => {
  sql.queries.set('SELECT endless', {
    fields: [],
    async *batches() {
      await new Promise(() => undefined);
      yield batchOf([], []);
    },
  });
  const stubborn = new GrpcHost(
    [{ ...createFlightService({ sql, random: systemRandom }), close: () => undefined }],
    undefined,
    50,
  );
  const port = await stubborn.listen('127.0.0.1', 0);
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const handle = statementHandle.encode({ query: 'SELECT endless', execution: 0, progress: false });
  const same = (bytes: Buffer) => bytes;
  const call = client.makeServerStreamRequest(
    '/arrow.flight.protocol.FlightService/DoGet',
    same,
    same,
    ticketMessage.encode({ ticket: packAny('TicketStatementQuery', { statementHandle: handle }) }),
  );
  call.on('error', () => undefined);
  await new Promise((resolve) => call.once('data', resolve));
  await stubborn.close();
});
