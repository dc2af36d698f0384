import type { Clock, Timer as ClockTimer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Entry, Store } from '../../storage/store.ts';
import { DueQueue } from './due-queue.ts';
import type { ParkedMessage } from './message-format.ts';
import { isLost, type Parked, type Waiting } from './parked.ts';
import type { Publisher } from './publisher.ts';
import type { Topics } from './topics.ts';

export type Resolution = 'commit' | 'rollback';

/** Asks some living producer of the topic what becomes of the message; false if there is none. */
export type AskProducer = (topic: string, half: Entry, transactionId: string) => boolean;

export interface TransactionsOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly parked: Parked;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A half message: durable, in nobody's sight, until its producer says what becomes of it. */
interface Half extends Waiting {
  dueMs: number;
  checks: number;
  ending: Promise<void> | undefined;
}

/** Where messages go whose producers never answered (reference rocketmq-v2, 1.15). */
export const expiredTopic = 'TRANS_CHECK_MAX_TIME_TOPIC';

/**
 * Transactions of one message each. The transaction id is the message id (reference 1.12). The
 * pending halves are in memory, each with a row in the `index/` database:
 *
 * | key                   | value                                                      |
 * |-----------------------|------------------------------------------------------------|
 * | `half/TOPIC/ID`       | f64 parked offset, f64 wall clock of the next check, u32   |
 * |                       | checks so far                                              |
 */
export class Transactions {
  readonly #options: TransactionsOptions;
  readonly #halves = new Map<string, Half>();
  readonly #due = new DueQueue<{ readonly dueMs: number; readonly half: Half }>();
  /** Those ended last: a producer that got no answer asks again. */
  readonly #ended = new Map<string, Resolution>();
  #ask: AskProducer = () => false;
  #tick: ClockTimer | undefined;
  /** Checks under way. */
  #checking = 0;
  #isClosed = false;

  constructor(options: TransactionsOptions) {
    this.#options = options;
    options.parked.subscribe({
      parked: (waiting) => {
        if (waiting.message.isTransaction) this.#begin(waiting);
      },
      settled: ({ message }) => {
        if (message.isTransaction) this.#forget(keyOf(message.topic, message.messageId));
      },
    });
  }

  get pendingCount(): number {
    return this.#halves.size;
  }

  /** How producers are asked; the connector sets it. */
  set askProducer(ask: AskProducer) {
    this.#ask = ask;
  }

  /** After `Parked.open`. */
  async open(): Promise<void> {
    const { store } = this.#options;
    for (const [key, value] of await store.derived.load('half/')) {
      if (this.#halves.has(key)) continue;
      const row = Buffer.from(value);
      const offset = row.readDoubleBE(0);
      const message = await this.#messageAt(offset);
      if (message === undefined) continue;
      const half = { offset, message, dueMs: row.readDoubleBE(8), checks: row.readUInt32BE(16) };
      this.#keep(key, { ...half, ending: undefined });
    }
    this.#run();
  }

  /** `undefined` when the half is lost: the others go on without it. */
  async #messageAt(offset: number): Promise<ParkedMessage | undefined> {
    const { parked, logger } = this.#options;
    try {
      return parked.messageOf(await parked.read(offset));
    } catch (error) {
      if (!isLost(error)) throw error;
      logger.log('error', 'a half message is lost: it cannot be read', { offset, error });
      return undefined;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
  }

  /** Resolves with the half's offset among the parked messages when it is durable. */
  async begin(body: Buffer, message: ParkedMessage): Promise<number> {
    return (await this.#options.parked.park(body, message)).offset;
  }

  /**
   * Resolves when the end is durable; saying the same again is no error. Throws
   * INVALID_TRANSACTION_ID for one that is not pending, or that ended otherwise.
   */
  async end(topic: string, transactionId: string, resolution: Resolution): Promise<void> {
    const key = keyOf(topic, transactionId);
    const half = this.#halves.get(key);
    if (half?.ending !== undefined) {
      await half.ending;
      return this.end(topic, transactionId, resolution);
    }
    if (half === undefined) {
      if (this.#ended.get(key) === resolution) return;
      throw new MillraceError(
        'INVALID_TRANSACTION_ID',
        `no transaction "${transactionId}" of topic "${topic}" is open`,
      );
    }
    half.ending = resolution === 'commit' ? this.#commit(half) : this.#rollback(half);
    try {
      await half.ending;
      this.#remember(key, resolution);
    } finally {
      half.ending = undefined;
    }
  }

  async #commit(half: Half): Promise<void> {
    const { parked, publisher } = this.#options;
    const entry = await parked.read(half.offset);
    const isDelivered = await publisher.deliver(Buffer.from(entry.body), half.message);
    await parked.settle([half], isDelivered ? 'delivered' : 'topicGone');
  }

  #rollback(half: Half): Promise<void> {
    return this.#options.parked.settle([half], 'rolledBack');
  }

  #begin(waiting: Waiting): void {
    const firstMs = waiting.message.recoveryMs ?? limits.transactionCheckMs;
    const dueMs = this.#options.clock.nowMs() + firstMs;
    const key = keyOf(waiting.message.topic, waiting.message.messageId);
    this.#keep(key, { ...waiting, dueMs, checks: 0, ending: undefined });
    this.#save(key);
    this.#tickLater();
  }

  #keep(key: string, half: Half): void {
    this.#halves.set(key, half);
    this.#due.add({ dueMs: half.dueMs, half });
  }

  #save(key: string): void {
    const { offset, dueMs, checks } = this.#halves.get(key)!;
    const row = Buffer.alloc(20);
    row.writeDoubleBE(offset, 0);
    row.writeDoubleBE(dueMs, 8);
    row.writeUInt32BE(checks, 16);
    this.#options.store.derived.put(key, row);
  }

  #forget(key: string): void {
    this.#halves.delete(key);
    this.#options.store.derived.delete(key);
  }

  #remember(key: string, resolution: Resolution): void {
    this.#ended.set(key, resolution);
    if (this.#ended.size > limits.transactionsEndedMax) {
      this.#ended.delete(this.#ended.keys().next().value!);
    }
  }

  #tickLater(): void {
    if (this.#isClosed || this.#halves.size === 0) return;
    this.#tick ??= this.#options.clock.after(
      limits.timerTickMs,
      () => {
        this.#tick = undefined;
        this.#run();
      },
      { background: true },
    );
  }

  #run(): void {
    const { clock, logger } = this.#options;
    while (!this.#isClosed && this.#checking < limits.transactionsCheckedMax) {
      const { first } = this.#due;
      if (first === undefined || first.dueMs > clock.nowMs()) break;
      this.#due.shift();
      const { half, dueMs } = first;
      const key = keyOf(half.message.topic, half.message.messageId);
      if (this.#halves.get(key) !== half || half.dueMs !== dueMs) continue;
      this.#checking++;
      this.#check(key, half)
        .catch((error) => {
          logger.log('warn', 'a transaction could not be checked; tried again', { error });
        })
        .finally(() => {
          this.#checking--;
          this.#run();
        });
    }
    this.#tickLater();
  }

  /**
   * Asks again later in any case: an answer ends the transaction before. Every check counts, also
   * when no producer is there, so that a half does not wait for ever (reference rocketmq-v2, 1.15).
   */
  async #check(key: string, half: Half): Promise<void> {
    half.dueMs = this.#options.clock.nowMs() + limits.transactionCheckMs;
    this.#due.add({ dueMs: half.dueMs, half });
    if (half.ending !== undefined) return;
    if (half.checks >= limits.transactionChecksMax) return this.#expire(half);
    half.checks++;
    this.#save(key);
    const entry = await this.#options.parked.read(half.offset);
    if (this.#halves.get(key) !== half || half.ending !== undefined) return;
    const { topic, messageId } = half.message;
    this.#ask(topic, entry, messageId);
  }

  /** A commit that comes meanwhile waits, and finds that the transaction is over. */
  async #expire(half: Half): Promise<void> {
    half.ending = this.#putAside(half);
    try {
      await half.ending;
    } finally {
      half.ending = undefined;
    }
  }

  async #putAside(half: Half): Promise<void> {
    const { parked, publisher, topics, logger } = this.#options;
    await topics.create(expiredTopic, { queues: 1, ifNotExists: true });
    const entry = await parked.read(half.offset);
    await publisher.deliver(Buffer.from(entry.body), { ...half.message, topic: expiredTopic });
    await parked.settle([half], 'expired');
    const { topic, messageId } = half.message;
    logger.log('warn', `no producer ended a transaction; its message is in ${expiredTopic}`, {
      topic,
      messageId,
    });
  }
}

function keyOf(topic: string, messageId: string): string {
  return `half/${topic}/${messageId}`;
}
