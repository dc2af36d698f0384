import { logVerbosity, Server, setLogVerbosity } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import protobuf from 'protobufjs';
import { limits } from '../../platform/limits.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { type Certificate, selfSignedCertificate } from './certificate.ts';
import { longDeadlines } from './long-deadlines.ts';
import type { GrpcService } from './service.ts';
import { SharedPort } from './shared-port.ts';

// Its errors reach us as errors; what it prints besides would say them twice.
setLogVerbosity(logVerbosity.NONE);

/** One port for every gRPC service, with health checking and reflection (DESIGN section 8). */
export class GrpcHost {
  readonly #server: Server;
  readonly #services: readonly GrpcService[];
  readonly #health: HealthImplementation;
  readonly #port: SharedPort;
  readonly #closeMs: number;

  constructor(
    services: readonly GrpcService[],
    certificate: () => Promise<Certificate> = selfSignedCertificate,
    closeMs = 5000,
  ) {
    this.#services = services;
    this.#closeMs = closeMs;
    this.#server = new Server({
      'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
      'grpc.max_send_message_length': -1,
      // Counts of calls that nobody reads here: /metrics has ours.
      'grpc.enable_channelz': 0,
      interceptors: [longDeadlines],
    });
    for (const { definition, handlers } of services) this.#server.addService(definition, handlers);
    const names = ['', ...services.map(({ name }) => name)];
    this.#health = new HealthImplementation(
      Object.fromEntries(names.map((name) => [name, 'SERVING' as const])),
    );
    this.#health.addToServer(this.#server);
    this.#port = new SharedPort(this.#server, certificate);
    new ReflectionService(packageOf(services)).addToServer(this.#server);
  }

  /** Port 0 lets the system choose; returns the port. Throws PORT_IN_USE, INVALID_ARGUMENT. */
  listen(host: string, port: number): Promise<number> {
    return this.#port.listen(host, port);
  }

  /** Ends long polls and streams, then waits for running calls, for a while. */
  async close(): Promise<void> {
    for (const { name } of this.#services) this.#health.setStatus(name, 'NOT_SERVING');
    this.#health.setStatus('', 'NOT_SERVING');
    this.#port.close();
    for (const service of this.#services) service.close();
    await new Promise<void>((resolve) => {
      // A client that does not read what it is sent would be waited for for ever.
      const force = systemClock.after(this.#closeMs, () => {
        this.#server.forceShutdown();
        resolve();
      });
      this.#server.tryShutdown(() => {
        force.cancel();
        resolve();
      });
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
