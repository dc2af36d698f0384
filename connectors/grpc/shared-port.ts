import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { MillraceError } from '../../platform/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { Certificate } from './certificate.ts';

/** First byte of a TLS handshake record; HTTP/2 in the clear begins with the `P` of its preface. */
const tlsHandshake = 0x16;
/** A connection that says nothing in this time is closed. */
const silenceMs = 30_000;

/**
 * One port for HTTP/2 in the clear and in TLS: the first byte of a connection tells which (DESIGN
 * section 8, reference rocketmq-v2, 1.6).
 */
export class SharedPort {
  readonly #grpc: GrpcServer;
  readonly #certificate: () => Promise<Certificate>;
  readonly #net: NetServer;
  /** Connections that have not said anything yet. */
  readonly #silent = new Set<Socket>();
  #secure: Promise<Injector> | undefined;

  /** `certificate` is asked for when the first client wants TLS. */
  constructor(grpc: GrpcServer, certificate: () => Promise<Certificate>) {
    this.#grpc = grpc;
    this.#certificate = certificate;
    const plain = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#net = createServer((socket) => this.#sniff(socket, plain));
  }

  /** Port 0 lets the system choose; returns the port. Throws PORT_IN_USE, INVALID_ARGUMENT. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#net.once('error', (error: NodeJS.ErrnoException) => {
        const isInUse = error.code === 'EADDRINUSE';
        reject(
          isInUse
            ? new MillraceError('PORT_IN_USE', `port ${port} of ${host} is in use`, {
                cause: error,
                hint: 'Choose another one with --port, or stop the other server.',
              })
            : new MillraceError(
                'INVALID_ARGUMENT',
                `cannot listen on ${host}:${port}: ${error.message}`,
              ),
        );
      });
      this.#net.listen(port, host, () => {
        this.#net.removeAllListeners('error');
        this.#net.on('error', () => undefined);
        resolve((this.#net.address() as { port: number }).port);
      });
    });
  }

  /** Takes no more connections; the gRPC server ends those that it has. */
  close(): void {
    this.#net.close();
    for (const socket of this.#silent) socket.destroy();
  }

  #sniff(socket: Socket, plain: Injector): void {
    this.#silent.add(socket);
    socket.setNoDelay(true);
    const silence = systemClock.after(silenceMs, () => socket.destroy(), { background: true });
    // A peer that hangs up early is no concern of ours; later the gRPC server listens itself.
    const ignore = () => undefined;
    socket.on('error', ignore);
    const heard = () => {
      silence.cancel();
      this.#silent.delete(socket);
    };
    socket.once('close', heard);
    socket.once('data', (first: Buffer) => {
      heard();
      socket.pause();
      socket.unshift(first);
      if (first[0] !== tlsHandshake) return plain.injectConnection(socket);
      this.#secureInjector().then(
        (secure) => secure.injectConnection(socket),
        () => socket.destroy(),
      );
    });
  }

  #secureInjector(): Promise<Injector> {
    this.#secure ??= this.#makeSecure().catch((error) => {
      // The next client asks again.
      this.#secure = undefined;
      throw error;
    });
    return this.#secure;
  }

  async #makeSecure(): Promise<Injector> {
    const { cert, key } = await this.#certificate();
    return this.#grpc.createConnectionInjector(
      ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]),
    );
  }
}

type Injector = ReturnType<GrpcServer['createConnectionInjector']>;
