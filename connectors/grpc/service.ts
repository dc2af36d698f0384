import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';

/** One gRPC service of the shared port; `connectors/grpc/server.ts` hosts several. */
export interface GrpcService {
  /** Full name, e.g. `apache.rocketmq.v2.MessagingService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
  /** The service's proto3 text; feeds reflection, and tests compare the scanners with it. */
  readonly proto: string;
  /** Ends long polls and streams; the server calls it before it stops listening. */
  close(): void;
}
