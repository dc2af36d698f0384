import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Broker } from '../../engine/broker/open-broker.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../storage/store.ts';
import type { GrpcService } from '../grpc/service.ts';
import { clientIdOf } from './client-id.ts';
import { decode, encode } from './codec.ts';
import { ConsumeMethods } from './consume.ts';
import { OffsetMethods } from './offsets.ts';
import { Polls } from './polls.ts';
import { rocketmqProto } from './proto.ts';
import { PullMethod } from './pull.ts';
import { queryAssignment, queryRoute } from './route.ts';
import { SendMethods } from './send.ts';
import { ok, statusOf } from './status.ts';
import { Telemetry } from './telemetry.ts';

export interface MessagingOptions extends Broker {
  readonly store: Store;
  readonly topics: Topics;
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
  GetOffset: [false, false],
  UpdateOffset: [false, false],
  ForwardMessageToDeadLetterQueue: [false, false],
  EndTransaction: [false, false],
  RecallMessage: [false, false],
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
  const send = new SendMethods(options);
  const polls = new Polls(options.clock);
  const telemetry = new Telemetry(options, polls);
  options.transactions.askProducer = telemetry.askProducer;
  const consume = new ConsumeMethods(options, polls);
  const offsets = new OffsetMethods(options);
  const pull = new PullMethod(options, polls);
  const handlers: UntypedServiceImplementation = {
    QueryRoute: unary('QueryRouteResponse', (call) => queryRoute(options.topics, call)),
    QueryAssignment: unary('QueryAssignmentResponse', (call) =>
      queryAssignment(options.topics, options.groups, call),
    ),
    SendMessage: unary('SendMessageResponse', (call) => send.send(call)),
    RecallMessage: unary('RecallMessageResponse', (call) => send.recall(call)),
    EndTransaction: unary('EndTransactionResponse', (call) => send.endTransaction(call)),
    Heartbeat: unary('HeartbeatResponse', (call) => {
      decode('HeartbeatRequest', call.request);
      options.clients.seen(clientIdOf(call));
      return encode('HeartbeatResponse', { status: ok });
    }),
    NotifyClientTermination: unary('NotifyClientTerminationResponse', (call) =>
      consume.terminate(call),
    ),
    AckMessage: unary('AckMessageResponse', (call) => consume.ack(call)),
    ChangeInvisibleDuration: unary('ChangeInvisibleDurationResponse', (call) =>
      consume.changeInvisible(call),
    ),
    ForwardMessageToDeadLetterQueue: unary('ForwardMessageToDeadLetterQueueResponse', (call) =>
      consume.forwardToDeadLetters(call),
    ),
    GetOffset: unary('GetOffsetResponse', (call) => offsets.getOffset(call)),
    UpdateOffset: unary('UpdateOffsetResponse', (call) => offsets.updateOffset(call)),
    QueryOffset: unary('QueryOffsetResponse', (call) => offsets.queryOffset(call)),
    ReceiveMessage: (call: StreamCall) => consume.receive(call),
    PullMessage: (call: StreamCall) => pull.pull(call),
    Telemetry: (call: ServerDuplexStream<Buffer, Buffer>) => telemetry.open(call),
  };
  return {
    name: 'apache.rocketmq.v2.MessagingService',
    definition,
    handlers,
    proto: rocketmqProto,
    close() {
      polls.close();
      telemetry.close();
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
