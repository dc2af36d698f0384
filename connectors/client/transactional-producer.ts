import { systemClock } from '../../platform/system-clock.ts';
import { encode } from '../rocketmq/codec.ts';
import { WireReader } from '../rocketmq/wire.ts';
import { checkedResponse } from './answers.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import type { Message, ReceivedMessage } from './message.ts';
import { closed, newId } from './producer.ts';
import { singleRequest } from './publish-request.ts';
import { deliveryOf } from './received.ts';
import { persistently, sendDurably } from './send.ts';
import { Session } from './session.ts';

export type Resolution = 'commit' | 'rollback';

export interface TransactionalProducerOptions extends ConnectionOptions {
  /** Those that it sends to: the server asks any producer of a topic for its open transactions. */
  readonly topics: readonly string[];
  /**
   * What became of the work that the message stands for, asked when the producer that sent it did
   * not say; `undefined`: it is not known yet, and the server asks again later.
   */
  readonly check: (
    message: ReceivedMessage,
  ) => Resolution | undefined | Promise<Resolution | undefined>;
  /** Told of what goes wrong with a check: the server asks again. */
  readonly onError?: (error: unknown) => void;
}

/** A message that is durable and that nobody sees until it is committed. */
export interface Transaction {
  /** The message's, and the transaction's. */
  readonly messageId: string;
  /** Consumers get the message. Throws INVALID_TRANSACTION_ID when it ended otherwise, UNAVAILABLE. */
  commit(): Promise<void>;
  /** Nobody gets it. Throws as `commit`. */
  rollback(): Promise<void>;
}

/**
 * Publishes messages that consumers see only when the work that belongs to them is done.
 *
 * ```ts
 * const producer = new TransactionalProducer({ endpoint, topics: ['orders'], check });
 * await producer.start();
 * const transaction = await producer.begin('orders', { body: '{"id":1}' });
 * await transaction.commit();
 * ```
 */
export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions;
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #checks = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: TransactionalProducerOptions) {
    this.#options = options;
    this.#connection = new Connection(options);
    this.#session = new Session(this.#connection, {
      group: '',
      settings: {
        client_type: 'PRODUCER',
        publishing: { topics: options.topics.map((name) => ({ name })) },
      },
      onCommand: (command) => this.#asked(command),
    });
  }

  /** From now on it is asked, too. Throws what the server refuses with, UNAVAILABLE. */
  async start(): Promise<void> {
    await this.#session.open();
  }

  /** Resolves when the message is durable. Throws what the server refuses with, UNAVAILABLE. */
  async begin(
    topic: string,
    message: Omit<Message, 'deliverAtMs' | 'priority' | 'liteTopic'>,
  ): Promise<Transaction> {
    if (this.#isClosed) throw closed();
    const messageId = newId();
    const request = singleRequest(topic, message, messageId, systemClock.nowMs(), true);
    await sendDurably(this.#connection, request, undefined);
    return {
      messageId,
      commit: () => this.#end(topic, messageId, 'commit'),
      rollback: () => this.#end(topic, messageId, 'rollback'),
    };
  }

  /** Resolves when checks under way are answered. What is open stays so: others are asked. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#checks);
    await this.#session.close();
    this.#connection.close();
  }

  async #end(
    topic: string,
    messageId: string,
    resolution: Resolution,
    source = 'SOURCE_CLIENT',
  ): Promise<void> {
    const request = encode('EndTransactionRequest', {
      topic: { name: topic },
      message_id: messageId,
      transaction_id: messageId,
      resolution: resolution === 'commit' ? 'COMMIT' : 'ROLLBACK',
      source,
    });
    await persistently(undefined, async () => {
      const answer = await this.#connection.unary('EndTransaction', request);
      checkedResponse('EndTransaction', answer);
    });
  }

  #asked(command: Buffer): void {
    const check = this.#check(command).catch((error) => this.#options.onError?.(error));
    this.#checks.add(check);
    check.finally(() => this.#checks.delete(check));
  }

  async #check(command: Buffer): Promise<void> {
    const half = halfOf(command);
    if (half === undefined) return;
    const [message] = deliveryOf(half).messages;
    const resolution = await this.#options.check(message!);
    if (resolution === undefined) return;
    await this.#end(message!.topic, message!.messageId, resolution, 'SOURCE_SERVER_CHECK');
  }
}

/** RecoverOrphanedTransactionCommand recover_orphaned_transaction_command = 5 { message = 1 }. */
function halfOf(command: Buffer): Buffer | undefined {
  const fields = new WireReader(command);
  while (fields.next()) {
    if (!fields.is(5)) continue;
    const inner = new WireReader(command, fields.start, fields.stop);
    while (inner.next()) if (inner.is(1)) return command.subarray(inner.start, inner.stop);
  }
  return undefined;
}
