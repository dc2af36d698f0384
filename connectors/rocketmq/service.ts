import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Broker } from '../../engine/broker/open-broker.ts';
import { RateLimits } from '../../engine/broker/rate-limits.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../storage/store.ts';
import { type Guard, openGuard } from '../auth/guard.ts';
import type { GrpcService } from '../grpc/service.ts';
import { Admission } from './admission.ts';
import { checkClientType, clientIdOf } from './client-id.ts';
import { decode, encode } from './codec.ts';
import { ConsumeMethods } from './consume.ts';
import { syncLiteSubscription } from './lite.ts';
import { namesOf } from './namespace.ts';
import { OffsetMethods } from './offsets.ts';
import { Polls } from './polls.ts';
import { rocketmqProto } from './proto.ts';
import { PullMethod } from './pull.ts';
import { methodRights } from './rights.ts';
import { queryAssignment, queryRoute } from './route.ts';
import { SendMethods } from './send.ts';
import { ok, statusOf } from './status.ts';
import { Telemetry } from './telemetry.ts';

export interface MessagingOptions extends Broker {
  readonly store: Store;
  readonly topics: Topics;
  readonly clock: Clock;
  /** Everybody may everything without it. */
  readonly guard?: Guard;
  /** Nobody is held back without it. */
  readonly rates?: RateLimits;
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
  SyncLiteSubscription: [false, false],
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
  const { guard = openGuard, rates = new RateLimits({}, options.clock) } = options;
  /** What is asked of every request: who sends it, that it is not one too many, and a grant. */
  const admission = new Admission(guard, rates, options.clients);
  const admit = (method: string, call: UnaryCall | StreamCall) => {
    const accessKey = admission.admit(call);
    guard.authorize(accessKey, () => methodRights[method]!(call.request, namesOf(call)));
  };
  const unary = (method: string, run: Unary) =>
    answering(`${method}Response`, (call) => {
      admit(method, call);
      return run(call);
    });
  const streaming =
    (method: string, run: (call: StreamCall) => Promise<void>) => (call: StreamCall) => {
      try {
        admit(method, call);
      } catch (error) {
        call.write(encode(`${method}Response`, { status: statusOf(error) }));
        return call.end();
      }
      return run(call);
    };
  const send = new SendMethods(options, rates);
  const polls = new Polls(options.clock);
  const telemetry = new Telemetry({ ...options, guard, admission }, polls);
  options.transactions.askProducer = telemetry.askProducer;
  options.consumers.lites.notifyEvicted = telemetry.notifyEvicted;
  const consume = new ConsumeMethods(options, polls);
  const offsets = new OffsetMethods(options);
  const pull = new PullMethod(options, polls);
  const handlers: UntypedServiceImplementation = {
    QueryRoute: unary('QueryRoute', (call) => queryRoute(options.topics, call)),
    QueryAssignment: unary('QueryAssignment', (call) =>
      queryAssignment(options.topics, options.groups, call),
    ),
    SendMessage: unary('SendMessage', (call) => send.send(call)),
    RecallMessage: unary('RecallMessage', (call) => send.recall(call)),
    EndTransaction: unary('EndTransaction', (call) => send.endTransaction(call)),
    Heartbeat: unary('Heartbeat', (call) => {
      const { client_type: kind } = decode<{ client_type?: string | number }>(
        'HeartbeatRequest',
        call.request,
      );
      checkClientType(kind);
      options.clients.seen(clientIdOf(call));
      admission.claim(clientIdOf(call), guard.identify(call.metadata));
      return encode('HeartbeatResponse', { status: ok });
    }),
    NotifyClientTermination: unary('NotifyClientTermination', (call) => consume.terminate(call)),
    AckMessage: unary('AckMessage', (call) => consume.ack(call)),
    ChangeInvisibleDuration: unary('ChangeInvisibleDuration', (call) =>
      consume.changeInvisible(call),
    ),
    ForwardMessageToDeadLetterQueue: unary('ForwardMessageToDeadLetterQueue', (call) =>
      consume.forwardToDeadLetters(call),
    ),
    SyncLiteSubscription: unary('SyncLiteSubscription', (call) =>
      syncLiteSubscription(options.consumers, options.groups, call),
    ),
    GetOffset: unary('GetOffset', (call) => offsets.getOffset(call)),
    UpdateOffset: unary('UpdateOffset', (call) => offsets.updateOffset(call)),
    QueryOffset: unary('QueryOffset', (call) => offsets.queryOffset(call)),
    ReceiveMessage: streaming('ReceiveMessage', (call) => consume.receive(call)),
    PullMessage: streaming('PullMessage', (call) => pull.pull(call)),
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
function answering(response: string, run: Unary) {
  return async (call: UnaryCall, callback: sendUnaryData<Buffer>) => {
    let bytes: Buffer;
    try {
      bytes = await run(call);
    } catch (error) {
      bytes = encode(response, { status: statusOf(error) });
    }
    callback(null, bytes);
  };
}
