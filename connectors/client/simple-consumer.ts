import { Connection, type ConnectionOptions } from './connection.ts';
import { GroupCalls } from './group-calls.ts';
import type { ReceivedMessage } from './message.ts';

export interface SimpleConsumerOptions extends ConnectionOptions {
  readonly group: string;
}

export interface ReceiveOptions {
  /** Messages at most, up to 32. 16. */
  readonly max?: number;
  /** Until then the messages are ours; not acknowledged, they come again. 30,000. */
  readonly invisibleMs?: number;
  /** How long to wait for the first message. 5,000. */
  readonly waitMs?: number;
  /** Tags joined by `||`; all messages without it. */
  readonly filter?: string;
}

/** A member of a consumer group that asks for messages, and acknowledges each one. */
export class SimpleConsumer {
  readonly #connection: Connection;
  readonly #calls: GroupCalls;

  constructor({ group, ...options }: SimpleConsumerOptions) {
    this.#connection = new Connection(options);
    this.#calls = new GroupCalls(this.#connection, group);
  }

  /** None when the time is up. Throws what the server refuses with, UNAVAILABLE. */
  async receive(topic: string, options: ReceiveOptions = {}): Promise<readonly ReceivedMessage[]> {
    const { max = 16, invisibleMs = 30_000, waitMs = 5000, filter } = options;
    const request = { topic, filter, max, invisibleMs, waitMs, batches: false };
    const deliveries = await this.#calls.receive(request);
    return deliveries.flatMap(({ messages }) => messages);
  }

  /** Throws RECEIPT_HANDLE_EXPIRED when it is too late: then it comes, or came, again. */
  async ack({ topic, receiptHandle }: ReceivedMessage): Promise<void> {
    const [error] = await this.#calls.ack(topic, [receiptHandle]);
    if (error !== undefined) throw error;
  }

  /** The message is ours for so long from now on, or with 0 somebody else's; the new handle. */
  changeInvisible(message: ReceivedMessage, invisibleMs: number): Promise<string> {
    return this.#calls.changeInvisible(message.topic, message.receiptHandle, invisibleMs);
  }

  close(): void {
    this.#connection.close();
  }
}
