import type { Clock, Timer } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';

export interface ConnectedClient {
  readonly clientId: string;
  readonly language: string;
  readonly group: string | undefined;
  readonly kind: string;
  readonly sinceMs: number;
}

type Listener = (owner: number, clientId: string) => void;
/** What was taken before `beforeMs` may have been on the connection that broke. */
type BrokenListener = (owner: number, clientId: string, beforeMs: number) => void;

interface Client {
  /** Small number that stands for the id in the cursors' memory. */
  readonly owner: number;
  /** When each of its streams was opened, by the monotonic clock. */
  readonly streams: Set<{ readonly openedMs: number }>;
  lastSeenMs: number;
  isLost: boolean;
  info: ConnectedClient | undefined;
}

/**
 * Which clients live. One lives while its Telemetry stream is open and it beats (10 s; Rust's 30 s),
 * and a short while after the stream ended: clients reopen it after about a second (reference
 * rocketmq-v2, 1.8). Push consumers' messages are renewed only for clients that live, and only those
 * that came over a connection that still stands: of an answer that was on a broken one the server
 * cannot know whether it arrived, and a message must not stay with a client that never got it.
 */
export class Clients {
  readonly #clock: Clock;
  readonly #byId = new Map<string, Client>();
  readonly #byOwner = new Map<number, Client>();
  readonly #lostListeners: Listener[] = [];
  readonly #brokenListeners: BrokenListener[] = [];
  #lastOwner = 0;
  #sweep: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  onLost(listener: Listener): void {
    this.#lostListeners.push(listener);
  }

  /** A connection of the client broke; it may come back. */
  onBroken(listener: BrokenListener): void {
    this.#brokenListeners.push(listener);
  }

  /** The number of a client, from 1; another one after it was lost. */
  ownerOf(clientId: string): number {
    return this.#client(clientId).owner;
  }

  isAlive(owner: number): boolean {
    const client = this.#byOwner.get(owner);
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
    const stream = { openedMs: this.#clock.monotonicMs() };
    client.streams.add(stream);
    return () => {
      client.streams.delete(stream);
      client.lastSeenMs = this.#clock.monotonicMs();
      // An old stream may end long after the client came back: what came over the new one stays.
      const newestMs = Math.max(...[...client.streams].map(({ openedMs }) => openedMs), -Infinity);
      const beforeMs = client.streams.size === 0 ? Infinity : newestMs;
      for (const listener of this.#brokenListeners) listener(client.owner, clientId, beforeMs);
      if (client.isLost && client.streams.size === 0) this.#forget(clientId, client);
    };
  }

  /** Whether the client has a Telemetry stream. */
  isConnected(clientId: string): boolean {
    return (this.#byId.get(clientId)?.streams.size ?? 0) > 0;
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
      const owner = ++this.#lastOwner;
      const lastSeenMs = this.#clock.monotonicMs();
      client = { owner, streams: new Set(), lastSeenMs, isLost: false, info: undefined };
      this.#byId.set(clientId, client);
      this.#byOwner.set(owner, client);
      this.#sweepLater();
    }
    return client;
  }

  #isOverdue({ streams, lastSeenMs }: Client): boolean {
    const limitMs = streams.size > 0 ? limits.clientSilenceMs : limits.clientReturnMs;
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
    this.#byOwner.delete(client.owner);
    if (this.#byId.get(clientId) === client) this.#byId.delete(clientId);
  }

  #lose(clientId: string, client: Client): void {
    client.isLost = true;
    if (client.streams.size === 0) this.#forget(clientId, client);
    for (const listener of this.#lostListeners) listener(client.owner, clientId);
  }
}
