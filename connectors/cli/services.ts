import type { Field } from '../../sql/columns/types.ts';
import type { AdminMethod, AdminRequest, AdminResponse } from '../admin/proto.ts';
import type { Endpoint } from './endpoint.ts';
import type { TextRow } from './table.ts';

/** What the commands need of a server: SQL and messages, however they are carried. */
export interface Services {
  sql(endpoint: Endpoint): SqlConnection;
  messaging(endpoint: Endpoint): Messaging;
  admin(endpoint: Endpoint): Administration;
  /** Rejects with PORT_IN_USE or DIRECTORY_LOCKED, among others. */
  startServer(options: ServerOptions): Promise<RunningServer>;
}

export interface SqlConnection {
  /** Runs every statement of `text`; the answer is the last one's. Positions are relative to it. */
  execute(text: string, options?: SqlOptions): Promise<SqlAnswer>;
  close(): Promise<void>;
}

export interface SqlOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

export type SqlAnswer =
  | {
      readonly kind: 'rows';
      readonly fields: readonly Pick<Field, 'name' | 'type'>[];
      readonly rows: AsyncIterable<TextRow>;
    }
  | { readonly kind: 'command'; readonly tag: string; readonly rowsAffected?: number | undefined };

export interface OutgoingMessage {
  readonly body: Uint8Array;
  readonly tag?: string;
  readonly keys?: readonly string[];
}

export interface StoredMessage {
  readonly messageId: string;
  readonly body: Uint8Array;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly queue: number;
  readonly offset: number;
  readonly storeTimeMs: number;
}

/** What a message is found by. */
export type MessageName = { readonly id: string } | { readonly key: string };

/** A message that a consumer group holds until it is acknowledged or its time runs out. */
export interface HeldMessage {
  readonly body: Uint8Array;
  acknowledge(): Promise<void>;
}

/** Offsets in [min, max) are readable. */
export interface QueueOffsets {
  readonly queue: number;
  readonly min: number;
  readonly max: number;
}

export interface Messaging {
  /** One batch, one entry of one queue; resolves when it is durable. */
  publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void>;
  /** Waits for messages for some seconds; may give none. */
  receive(topic: string, group: string, max: number): Promise<readonly HeldMessage[]>;
  /** Messages from `offset` on, in order; none at the end of the queue. */
  pull(
    topic: string,
    queue: number,
    offset: number,
    max: number,
  ): Promise<readonly StoredMessage[]>;
  /** Newest first, at most `max`. */
  find(topic: string, name: MessageName, max: number): Promise<readonly StoredMessage[]>;
  /** First offset stored at or after the time, ms since 1970; the end of the queue without one. */
  offsetAtTime(topic: string, queue: number, timeMs: number): Promise<number>;
  queueOffsets(topic: string): Promise<readonly QueueOffsets[]>;
  close(): Promise<void>;
}

/** Calls of the server's own admin service. */
export interface Administration {
  /** Throws what the server refuses with. */
  call<M extends AdminMethod>(method: M, request: AdminRequest<M>): Promise<AdminResponse<M>>;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly dataDirectory: string;
  /** Further physical partitions: number to the directory that `pN` is in. */
  readonly dataDirectories?: ReadonlyMap<number, string>;
  /** Bytes of one segment file of the log; 1 GiB unless it is given. */
  readonly segmentBytes?: number;
  /** `interval` acknowledges messages before they are on the disk. */
  readonly flush?: 'sync' | 'interval';
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Topics and groups are not made by their first use. */
  readonly strict?: boolean;
  /** Files of a certificate and its private key, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Requests must be signed with an access key, and need its grants. */
  readonly acl?: boolean;
  /** What one client and one topic may have in a second. */
  readonly rates?: {
    readonly clientRequests?: number | undefined;
    readonly topicMessages?: number | undefined;
  };
  /** Publishing is refused while less is free; 256 MiB when absent. */
  readonly diskReserveBytes?: number | undefined;
}

export interface RunningServer {
  readonly port: number;
  /** How the relations got their state back: from the checkpoint, from the whole log, by replay. */
  readonly state: {
    readonly restored: number;
    readonly filled: number;
    readonly replayed: number;
  };
  stop(): Promise<void>;
}
