import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Consumers } from '../../engine/broker/consumers.ts';
import type { Publisher } from '../../engine/broker/publisher.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../storage/store.ts';
import type { GrpcService } from '../grpc/service.ts';
import { decode, encode, type Fields } from './codec.ts';
import { ConsumeMethods } from './consume.ts';
import { rocketmqProto } from './proto.ts';
import { ReadMethods } from './read.ts';
import { queryAssignment, queryRoute } from './route.ts';
import { scanSendRequest } from './scan.ts';
import { answerSettings, type ClientSettings } from './settings.ts';
import { ok, statusOf } from './status.ts';

export interface MessagingOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly publisher: Publisher;
  readonly consumers: Consumers;
  readonly clock: Clock;
}

export type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
export type StreamCall = ServerWritableStream<Buffer, Buffer>;
type Unary = (call: UnaryCall) => Promise<Buffer> | Buffer;

const path = '/apache.rocketmq.v2.MessagingService/';
const same = (bytes: Buffer) => bytes;

/** Method name to [requests stream, responses stream]. */
const methods: Readonly<Record<string, readonly [boolean, boolean]>> = {
  QueryRoute: [false, false],
  Heartbeat: [false, false],
  SendMessage: [false, false],
  QueryAssignment: [false, false],
  ReceiveMessage: [false, true],
  AckMessage: [false, false],
  PullMessage: [false, true],
  QueryOffset: [false, false],
  Telemetry: [true, true],
  NotifyClientTermination: [false, false],
  ChangeInvisibleDuration: [false, false],
};

/** Every method takes and gives raw bytes: hot ones never decode what they pass on. */
const definition: ServiceDefinition = Object.fromEntries(
  Object.entries(methods).map(([name, [requestStream, responseStream]]) => [
    name,
    {
      path: path + name,
      originalName: name,
      requestStream,
      responseStream,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  ]),
);

/** `apache.rocketmq.v2.MessagingService` over the broker. */
export function createMessagingService(options: MessagingOptions): GrpcService {
  const closing = new AbortController();
  const streams = new Set<ServerDuplexStream<Buffer, Buffer>>();
  const consume = new ConsumeMethods(options, closing.signal);
  const read = new ReadMethods(options);
  const handlers: UntypedServiceImplementation = {
    QueryRoute: unary('QueryRouteResponse', (call) => queryRoute(options.topics, call)),
    QueryAssignment: unary('QueryAssignmentResponse', (call) =>
      queryAssignment(options.topics, call),
    ),
    SendMessage: unary('SendMessageResponse', (call) => sendMessage(options.publisher, call)),
    Heartbeat: unary('HeartbeatResponse', ({ request }) => {
      decode('HeartbeatRequest', request);
      return encode('HeartbeatResponse', { status: ok });
    }),
    NotifyClientTermination: unary('NotifyClientTerminationResponse', (call) =>
      consume.terminate(call),
    ),
    AckMessage: unary('AckMessageResponse', (call) => consume.ack(call)),
    ChangeInvisibleDuration: unary('ChangeInvisibleDurationResponse', (call) =>
      consume.changeInvisible(call),
    ),
    QueryOffset: unary('QueryOffsetResponse', (call) => read.queryOffset(call)),
    ReceiveMessage: (call: StreamCall) => consume.receive(call),
    PullMessage: (call: StreamCall) => read.pull(call),
    Telemetry: (call: ServerDuplexStream<Buffer, Buffer>) =>
      telemetry(call, streams, options.clock),
  };
  return {
    name: 'apache.rocketmq.v2.MessagingService',
    definition,
    handlers,
    proto: rocketmqProto,
    close() {
      closing.abort();
      for (const stream of streams) stream.end();
    },
  };
}

/** Errors become the status of an otherwise empty response. */
function unary(response: string, run: Unary) {
  return (call: UnaryCall, callback: sendUnaryData<Buffer>) => {
    Promise.resolve()
      .then(() => run(call))
      .then(
        (bytes) => callback(null, bytes),
        (error) => callback(null, encode(response, { status: statusOf(error) })),
      );
  };
}

async function sendMessage(publisher: Publisher, { request }: UnaryCall): Promise<Buffer> {
  const messages = scanSendRequest(request);
  const { baseOffset } = await publisher.publish(
    request,
    messages.map(({ bodyStart, bodyEnd, ...parts }) => ({
      ...parts,
      bodyBytes: bodyEnd - bodyStart,
    })),
  );
  const entries = messages.map(
    ({ messageId }, index): Fields => ({
      status: ok,
      message_id: messageId,
      transaction_id: '',
      offset: baseOffset + index,
    }),
  );
  return encode('SendMessageResponse', { status: ok, entries });
}

/**
 * Node's client with several topics opens the stream after the first one's route and listens for
 * the settings only when it has them all: an answer in between is lost on it, and it waits for ever
 * (seen with rocketmq-client-nodejs 1.0.8). So it gets the answer again.
 */
const repeatSettingsMs = [300, 1500, 5000];

/** Answers the client's settings; ends its side as soon as the client ended its own. */
function telemetry(
  call: ServerDuplexStream<Buffer, Buffer>,
  streams: Set<ServerDuplexStream<Buffer, Buffer>>,
  clock: Clock,
): void {
  streams.add(call);
  const finish = () => streams.delete(call);
  call.on('data', (bytes: Buffer) => {
    try {
      const { settings } = decode<{ settings?: ClientSettings }>('TelemetryCommand', bytes);
      if (settings === undefined) return;
      const answer = encode('TelemetryCommand', {
        status: ok,
        settings: answerSettings(settings),
      });
      call.write(answer);
      if (settings.user_agent?.language !== 'NODE_JS') return;
      for (const delayMs of repeatSettingsMs) {
        clock.after(delayMs, () => streams.has(call) && call.write(answer), { background: true });
      }
    } catch (error) {
      call.write(encode('TelemetryCommand', { status: statusOf(error) }));
    }
  });
  call.on('end', () => {
    finish();
    call.end();
  });
  call.on('error', finish);
  call.on('cancelled', finish);
}
