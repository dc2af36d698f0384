import type { Clock, Timer } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';

export interface ConnectedClient {
  readonly clientId: string;
  readonly language: string;
  readonly group: string | undefined;
  readonly kind: string;
  readonly sinceMs: number;
}

interface Client {
  /** Small number that stands for the id in the cursors' memory. */
  readonly owner: number;
  streams: number;
  lastSeenMs: number;
  isLost: boolean;
  info: ConnectedClient | undefined;
}

/**
 * Which clients live. One lives while its Telemetry stream is open and it beats (10 s; Rust's 30 s),
 * and a short while after the stream ended: clients reopen it after about a second (reference
 * rocketmq-v2, 1.8). Push consumers' messages are renewed only for clients that live.
 */
export class Clients {
  readonly #clock: Clock;
  readonly #byId = new Map<string, Client>();
  readonly #ids: string[] = [''];
  readonly #listeners: ((owner: number, clientId: string) => void)[] = [];
  #sweep: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  onLost(listener: (owner: number, clientId: string) => void): void {
    this.#listeners.push(listener);
  }

  /** The number of a client, from 1. Clients from before a restart get time to come back. */
  ownerOf(clientId: string): number {
    return this.#client(clientId).owner;
  }

  clientIdOf(owner: number): string {
    return this.#ids[owner]!;
  }

  isAlive(owner: number): boolean {
    const client = this.#byId.get(this.#ids[owner] ?? '');
    return client !== undefined && !client.isLost && !this.#isOverdue(client);
  }

  /** Any request of the client. */
  seen(clientId: string): void {
    const client = this.#client(clientId);
    client.lastSeenMs = this.#clock.monotonicMs();
    client.isLost = false;
  }

  describe(info: ConnectedClient): void {
    this.seen(info.clientId);
    const client = this.#client(info.clientId);
    client.info = { ...info, sinceMs: client.info?.sinceMs ?? info.sinceMs };
  }

  /** A Telemetry stream opened; call the result when it ended. */
  connected(clientId: string): () => void {
    this.seen(clientId);
    const client = this.#client(clientId);
    client.streams++;
    return () => {
      client.streams--;
      if (client.isLost && client.streams === 0) this.#forget(clientId, client);
      client.lastSeenMs = this.#clock.monotonicMs();
    };
  }

  /** Whether the client has a Telemetry stream. */
  isConnected(clientId: string): boolean {
    return (this.#byId.get(clientId)?.streams ?? 0) > 0;
  }

  /** The client said that it goes. */
  terminated(clientId: string): void {
    const client = this.#byId.get(clientId);
    if (client !== undefined) this.#lose(clientId, client);
  }

  list(): readonly ConnectedClient[] {
    const alive = [...this.#byId.values()].filter((client) => this.isAlive(client.owner));
    return alive.flatMap(({ info }) => (info === undefined ? [] : [info]));
  }

  close(): void {
    this.#sweep?.cancel();
  }

  #client(clientId: string): Client {
    let client = this.#byId.get(clientId);
    if (client === undefined) {
      const owner = this.#ids.push(clientId) - 1;
      const lastSeenMs = this.#clock.monotonicMs();
      client = { owner, streams: 0, lastSeenMs, isLost: false, info: undefined };
      this.#byId.set(clientId, client);
      this.#sweepLater();
    }
    return client;
  }

  #isOverdue({ streams, lastSeenMs }: Client): boolean {
    const limitMs = streams > 0 ? limits.clientSilenceMs : limits.clientReturnMs;
    return this.#clock.monotonicMs() - lastSeenMs > limitMs;
  }

  #sweepLater(): void {
    this.#sweep ??= this.#clock.after(
      limits.clientReturnMs,
      () => {
        this.#sweep = undefined;
        for (const [clientId, client] of this.#byId) {
          if (!client.isLost && this.#isOverdue(client)) this.#lose(clientId, client);
        }
        if (this.#byId.size > 0) this.#sweepLater();
      },
      { background: true },
    );
  }

  #forget(clientId: string, client: Client): void {
    if (this.#byId.get(clientId) === client) this.#byId.delete(clientId);
  }

  #lose(clientId: string, client: Client): void {
    client.isLost = true;
    if (client.streams === 0) this.#forget(clientId, client);
    for (const listener of this.#listeners) listener(client.owner, clientId);
  }
}
