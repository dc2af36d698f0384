import type { Delays } from '../../engine/broker/delays.ts';
import { checkMessage, checkRequest } from '../../engine/broker/message-check.ts';
import type { Publisher } from '../../engine/broker/publisher.ts';
import type { RateLimits } from '../../engine/broker/rate-limits.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import type { Transactions } from '../../engine/broker/transactions.ts';
import { recordId } from '../../engine/formats/packed-records.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { decode, encode } from './codec.ts';
import { parkedMessage } from './message-format.ts';
import { type Named, namesOf, withFullNames } from './namespace.ts';
import { packedParts, unfitForPacking } from './packed.ts';
import { type ScannedMessage, scanSendRequest } from './scan.ts';
import { acceptedResponse } from './send-response.ts';
import type { MessagingOptions, UnaryCall } from './service.ts';
import { multipleResults, ok, statusOf } from './status.ts';
import { delimited } from './wire.ts';

/** What producers call. */
export class SendMethods {
  readonly #publisher: Publisher;
  readonly #topics: Topics;
  readonly #delays: Delays;
  readonly #transactions: Transactions;
  readonly #clock: Clock;

  readonly #rates: RateLimits;

  constructor(
    { publisher, topics, delays, transactions, clock }: MessagingOptions,
    rates: RateLimits,
  ) {
    this.#rates = rates;
    this.#publisher = publisher;
    this.#topics = topics;
    this.#delays = delays;
    this.#transactions = transactions;
    this.#clock = clock;
  }

  /** One result a message, in their order (reference rocketmq-v2, 1.12). */
  async send(call: UnaryCall): Promise<Buffer> {
    const scanned = scanSendRequest(call.request);
    const { request, messages } = withFullNames(call.request, scanned, namesOf(call));
    const [first] = messages;
    if (first?.isPacked === false) this.#rates.takeMessages(first.topic, messages.length);
    if (messages.some(({ isPacked }) => isPacked)) return this.#sendPacked(request, messages);
    if (messages.some((message) => this.#mustWait(message))) return this.#park(request, messages);
    return acceptedResponse(messages, await this.#publisher.publish(request, messages));
  }

  /**
   * One result stands for all of them: their ids follow from its own, and their offsets. Those that
   * went to several queues have a result each.
   */
  async #sendPacked(request: Buffer, messages: readonly ScannedMessage[]): Promise<Buffer> {
    const [envelope] = messages;
    if (messages.length !== 1) throw unfitForPacking('a request has other messages beside them');
    const parts = packedParts(request, envelope!);
    this.#rates.takeMessages(envelope!.topic, parts.count);
    const offsets = await this.#publisher.publishPacked(request, parts);
    if (offsets.length === 1) return acceptedResponse(messages, offsets);
    const { messageId } = envelope!;
    const each = offsets.map((_, place) => ({ messageId: recordId(messageId, place) }));
    return acceptedResponse(each, offsets);
  }

  /** A half message, or one for later. What is for a time that has passed goes out at once. */
  #mustWait(message: ScannedMessage): boolean {
    return message.isTransaction || (message.deliverAtMs ?? 0) > this.#clock.nowMs();
  }

  /** Each message waits by itself, so each can fail by itself. */
  async #park(request: Buffer, messages: readonly ScannedMessage[]): Promise<Buffer> {
    checkRequest(messages);
    const entries = await Promise.all(
      messages.map((message) =>
        this.#parkOne(request, message).catch((error) => ({ status: statusOf(error) })),
      ),
    );
    const { status: first } = entries[0]!;
    const isSame = entries.every(({ status }) => status.code === first.code);
    return encode('SendMessageResponse', { status: isSame ? first : multipleResults, entries });
  }

  async #parkOne(request: Buffer, message: ScannedMessage) {
    const topic = await this.#topics.use(message.topic);
    checkMessage(message, topic);
    const body = delimited(1, [request.subarray(message.start, message.end)]);
    const parked = parkedMessage(message);
    if (parked.isTransaction) {
      checkRecovery(parked.recoveryMs);
      return sent(message, await this.#transactions.begin(body, parked));
    }
    if (!this.#mustWait(message)) {
      const [offset] = await this.#publisher.publish(body, [message]);
      return sent(message, offset!);
    }
    checkDeliveryTime(parked.deliverAtMs);
    const { offset, handle } = await this.#delays.add(body, parked);
    return { ...sent(message, offset), recall_handle: handle };
  }

  async recall(call: UnaryCall): Promise<Buffer> {
    interface RecallRequest {
      readonly topic?: Named;
      readonly recall_handle?: string;
    }
    const { topic, recall_handle: handle } = decode<RecallRequest>(
      'RecallMessageRequest',
      call.request,
    );
    const { name } = this.#topics.get(namesOf(call).topic(topic));
    const messageId = await this.#delays.recall(name, handle ?? '');
    return encode('RecallMessageResponse', { status: ok, message_id: messageId });
  }

  async endTransaction(call: UnaryCall): Promise<Buffer> {
    interface EndRequest {
      readonly topic?: Named;
      readonly transaction_id?: string;
      readonly resolution?: string;
    }
    const end = decode<EndRequest>('EndTransactionRequest', call.request);
    const topic = namesOf(call).topic(end.topic);
    const { resolution } = end;
    if (resolution !== 'COMMIT' && resolution !== 'ROLLBACK') {
      throw new MillraceError('INVALID_ARGUMENT', 'a transaction is committed or rolled back');
    }
    const how = resolution === 'COMMIT' ? 'commit' : 'rollback';
    await this.#transactions.end(topic, end.transaction_id ?? '', how);
    return encode('EndTransactionResponse', { status: ok });
  }
}

/** RocketMQ's transaction id is the message id, and every message has one (reference 1.12). */
function sent({ messageId }: ScannedMessage, offset: number) {
  return { status: ok, message_id: messageId, transaction_id: messageId, offset };
}

function checkRecovery(recoveryMs: number | undefined): void {
  if (recoveryMs === undefined) return;
  if (recoveryMs >= 0 && recoveryMs <= limits.transactionRecoveryMsMax) return;
  throw new MillraceError(
    'INVALID_ARGUMENT',
    `a transaction is checked after at most ${limits.transactionRecoveryMsMax / 1000} s`,
  );
}

/** The last date that JavaScript has, and most databases. */
function checkDeliveryTime(deliverAtMs: number | undefined): void {
  if (deliverAtMs! <= 8.64e15) return;
  throw new MillraceError('ILLEGAL_DELIVERY_TIME', 'no calendar has that time of delivery');
}
