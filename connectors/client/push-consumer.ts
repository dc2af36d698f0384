import { MillraceError } from '../../platform/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { GroupCalls } from './group-calls.ts';
import type { Delivery, ReceivedMessage } from './message.ts';
import { pause } from './send.ts';
import { type GroupSettings, Session, type SessionOptions } from './session.ts';

export interface PushConsumerOptions extends ConnectionOptions {
  readonly group: string;
  /** Topics, each with its tags joined by `||`, or `*` for all messages. */
  readonly subscriptions: Readonly<Record<string, string>>;
  /** A message is done when it returns or resolves; when it throws, the message comes again. */
  readonly listener: (message: ReceivedMessage) => void | Promise<void>;
  /** Calls of the listener under way at a time, per topic. 16. */
  readonly concurrency?: number;
  /** Told of messages that the server has taken as done. */
  readonly onAcknowledged?: (messages: readonly ReceivedMessage[]) => void;
  /** Told of what goes wrong with the server; consuming goes on. */
  readonly onError?: (error: unknown) => void;
}

/** What a lite consumer has beside what every push consumer has. */
export interface LitePart extends Required<Pick<SessionOptions, 'onCommand' | 'onReopened'>> {
  readonly connection: Connection;
}

/** Messages that are acknowledged together. */
interface Done {
  readonly handle: string;
  readonly messages: readonly ReceivedMessage[];
}

const receiveMax = 32;
/** Requests for messages under way at a time, per topic: more than one while they bring as much as they may. */
const receiversMax = 4;
/** Answers that are worked on, or whose acknowledgements are on their way. */
const worksMax = 8;
const waitMs = 15_000;
const errorPauseMs = 1000;
const settlePauseMs = 100;
const settlePauseMsMax = 5000;
const callsAfterCloseMax = 3;

/**
 * A member of a consumer group whose listener is called with each message. The server keeps a
 * message for it for as long as it lives; batches come whole, and are acknowledged as a whole.
 */
export class PushConsumer {
  readonly #options: PushConsumerOptions;
  readonly #connection: Connection;
  readonly #calls: GroupCalls;
  readonly #session: Session;
  readonly #isLite: boolean;
  readonly #closing = new AbortController();
  #loops: Promise<unknown> = Promise.resolve();

  /** `lite`: of a lite consumer, which shares the connection and the session's commands. */
  constructor(options: PushConsumerOptions, lite?: LitePart) {
    const { group, subscriptions } = options;
    this.#options = options;
    this.#isLite = lite !== undefined;
    this.#connection = lite?.connection ?? new Connection(options);
    this.#calls = new GroupCalls(this.#connection, group);
    this.#session = new Session(this.#connection, {
      group,
      ...lite,
      settings: pushSettings(group, subscriptions, lite === undefined),
    });
  }

  /** Begins to consume. Throws what the server refuses with, UNAVAILABLE. */
  async start(): Promise<void> {
    const settings = await this.#session.open();
    const topics = Object.entries(this.#options.subscriptions);
    this.#loops = Promise.all(
      topics.map(([topic, filter]) => this.#consume(topic, filter, settings)),
    );
  }

  /** Resolves when the calls of the listener are over and their messages acknowledged. */
  async close(): Promise<void> {
    // A receive that began in this turn is not on its way yet, and grpc-js cancels it here alone.
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    this.#closing.abort();
    await this.#loops;
    await this.#session.close();
    this.#connection.close();
  }

  /**
   * While messages are worked on and acknowledged, the next ones are on their way: as long as the
   * listener keeps up, and several answers at a time as long as they come full.
   */
  async #consume(topic: string, filter: string, settings: GroupSettings): Promise<void> {
    const calls = new Calls(this.#options.concurrency ?? 16);
    const works = new Set<Promise<void>>();
    const receivers = new Set<Promise<void>>();
    const receive = async (): Promise<void> => {
      while (!this.#closing.signal.aborted) {
        const deliveries = await this.#receive(topic, filter);
        if (this.#closing.signal.aborted) {
          for (const delivery of deliveries) await this.#giveBack(topic, delivery);
          return;
        }
        const work = this.#work(topic, deliveries, settings, calls)
          .catch((error) => this.#failed(error))
          .finally(() => works.delete(work));
        works.add(work);
        const isFull = deliveries.reduce((n, { messages }) => n + messages.length, 0) >= receiveMax;
        if (!isFull && receivers.size > 1) return;
        if (isFull && receivers.size < receiversMax) begin();
        if (works.size >= worksMax) await Promise.race(works);
        await calls.room();
      }
    };
    const begin = () => {
      const receiver = receive().finally(() => receivers.delete(receiver));
      receivers.add(receiver);
    };
    begin();
    while (receivers.size > 0) await Promise.race(receivers);
    await Promise.all(works);
  }

  async #receive(topic: string, filter: string): Promise<readonly Delivery[]> {
    const { signal } = this.#closing;
    if (signal.aborted) return [];
    try {
      return await this.#calls.receive({
        ...{ topic, filter, max: receiveMax, invisibleMs: 'renewed', waitMs },
        ...{ batches: true, signal, onUndecodable: (error) => this.#failed(error) },
      });
    } catch (error) {
      this.#failed(error);
      await pause(errorPauseMs);
      return [];
    }
  }

  async #work(
    topic: string,
    deliveries: readonly Delivery[],
    settings: GroupSettings,
    calls: Calls,
  ): Promise<void> {
    const failed =
      settings.fifo || this.#isLite
        ? await this.#inOrder(deliveries, calls)
        : await this.#sideBySide(deliveries, calls);
    const done: Done[] = [];
    for (const { messages, handle } of deliveries) {
      if (handle !== undefined && !messages.some((message) => failed.has(message))) {
        done.push({ handle, messages });
        continue;
      }
      for (const message of messages) {
        if (!failed.has(message)) done.push({ handle: message.receiptHandle, messages: [message] });
      }
    }
    const retries = [...failed].map(([{ receiptHandle, attempt }, isGivenBack]) => {
      const ms = isGivenBack ? 0 : settings.retryMs(attempt);
      return this.#untilDone(async () => {
        await this.#calls.changeInvisible(topic, receiptHandle, ms, isGivenBack);
      });
    });
    await Promise.all([...retries, this.#acknowledge(topic, done)]);
  }

  async #acknowledge(topic: string, done: readonly Done[]): Promise<void> {
    let left = done;
    await this.#untilDone(async () => {
      if (left.length === 0) return;
      const handles = left.map(({ handle }) => handle);
      const errors = await this.#calls.ack(topic, handles);
      const again = left.filter((_, i) => errors[i] !== undefined && !isOver(errors[i]));
      for (const [i, { messages }] of left.entries()) {
        if (errors[i] === undefined) this.#options.onAcknowledged?.(messages);
        else if (isOver(errors[i])) this.#failed(errors[i]);
      }
      left = again;
      const failure = errors.find((error) => error !== undefined && !isOver(error));
      if (failure !== undefined) throw failure;
    });
  }

  /**
   * The server keeps messages for as long as the consumer lives: what it is not told now, it has to
   * be told later. Ends when it succeeds, when it is too late, or soon when the consumer closes.
   */
  async #untilDone(call: () => Promise<void>): Promise<void> {
    let callsAfterClose = 0;
    for (let pauseMs = settlePauseMs; ; pauseMs = Math.min(2 * pauseMs, settlePauseMsMax)) {
      try {
        return await call();
      } catch (error) {
        this.#failed(error);
        if (isOver(error)) return;
        if (this.#closing.signal.aborted && ++callsAfterClose >= callsAfterCloseMax) return;
      }
      await pause(pauseMs);
    }
  }

  /** The messages that failed. */
  async #sideBySide(
    deliveries: readonly Delivery[],
    calls: Calls,
  ): Promise<Map<ReceivedMessage, boolean>> {
    const failed = new Map<ReceivedMessage, boolean>();
    const { listener } = this.#options;
    const own: Promise<void>[] = [];
    for (const { messages } of deliveries) {
      for (const message of messages) {
        if (calls.isFull) await calls.room();
        try {
          const result = listener(message);
          if (result === undefined) continue;
          own.push(calls.during(result).catch((error) => this.#lost(failed, message, error)));
        } catch (error) {
          this.#lost(failed, message, error);
        }
      }
    }
    await Promise.all(own);
    return failed;
  }

  #lost(failed: Map<ReceivedMessage, boolean>, message: ReceivedMessage, error: unknown): void {
    failed.set(message, false);
    this.#failed(error);
  }

  /**
   * One after the other within a message group, or a lite topic. When one fails, those behind it
   * are given back: the value is true for them.
   */
  async #inOrder(
    deliveries: readonly Delivery[],
    calls: Calls,
  ): Promise<Map<ReceivedMessage, boolean>> {
    const groups = new Map<string | undefined, ReceivedMessage[]>();
    for (const message of deliveries.flatMap(({ messages }) => messages)) {
      const name = message.liteTopic ?? message.messageGroup;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [message]);
      else group.push(message);
    }
    const failed = new Map<ReceivedMessage, boolean>();
    await Promise.all(
      [...groups].map(async ([group, messages]) => {
        for (const [index, message] of messages.entries()) {
          if (calls.isFull) await calls.room();
          try {
            await calls.during(this.#options.listener(message));
          } catch (error) {
            this.#lost(failed, message, error);
            if (group === undefined) continue;
            for (const behind of messages.slice(index + 1)) failed.set(behind, true);
            return;
          }
        }
      }),
    );
    return failed;
  }

  /** What came while the consumer closed. */
  async #giveBack(topic: string, { messages, handle }: Delivery): Promise<void> {
    const handles = handle === undefined ? messages.map((one) => one.receiptHandle) : [handle];
    for (const each of handles) {
      await this.#calls.changeInvisible(topic, each, 0, true).catch(() => undefined);
    }
  }

  #failed(error: unknown): void {
    if (this.#closing.signal.aborted && error instanceof MillraceError) return;
    this.#options.onError?.(error);
  }
}

function pushSettings(
  group: string,
  subscriptions: Readonly<Record<string, string>>,
  isPlain: boolean,
): SessionOptions['settings'] {
  return {
    client_type: isPlain ? 'PUSH_CONSUMER' : 'LITE_PUSH_CONSUMER',
    subscription: {
      group: { name: group },
      subscriptions: Object.entries(subscriptions).map(([topic, expression]) => ({
        topic: { name: topic },
        expression: { type: 'TAG', expression },
      })),
    },
  };
}

/** Calls of the listener that are under way. */
class Calls {
  readonly #max: number;
  #count = 0;
  #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get isFull(): boolean {
    return this.#count >= this.#max;
  }

  /** Resolves when there is room for another one. */
  async room(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async during(call: void | Promise<void>): Promise<void> {
    this.#count++;
    try {
      await call;
    } finally {
      this.#count--;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    }
  }
}

/** The message is not ours any more. */
function isOver(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'RECEIPT_HANDLE_EXPIRED';
}
