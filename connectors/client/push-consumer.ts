import { MillraceError } from '../../platform/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { tellError } from './callbacks.ts';
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
  /** Told of messages that the server has taken as done; what it throws goes to `onError`. */
  readonly onAcknowledged?: (messages: readonly ReceivedMessage[]) => void;
  /** Told of what goes wrong with the server; consuming goes on. What it throws is ignored. */
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

/** Messages that are not done: true for one that is given back, false for one that failed. */
type Failed = Map<ReceivedMessage, boolean>;

/** Messages that the listener has, or had; `failed` is whole when the calls are over. */
interface Begun {
  readonly failed: Failed;
  readonly over: Promise<unknown>;
  /** The listener was busy. */
  readonly hasWaited: boolean;
}

const receiveMax = 32;
/** Requests for messages under way at a time, per topic: more than one while they bring as much as they may. */
const receiversMax = 4;
/** Answers of which the server is being told, per topic. */
const settlingMax = 8;
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

  /**
   * Resolves when the calls of the listener are over and their messages acknowledged. Messages that
   * had come and not yet been begun are given back.
   */
  async close(): Promise<void> {
    // A receive that began in this turn is not on its way yet, and grpc-js cancels it here alone.
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    this.#closing.abort();
    await this.#loops;
    await this.#session.close();
    this.#connection.close();
  }

  /**
   * While messages are worked on and acknowledged, the next ones are on their way: several answers
   * at a time as long as they come full and the listener keeps up. Nothing is asked for while
   * messages wait for a call of the listener: other members of the group may be idle.
   */
  async #consume(topic: string, filter: string, settings: GroupSettings): Promise<void> {
    const { signal } = this.#closing;
    const calls = new Bound(this.#options.concurrency ?? 16, signal);
    const settling = new Bound(settlingMax, signal);
    const running = new Set<Promise<void>>();
    const run = (task: Promise<void>) => {
      const own = task.catch((error) => this.#failed(error)).finally(() => running.delete(own));
      running.add(own);
    };
    const settle = async (deliveries: readonly Delivery[], failed: Failed) => {
      await settling.enter();
      try {
        await this.#settle(topic, deliveries, failed, settings);
      } finally {
        settling.leave();
      }
    };
    let receivers = 0;
    const receive = async (): Promise<void> => {
      receivers++;
      for (;;) {
        const deliveries = await this.#receive(topic, filter);
        const { failed, over, hasWaited } = await this.#begin(deliveries, settings, calls);
        run(over.then(() => settle(deliveries, failed)));
        const isFull = deliveries.reduce((n, { messages }) => n + messages.length, 0) >= receiveMax;
        const isKeepingUp = isFull && !hasWaited;
        if (signal.aborted || (receivers > 1 && !isKeepingUp)) break;
        if (isKeepingUp && receivers < receiversMax) run(receive());
        await calls.room();
        await settling.room();
      }
      receivers--;
    };
    run(receive());
    while (running.size > 0) await Promise.race(running);
  }

  async #receive(topic: string, filter: string): Promise<readonly Delivery[]> {
    const { signal } = this.#closing;
    if (signal.aborted) return [];
    try {
      return await this.#calls.receive({
        topic,
        filter,
        max: receiveMax,
        invisibleMs: 'renewed',
        waitMs,
        batches: true,
        signal,
        onUndecodable: (error) => this.#failed(error),
      });
    } catch (error) {
      this.#failed(error);
      await pause(errorPauseMs);
      return [];
    }
  }

  /** Tells the server of messages of which the calls are over. */
  async #settle(
    topic: string,
    deliveries: readonly Delivery[],
    failed: Failed,
    settings: GroupSettings,
  ): Promise<void> {
    const done: Done[] = [];
    const calls: Promise<void>[] = [];
    const hide = (handle: string, ms: number, isGivenBack: boolean) => {
      const call = async () => {
        await this.#calls.changeInvisible(topic, handle, ms, isGivenBack);
      };
      calls.push(this.#untilDone(call));
    };
    for (const { messages, handle } of deliveries) {
      if (handle !== undefined && !messages.some((message) => failed.has(message))) {
        done.push({ handle, messages });
      } else if (handle !== undefined && messages.every((message) => failed.get(message))) {
        hide(handle, 0, true);
      } else {
        for (const message of messages) {
          const { receiptHandle, attempt } = message;
          const isGivenBack = failed.get(message);
          if (isGivenBack === undefined) done.push({ handle: receiptHandle, messages: [message] });
          else hide(receiptHandle, isGivenBack ? 0 : settings.retryMs(attempt), isGivenBack);
        }
      }
    }
    await Promise.all([...calls, this.#acknowledge(topic, done)]);
  }

  async #acknowledge(topic: string, done: readonly Done[]): Promise<void> {
    let left = done;
    await this.#untilDone(async () => {
      if (left.length === 0) return;
      const handles = left.map(({ handle }) => handle);
      const errors = await this.#calls.ack(topic, handles);
      const asked = left;
      left = asked.filter((_, i) => errors[i] !== undefined && !isOver(errors[i]));
      for (const [i, { messages }] of asked.entries()) {
        if (errors[i] === undefined) this.#acknowledged(messages);
        else if (isOver(errors[i])) this.#failed(errors[i]);
      }
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

  /**
   * Hands the messages to the listener; resolves when the last call has begun, in message groups
   * when the first ones have. When the consumer closes, those not begun are given back.
   */
  #begin(deliveries: readonly Delivery[], settings: GroupSettings, calls: Bound): Promise<Begun> {
    if (settings.fifo || this.#isLite) return this.#inOrder(deliveries, calls);
    return this.#sideBySide(deliveries, calls);
  }

  async #sideBySide(deliveries: readonly Delivery[], calls: Bound): Promise<Begun> {
    const failed: Failed = new Map();
    const { listener } = this.#options;
    const { signal } = this.#closing;
    const own: Promise<void>[] = [];
    let hasWaited = false;
    for (const { messages } of deliveries) {
      for (const message of messages) {
        hasWaited ||= calls.isFull;
        const entering = calls.enter();
        if (entering !== undefined) await entering;
        if (signal.aborted) failed.set(message, true);
        else {
          try {
            const result = listener(message);
            if (result !== undefined) {
              own.push(
                Promise.resolve(result)
                  .catch((error) => this.#lost(failed, message, error))
                  .finally(() => calls.leave()),
              );
              continue;
            }
          } catch (error) {
            this.#lost(failed, message, error);
          }
        }
        calls.leave();
      }
    }
    return { failed, hasWaited, over: Promise.all(own) };
  }

  #lost(failed: Failed, message: ReceivedMessage, error: unknown): void {
    failed.set(message, false);
    this.#failed(error);
  }

  /**
   * One after the other within a message group, or a lite topic. When one fails, those behind it
   * are given back. Nobody else could have them: the server gives a group to one member at a time.
   */
  async #inOrder(deliveries: readonly Delivery[], calls: Bound): Promise<Begun> {
    const groups = new Map<string | undefined, ReceivedMessage[]>();
    for (const message of deliveries.flatMap(({ messages }) => messages)) {
      const name = message.liteTopic ?? message.messageGroup;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [message]);
      else group.push(message);
    }
    const failed: Failed = new Map();
    const own = [...groups].map(async ([group, messages]) => {
      for (const [index, message] of messages.entries()) {
        await calls.enter();
        try {
          if (this.#closing.signal.aborted) failed.set(message, true);
          else await this.#options.listener(message);
        } catch (error) {
          this.#lost(failed, message, error);
        } finally {
          calls.leave();
        }
        if (group === undefined || !failed.has(message)) continue;
        for (const behind of messages.slice(index + 1)) failed.set(behind, true);
        return;
      }
    });
    return { failed, hasWaited: calls.isFull, over: Promise.all(own) };
  }

  #acknowledged(messages: readonly ReceivedMessage[]): void {
    try {
      this.#options.onAcknowledged?.(messages);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#closing.signal.aborted && error instanceof MillraceError) return;
    tellError(this.#options.onError, error);
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

/** How much of a kind is under way at a time; without a bound once the signal has come. */
class Bound {
  readonly #max: number;
  readonly #signal: AbortSignal;
  #count = 0;
  #entering: (() => void)[] = [];
  #watching: (() => void)[] = [];

  constructor(max: number, signal: AbortSignal) {
    this.#max = max;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#count += this.#entering.length;
      for (const resolve of [...this.#entering.splice(0), ...this.#watching.splice(0)]) resolve();
    });
  }

  get isFull(): boolean {
    return this.#count >= this.#max && !this.#signal.aborted;
  }

  /** `undefined` when there is room, which is taken then; else resolves when it was taken. */
  enter(): Promise<void> | undefined {
    if (this.isFull) return new Promise((resolve) => this.#entering.push(resolve));
    this.#count++;
    return undefined;
  }

  leave(): void {
    const next = this.#entering.shift();
    if (next !== undefined) return next();
    this.#count--;
    for (const resolve of this.#watching.splice(0)) resolve();
  }

  /** Resolves when there is room, without taking it. */
  async room(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#watching.push(resolve));
  }
}

/** The message is not ours any more. */
function isOver(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'RECEIPT_HANDLE_EXPIRED';
}
