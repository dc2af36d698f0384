import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Store } from '../../storage/store.ts';
import type { ParkedMessage } from './message-format.ts';
import { isLost, type Parked, type ParkedPlace, type Waiting } from './parked.ts';
import type { Publisher } from './publisher.ts';
import { type Timer, Timers } from './timers.ts';

/** What a message counts as whose size is not known before it is read. */
const unknownBytes = limits.timersFiredBytesMax / 16;

export interface DelaysOptions {
  readonly store: Store;
  readonly parked: Parked;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Messages for later: parked, and delivered to their topic when their time has come, at any
 * distance (reference rocketmq-v2, 1.17 and its complaints). Until then they can be recalled.
 */
export class Delays {
  readonly #options: DelaysOptions;
  readonly #timers: Timers;
  readonly #recalling = new Set<number>();

  constructor(options: DelaysOptions) {
    const { store, parked, clock, logger } = options;
    this.#options = options;
    const fire = (due: readonly Timer[]) => this.#deliver(due);
    this.#timers = new Timers({ keys: store.derived, clock, logger, fire });
    parked.subscribe({
      parked: ({ offset, message }) => {
        if (message.deliverAtMs !== undefined && !message.isTransaction) {
          this.#timers.add({ offset, dueMs: dueOf(message) });
        }
      },
      settled: ({ offset, message }) => {
        if (message.deliverAtMs === undefined || message.isTransaction) return;
        this.#timers.remove({ offset, dueMs: dueOf(message) });
      },
    });
  }

  /** After `Parked.open`. */
  open(): Promise<void> {
    return this.#timers.open();
  }

  close(): void {
    this.#timers.close();
  }

  /** Resolves with the handle to recall it by when the message is durable. */
  async add(body: Buffer, message: ParkedMessage): Promise<{ offset: number; handle: string }> {
    const { offset } = await this.#options.parked.park(body, message);
    return { offset, handle: this.#handleOf({ offset, message }) };
  }

  /** The message will not be delivered; gives its id. Throws NOT_FOUND when it already was. */
  async recall(topic: string, handle: string): Promise<string> {
    const [offset, dueMs] = handle
      .split('.')
      .slice(0, 2)
      .map((part) => Number.parseInt(part, 36)) as [number, number];
    const timer = { offset, dueMs };
    if (!Number.isSafeInteger(offset) || !(await this.#timers.has(timer))) throw notWaiting();
    const message = this.#options.parked.messageOf(await this.#options.parked.read(offset));
    const expected = this.#handleOf({ offset, message });
    if (!isSame(expected, handle) || message.topic !== topic) throw notWaiting();
    if (this.#recalling.has(offset)) throw notWaiting();
    this.#recalling.add(offset);
    try {
      // Asked again: it may have come due, or have been recalled, while the entry was read.
      if (!(await this.#timers.has(timer))) throw notWaiting();
      this.#timers.remove(timer);
      await this.#settleRecalled({ offset, message }, timer);
    } finally {
      this.#recalling.delete(offset);
    }
    return message.messageId;
  }

  async #settleRecalled(waiting: Waiting, timer: Timer): Promise<void> {
    try {
      await this.#options.parked.settle([waiting], 'recalled');
    } catch (error) {
      // The recall failed, so the message is for its time again.
      this.#timers.add(timer);
      throw error;
    }
  }

  /** `OFFSET.DUE.CHECK`, in base 36: only the server can make one. */
  #handleOf({ offset, message }: Waiting): string {
    const numbers = [offset, dueOf(message)].map((number) => number.toString(36)).join('.');
    const text = [this.#options.store.serverId, numbers, message.topic, message.messageId];
    return `${numbers}.${createHash('sha256').update(text.join('\n')).digest('hex').slice(0, 24)}`;
  }

  /** Messages that fail hold up no others; resolves with the timers to try again. */
  async #deliver(due: readonly Timer[]): Promise<Timer[]> {
    const failed: Timer[] = [];
    // Those that it does not find are looked up one by one.
    const places = await this.#options.parked
      .locate(due.map(({ offset }) => offset))
      .catch(() => new Map<number, ParkedPlace>());
    for (let at = 0; at < due.length; ) {
      const timers: Timer[] = [];
      for (let bytes = 0; at < due.length && bytes < limits.timersFiredBytesMax; at++) {
        timers.push(due[at]!);
        bytes += places.get(due[at]!.offset)?.bytes ?? unknownBytes;
      }
      failed.push(...(await this.#deliverLoaded(await this.#load(timers, places, failed))));
    }
    return failed;
  }

  /** Those that can be read. One that never will be is left out of `failed`: its entry is lost. */
  async #load(
    timers: readonly Timer[],
    places: ReadonlyMap<number, ParkedPlace>,
    failed: Timer[],
  ): Promise<Loaded[]> {
    const { parked, logger } = this.#options;
    const loaded: Loaded[] = [];
    const results = await Promise.allSettled(
      timers.map(async ({ offset }) => {
        const entry = await parked.read(offset, places.get(offset));
        return { message: parked.messageOf(entry), body: Buffer.from(entry.body) };
      }),
    );
    for (const [i, timer] of timers.entries()) {
      const result = results[i]!;
      if (result.status === 'fulfilled') {
        loaded.push({ timer, ...result.value });
        continue;
      }
      const error = result.reason;
      if (isLost(error)) {
        const { offset } = timer;
        // Or it would be found lost again at every start.
        this.#timers.remove(timer);
        logger.log('error', 'a delayed message is lost: it cannot be read', { offset, error });
      } else {
        failed.push(timer);
        logger.log('warn', 'a delayed message could not be read; tried again later', { error });
      }
    }
    return loaded;
  }

  /** Resolves with the timers of those that failed. */
  async #deliverLoaded(loaded: readonly Loaded[]): Promise<Timer[]> {
    const { parked, publisher, logger } = this.#options;
    const delivered: Loaded[] = [];
    const orphans: Loaded[] = [];
    const failed: Timer[] = [];
    const errors: unknown[] = [];
    const results = await Promise.allSettled(
      loaded.map(({ body, message }) => publisher.deliver(body, message)),
    );
    for (const [i, result] of results.entries()) {
      const one = loaded[i]!;
      if (result.status === 'fulfilled') (result.value ? delivered : orphans).push(one);
      else {
        failed.push(one.timer);
        errors.push(result.reason);
      }
    }
    for (const [some, outcome] of [
      [delivered, 'delivered'],
      [orphans, 'topicGone'],
    ] as const) {
      try {
        await parked.settle(some.map(waitingOf), outcome);
      } catch (error) {
        failed.push(...some.map(({ timer }) => timer));
        errors.push(error);
      }
    }
    if (failed.length > 0) {
      const about = { count: failed.length, error: errors[0] };
      logger.log('warn', 'delayed messages could not be delivered; tried again later', about);
    }
    if (orphans.length > 0) {
      const topics = [...new Set(orphans.map(({ message }) => message.topic))];
      const about = { count: orphans.length, topics };
      logger.log('warn', 'delayed messages of dropped topics were not delivered', about);
    }
    return failed;
  }
}

/** A due message, read. */
interface Loaded {
  readonly timer: Timer;
  readonly message: ParkedMessage;
  readonly body: Buffer;
}

function waitingOf({ timer: { offset }, message }: Loaded): Waiting {
  return { offset, message };
}

/** Whole ms, rounded up: never early. */
function dueOf({ deliverAtMs }: ParkedMessage): number {
  return Math.ceil(Math.max(0, deliverAtMs!));
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function notWaiting(): MillraceError {
  return new MillraceError('MESSAGE_NOT_FOUND', 'no such message waits for its time');
}
