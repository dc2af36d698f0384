import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials as grpcCredentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { limits } from '../../platform/limits.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import { type Credentials, signedHeaders } from '../auth/signature.ts';
import { transportError } from '../grpc/transport-error.ts';
import { batchesHeader } from '../rocketmq/client-id.ts';

/** Where the server is, and who asks. */
export interface ConnectionOptions {
  /** HOST:PORT. */
  readonly endpoint: string;
  /** Encrypted; `true` trusts the system's authorities, `ca` (PEM) the given one. */
  readonly tls?: boolean | { readonly ca: Uint8Array };
  /** Signs each request; for servers with access control. */
  readonly credentials?: Credentials;
  /** Of the topics and groups. */
  readonly namespace?: string;
}

const servicePath = '/apache.rocketmq.v2.MessagingService/';
const same = (bytes: Buffer) => bytes;
const requestTimeoutMs = 30_000;

/** One HTTP/2 connection to a server; any number of calls may be in flight. */
export class Connection {
  /** Says who calls: the server tells clients apart by it. */
  readonly clientId: string;
  readonly #client: Client;

  readonly #credentials: Credentials | undefined;
  readonly #namespace: string | undefined;

  constructor({ endpoint, tls = false, credentials, namespace }: ConnectionOptions) {
    this.#credentials = credentials;
    this.#namespace = namespace;
    this.clientId = `millrace@${Buffer.from(systemRandom.bytes(8)).toString('hex')}`;
    this.#client = new Client(endpoint, credentialsOf(tls), {
      'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
      'grpc.max_send_message_length': limits.grpcMessageBytesMax,
      // A server that was restarted is found again soon.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5000,
      // Counts of calls that nobody reads.
      'grpc.enable_channelz': 0,
      // Clients that share a connection share its flow-control window.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** A method of the messaging service. Throws UNAVAILABLE. */
  unary(method: string, request: Buffer, timeoutMs = requestTimeoutMs): Promise<Buffer> {
    return this.call(servicePath + method, request, timeoutMs);
  }

  /** Any unary method, by its path. Throws UNAVAILABLE. */
  call(path: string, request: Buffer, timeoutMs = requestTimeoutMs): Promise<Buffer> {
    const deadline = systemClock.nowMs() + timeoutMs;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, bytes?: Buffer) => {
        if (error !== null) reject(transportError(error));
        else resolve(bytes!);
      };
      const metadata = this.#metadata();
      withoutStack(() =>
        this.#client.makeUnaryRequest(path, same, same, request, metadata, { deadline }, done),
      );
    });
  }

  /**
   * A method of the messaging service that answers with a stream: all of it. An abort ends it
   * with what came. Throws UNAVAILABLE. `waitMs`: how long the server may wait by itself.
   */
  stream(
    method: string,
    request: Buffer,
    { waitMs = 0, batches = false, signal }: StreamOptions = {},
  ): Promise<readonly Buffer[]> {
    const deadline = systemClock.nowMs() + waitMs + requestTimeoutMs;
    const metadata = this.#metadata();
    if (batches) metadata.set(batchesHeader, '1');
    return new Promise((resolve, reject) => {
      const path = servicePath + method;
      const options = { deadline };
      const call = withoutStack(() =>
        this.#client.makeServerStreamRequest(path, same, same, request, metadata, options),
      );
      const answers: Buffer[] = [];
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      call.on('data', (bytes: Buffer) => answers.push(bytes));
      call.on('error', (error: ServiceError) => {
        signal?.removeEventListener('abort', cancel);
        if (signal?.aborted === true) resolve(answers);
        else reject(transportError(error));
      });
      call.on('end', () => {
        signal?.removeEventListener('abort', cancel);
        resolve(answers);
      });
    });
  }

  /** The Telemetry stream. */
  telemetry(): ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(
      `${servicePath}Telemetry`,
      same,
      same,
      this.#metadata(),
    );
  }

  close(): void {
    this.#client.close();
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set('x-mq-client-id', this.clientId);
    if (this.#namespace !== undefined) metadata.set('x-mq-namespace', this.#namespace);
    if (this.#credentials !== undefined) {
      const { authorization, dateTime } = signedHeaders(this.#credentials, systemClock.nowMs());
      metadata.set('authorization', authorization);
      metadata.set('x-mq-date-time', dateTime);
    }
    return metadata;
  }
}

export interface StreamOptions {
  readonly waitMs?: number;
  /** Batches come whole. */
  readonly batches?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * grpc-js notes where each call comes from, a tenth of what the call costs, for a stack of its error
 * that `transportError` does not use.
 */
function withoutStack<T>(start: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return start();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function credentialsOf(tls: NonNullable<ConnectionOptions['tls']>): ChannelCredentials {
  if (tls === false) return grpcCredentials.createInsecure();
  return grpcCredentials.createSsl(tls === true ? null : Buffer.from(tls.ca));
}
