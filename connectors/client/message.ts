/** A message to publish. */
export interface Message {
  readonly body: Uint8Array | string;
  readonly tag?: string;
  readonly keys?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  /** Messages of one group go out in the order in which they were sent. */
  readonly messageGroup?: string;
  /** From 0; higher goes first. For topics of type PRIORITY. */
  readonly priority?: number;
  /** For topics of type LITE: messages of one lite topic go out in the order in which they were sent. */
  readonly liteTopic?: string;
  /** ms since 1970: not before. */
  readonly deliverAtMs?: number;
}

/** Says that a message is durable. */
export interface SendReceipt {
  readonly messageId: string;
  /** On its queue; a delayed message has none yet, and neither has one of an open transaction. */
  readonly offset?: number;
  /** Takes a delayed message back, before its time. */
  readonly recallHandle?: string;
}

/** A message as a consumer or reader gets it. */
export interface ReceivedMessage {
  readonly topic: string;
  readonly messageId: string;
  readonly body: Uint8Array;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly messageGroup: string | undefined;
  readonly liteTopic: string | undefined;
  readonly queue: number;
  readonly offset: number;
  /** Deliveries so far, with this one; 0 when it was read without a group. */
  readonly attempt: number;
  readonly bornTimeMs: number;
  readonly storeTimeMs: number;
  /** Acknowledges it; empty when it was read without a group. */
  readonly receiptHandle: string;
}

/** Messages that came together; of a batch, `handle` is that of all of them. */
export interface Delivery {
  readonly messages: readonly ReceivedMessage[];
  /** Of all of them together; `undefined` unless they are a batch. */
  readonly handle: string | undefined;
}
