import {
  Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { limitedSql } from '../../engine/views/limited-sql.ts';
import type { SqlService } from '../../engine/views/sql-service.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Random } from '../../platform/random.ts';
import { type Guard, openGuard } from '../auth/guard.ts';
import type { GrpcService } from '../grpc/service.ts';
import { FlightSql } from './flight-sql.ts';
import {
  action,
  actionType,
  type FlightData,
  flightData,
  flightDescriptor,
  flightInfo,
  handshakeResponse,
  putResult,
  result,
  schemaResult,
  ticketMessage,
} from './messages.ts';
import { flightProto } from './proto.ts';
import { sendAll } from './send.ts';
import { sessionOf } from './sessions.ts';
import { toStatus } from './status.ts';

export const flightServiceName = 'arrow.flight.protocol.FlightService';

type Stream = ServerWritableStream<Buffer, Buffer>;
type Duplex = ServerDuplexStream<Buffer, Buffer>;

/** Where everybody may do everything, drivers that log in get a token that means nothing. */
const openToken = 'millrace';

const actions = [
  ['CreatePreparedStatement', 'Gives a handle for a statement.'],
  ['ClosePreparedStatement', 'Ends the use of a handle.'],
  ['CancelFlightInfo', 'Cancels the statement that reads a ticket.'],
  ['SetSessionOptions', 'Sets settings of the session.'],
  ['GetSessionOptions', 'Gives the settings of the session.'],
  ['CloseSession', 'Ends the session.'],
] as const;

export interface FlightServiceOptions {
  readonly sql: SqlService;
  /** For the names of sessions. */
  readonly random: Random;
  readonly guard?: Guard;
}

/** Arrow Flight SQL, for the shared gRPC port. */
export function createFlightService({
  sql,
  random,
  guard = openGuard,
}: FlightServiceOptions): GrpcService {
  const flights = {
    read: new FlightSql(limitedSql(sql, 'read')),
    write: new FlightSql(limitedSql(sql, 'write')),
    admin: new FlightSql(sql),
  };
  /** Throws UNAUTHENTICATED, FORBIDDEN. */
  const flightOf = ({ metadata }: { readonly metadata: Metadata }) =>
    flights[guard.sqlLevel(metadata)];
  const open = (call: Parameters<typeof sessionOf>[0]) => sessionOf(call, random);
  return {
    name: flightServiceName,
    proto: flightProto,
    definition: {
      Handshake: method('Handshake', true, true),
      ListFlights: method('ListFlights', false, true),
      GetFlightInfo: method('GetFlightInfo', false, false),
      PollFlightInfo: method('PollFlightInfo', false, false),
      GetSchema: method('GetSchema', false, false),
      DoGet: method('DoGet', false, true),
      DoPut: method('DoPut', true, true),
      DoExchange: method('DoExchange', true, true),
      DoAction: method('DoAction', false, true),
      ListActions: method('ListActions', false, true),
    },
    // What is missing here, grpc-js answers with UNIMPLEMENTED.
    handlers: {
      Handshake: (call: Duplex) => stream(call, async () => handshake(guard, call)),
      ListFlights: (call: Stream) => call.end(),
      GetFlightInfo: unary(async (call, signal) => {
        const descriptor = flightDescriptor.decode(call.request);
        const caller = { signal, session: open(call) };
        return flightInfo.encode(await flightOf(call).flightInfo(descriptor, caller));
      }),
      GetSchema: unary(async (call, signal) => {
        const descriptor = flightDescriptor.decode(call.request);
        const caller = { signal, session: open(call) };
        return schemaResult.encode({ schema: await flightOf(call).schema(descriptor, caller) });
      }),
      DoGet: (call: Stream) => stream(call, async () => doGet(flightOf(call), call, open(call))),
      DoPut: (call: Duplex) => stream(call, async () => doPut(flightOf(call), call, open(call))),
      DoAction: (call: Stream) =>
        stream(call, async () => doAction(flightOf(call), call, open(call))),
      ListActions: (call: Stream) => {
        for (const [type, description] of actions) {
          call.write(actionType.encode({ type, description }));
        }
        call.end();
      },
    },
    close() {
      for (const flight of Object.values(flights)) flight.close();
    },
  };
}

/** Requests are decoded in the handlers, so that a broken one is answered as every other error. */
function method(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path: `/${flightServiceName}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

type Call = ServerUnaryCall<Buffer, Buffer>;

function unary(answer: (call: Call, signal: AbortSignal) => Promise<Buffer>) {
  return (call: Call, callback: sendUnaryData<Buffer>): void => {
    answer(call, cancelledWith(call).signal).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toStatus(error)),
    );
  };
}

function stream(call: Stream | Duplex, run: () => Promise<void>): void {
  run().catch((error: unknown) => call.emit('error', toStatus(error)));
}

/**
 * Drivers take the token from the header, from the trailer or from the answer, and may end their
 * side without having sent a message (reference flight-sql, 1.5).
 */
function handshake(guard: Guard, call: Duplex): void {
  const token = `Bearer ${guard.login(call.metadata) ?? openToken}`;
  const metadata = new Metadata();
  metadata.set('authorization', token);
  call.sendMetadata(metadata);
  call.write(handshakeResponse.encode({ payload: Buffer.from(token) }));
  call.resume();
  call.on('end', () => call.end(metadata));
}

async function doGet(flight: FlightSql, call: Stream, session: string): Promise<void> {
  const controller = cancelledWith(call);
  const { ticket } = ticketMessage.decode(call.request);
  const messages = flight.read(ticket, { controller, session }, (message) => {
    if (!controller.signal.aborted) call.write(message);
  });
  await sendAll(call, messages, controller.signal);
}

async function doPut(flight: FlightSql, call: Duplex, session: string): Promise<void> {
  const { signal } = cancelledWith(call);
  const messages: FlightData[] = [];
  for await (const bytes of call.iterator({ destroyOnReturn: false })) {
    messages.push(flightData.decode(bytes as Buffer));
    const { flightDescriptor: first } = messages[0]!;
    if (first !== null && flight.runsAtOnce(first)) break;
  }
  const descriptor = messages[0]?.flightDescriptor;
  if (descriptor === undefined || descriptor === null) {
    throw new MillraceError('INVALID_ARGUMENT', 'the first message of DoPut has no descriptor');
  }
  const appMetadata = await flight.put(descriptor, messages, { signal, session });
  call.resume();
  call.write(putResult.encode({ appMetadata }));
  call.end();
}

async function doAction(flight: FlightSql, call: Stream, session: string): Promise<void> {
  const { type, body } = action.decode(call.request);
  for (const answer of await flight.act(type, body, session))
    call.write(result.encode({ body: answer }));
  call.end();
}

function cancelledWith(call: {
  on(event: 'cancelled', listener: () => void): unknown;
}): AbortController {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort());
  return controller;
}
