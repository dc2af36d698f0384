import type { Timer } from '../../platform/clock.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { decode, encode } from '../rocketmq/codec.ts';
import { checkedResponse } from './answers.ts';
import { tellError } from './callbacks.ts';
import { Connection } from './connection.ts';
import { PushConsumer, type PushConsumerOptions } from './push-consumer.ts';
import { persistently } from './send.ts';

export interface LiteConsumerOptions extends Omit<PushConsumerOptions, 'subscriptions'> {
  /** Of type LITE; its lite topics are subscribed to one by one. */
  readonly topic: string;
  /** Told of a lite topic of an exclusive group that another consumer has taken. */
  readonly onTaken?: (liteTopic: string) => void;
}

/** Where the group begins on a lite topic that it has not read yet. */
export type LiteStart =
  | 'beginning'
  | 'end'
  | { readonly offset: number }
  | { readonly last: number }
  | { readonly timeMs: number };

/** The server forgets what is not said again for a while after a break; RocketMQ's clients: 30 s. */
const syncMs = 30_000;

/**
 * A member of a consumer group on the lite topics of one topic: `listener` is called with the
 * messages of those that it has subscribed to, of each one after the other.
 */
export class LiteConsumer {
  readonly #options: LiteConsumerOptions;
  readonly #connection: Connection;
  readonly #consumer: PushConsumer;
  readonly #lites = new Set<string>();
  #timer: Timer | undefined;
  /** Taken by others during the turn: what it tells the server may cross the notice. */
  readonly #taken = new Set<string>();
  /** One change after the other: a list of all must not overtake what was added after it. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: LiteConsumerOptions) {
    this.#options = options;
    this.#connection = new Connection(options);
    this.#consumer = new PushConsumer(
      { ...options, subscriptions: { [options.topic]: '*' } },
      {
        connection: this.#connection,
        onCommand: (command) => this.#obey(command),
        onReopened: () => this.#syncAll(),
      },
    );
  }

  /** Begins to consume. Throws what the server refuses with, UNAVAILABLE. */
  async start(): Promise<void> {
    await this.#consumer.start();
    this.#syncLater();
    if (this.#lites.size > 0) this.#syncAll();
  }

  /** The lite topics that it has now. */
  get liteTopics(): readonly string[] {
    return [...this.#lites];
  }

  /**
   * The lite topic need not be there yet. `start` counts only for a group that has not read it.
   * Throws ILLEGAL_LITE_TOPIC, LITE_SUBSCRIPTION_QUOTA_EXCEEDED, UNAVAILABLE.
   */
  subscribe(liteTopic: string, start?: LiteStart): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sync('PARTIAL_ADD', () => [liteTopic], start);
      if (this.#taken.has(liteTopic)) {
        await this.#leave([liteTopic]);
        this.#tell(liteTopic);
      } else {
        this.#lites.add(liteTopic);
      }
    });
  }

  /** Throws UNAVAILABLE. */
  unsubscribe(liteTopic: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sync('PARTIAL_REMOVE', () => [liteTopic]);
      this.#lites.delete(liteTopic);
    });
  }

  /** Resolves when the calls of the listener are over and their messages acknowledged. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#turn.catch(() => undefined);
    await this.#consumer.close();
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const run = () => {
      this.#taken.clear();
      return change();
    };
    const turn = this.#turn.then(run, run);
    this.#turn = turn;
    return turn;
  }

  #syncLater(): void {
    this.#timer = systemClock.after(syncMs, () => {
      this.#syncAll();
      if (!this.#isClosed) this.#syncLater();
    });
  }

  #syncAll(): void {
    if (this.#isClosed) return;
    const syncing = this.#inTurn(async () => {
      await this.#sync('COMPLETE_ADD', () => [...this.#lites]);
      if (this.#taken.size > 0) await this.#leave([...this.#taken]);
    });
    syncing.catch((error) => tellError(this.#options.onError, error));
  }

  /** Of those that another one took the list of ours may have said that they are ours. */
  #leave(lites: readonly string[]): Promise<void> {
    return this.#sync('PARTIAL_REMOVE', () => lites);
  }

  /** `lites` is asked for each attempt: while it waits for the next one, some may be taken. */
  async #sync(action: string, lites: () => readonly string[], start?: LiteStart): Promise<void> {
    const { topic, group } = this.#options;
    await persistently(undefined, async () => {
      const request = encode('SyncLiteSubscriptionRequest', {
        action,
        topic: { name: topic },
        group: { name: group },
        lite_topic_set: lites(),
        ...(start === undefined ? {} : { offset_option: offsetOption(start) }),
      });
      const answer = await this.#connection.unary('SyncLiteSubscription', request);
      checkedResponse('SyncLiteSubscription', answer);
    });
  }

  #obey(command: Buffer): void {
    const { notify_unsubscribe_lite_command: taken } = decode<{
      notify_unsubscribe_lite_command?: { lite_topic?: string };
    }>('TelemetryCommand', command);
    const name = taken?.lite_topic;
    if (name === undefined) return;
    this.#taken.add(name);
    if (this.#lites.delete(name)) this.#tell(name);
  }

  #tell(taken: string): void {
    try {
      this.#options.onTaken?.(taken);
    } catch (error) {
      tellError(this.#options.onError, error);
    }
  }
}

function offsetOption(start: LiteStart) {
  if (start === 'beginning') return { policy: 'MIN' };
  if (start === 'end') return { policy: 'MAX' };
  if ('offset' in start) return { offset: start.offset };
  return 'last' in start ? { tail_n: start.last } : { timestamp: start.timeMs };
}
