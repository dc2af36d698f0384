import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import protobuf from 'protobufjs';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { GrpcService } from './service.ts';

// Its errors reach us as errors; what it prints besides would say them twice.
setLogVerbosity(logVerbosity.NONE);

/** One port for every gRPC service, with health checking and reflection (DESIGN section 8). */
export class GrpcHost {
  readonly #server: Server;
  readonly #services: readonly GrpcService[];
  readonly #health: HealthImplementation;

  constructor(services: readonly GrpcService[]) {
    this.#services = services;
    this.#server = new Server({
      'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
      'grpc.max_send_message_length': -1,
    });
    for (const { definition, handlers } of services) this.#server.addService(definition, handlers);
    const names = ['', ...services.map(({ name }) => name)];
    this.#health = new HealthImplementation(
      Object.fromEntries(names.map((name) => [name, 'SERVING' as const])),
    );
    this.#health.addToServer(this.#server);
    new ReflectionService(packageOf(services)).addToServer(this.#server);
  }

  /** Port 0 lets the system choose; returns the port. Throws PORT_IN_USE, INVALID_ARGUMENT. */
  listen(host: string, port: number): Promise<number> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) return resolve(bound);
        const inUse = /EADDRINUSE|No address added/.test(error.message);
        reject(
          inUse
            ? new MillraceError('PORT_IN_USE', `port ${port} of ${host} is in use`, {
                cause: error,
                hint: 'Choose another one with --port, or stop the other server.',
              })
            : new MillraceError(
                'INVALID_ARGUMENT',
                `cannot listen on ${address}: ${error.message}`,
              ),
        );
      });
    });
  }

  /** Ends long polls and streams, then waits for running calls. */
  async close(): Promise<void> {
    for (const { name } of this.#services) this.#health.setStatus(name, 'NOT_SERVING');
    this.#health.setStatus('', 'NOT_SERVING');
    for (const service of this.#services) service.close();
    await new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
  }
}

function packageOf(services: readonly GrpcService[]) {
  const root = new protobuf.Root();
  for (const name of ['timestamp', 'duration', 'any', 'descriptor']) {
    const common = protobuf.common.get(`google/protobuf/${name}.proto`);
    if (common?.nested !== undefined) root.addJSON(common.nested);
  }
  for (const { proto } of services) protobuf.parse(proto, root, { keepCase: true });
  return fromJSON(root.toJSON() as Parameters<typeof fromJSON>[0], { keepCase: true });
}
