import { MillraceError } from '../../../platform/errors.ts';
import type { Messaging, OutgoingMessage } from '../services.ts';
import type { NexmarkConfig } from './nexmark/config.ts';
import { type NexmarkKind, nexmarkEvent } from './nexmark/event.ts';

/** Topics are named after the kinds. */
export const demoTopics: readonly NexmarkKind[] = ['person', 'auction', 'bid'];

/** No window is larger, in any version of the demo: the search after a restart depends on it. */
export const windowEventsMax = 1000;
/** Messages of one request; a window of bids is several requests in flight. */
const batchMessages = 50;
const pullMessages = 256;

/**
 * Publishes Nexmark events in order of their numbers, each exactly once, over restarts and kills,
 * with nothing remembered but the topics themselves.
 *
 * Events go out in windows of at most `windowEventsMax` consecutive numbers. All requests of a
 * window fly together; the next window starts only when every one was acknowledged. So when M is
 * the greatest number in the topics, each event up to M - windowEventsMax is there, and the ones
 * missing above that are those whose requests a kill cut off. `resume` publishes exactly these.
 *
 * Per queue, windows are appended in order. Hence everything before a message numbered n lies
 * below n + windowEventsMax, and reading a queue backwards may stop at n <= M - 2 windowEventsMax.
 */
export class WindowPublisher {
  readonly #messaging: Messaging;
  readonly #config: NexmarkConfig;
  #next = 0;

  constructor(messaging: Messaging, config: NexmarkConfig) {
    this.#messaging = messaging;
    this.#config = config;
  }

  /** The number of the next event; every smaller one is in the topics. */
  get next(): number {
    return this.#next;
  }

  /** Finds where the topics end and fills what is missing. Returns the events it had to add. */
  async resume(): Promise<number> {
    const present = await this.#lastNumbers();
    const last = present.size === 0 ? -1 : [...present].reduce((a, b) => Math.max(a, b));
    const missing: number[] = [];
    for (let n = Math.max(0, last - windowEventsMax + 1); n <= last; n++) {
      if (!present.has(n)) missing.push(n);
    }
    await this.#publish(missing);
    this.#next = last + 1;
    return missing.length;
  }

  /** Publishes the next `count` events as one window. Call again only after it resolved. */
  async publishWindow(count: number): Promise<void> {
    const numbers = Array.from(
      { length: Math.min(count, windowEventsMax) },
      (_, i) => this.#next + i,
    );
    await this.#publish(numbers);
    this.#next += numbers.length;
  }

  async #publish(numbers: readonly number[]): Promise<void> {
    const byTopic = new Map<NexmarkKind, OutgoingMessage[]>();
    const encoder = new TextEncoder();
    for (const number of numbers) {
      const { kind, body, key } = nexmarkEvent(this.#config, number);
      const messages = byTopic.get(kind) ?? [];
      byTopic.set(kind, messages);
      messages.push({ body: encoder.encode(body), keys: [key] });
    }
    const requests: Promise<void>[] = [];
    for (const [topic, messages] of byTopic) {
      for (let i = 0; i < messages.length; i += batchMessages) {
        requests.push(this.#messaging.publish(topic, messages.slice(i, i + batchMessages)));
      }
    }
    // All of them end before an error goes on, so that none is in flight when the caller stops.
    for (const result of await Promise.allSettled(requests)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  /** The event numbers at the ends of all queues: at least all that are above M - window. */
  async #lastNumbers(): Promise<Set<number>> {
    const queues = await Promise.all(
      demoTopics.map(async (topic) =>
        (await this.#messaging.queueOffsets(topic)).map((offsets) => ({ topic, ...offsets })),
      ),
    );
    const filled = queues.flat().filter(({ min, max }) => max > min);
    const lasts = await Promise.all(
      filled.map(({ topic, queue, max }) => this.#numbers(topic, queue, max - 1, max)),
    );
    // The tails' maximum bounds M from below by less than a window: a batch is one window's.
    const tailMax = lasts.flat().reduce((a, b) => Math.max(a, b), -1);
    const present = new Set<number>();
    for (const { topic, queue, min, max } of filled) {
      const enough = tailMax - 2 * windowEventsMax;
      let end = max;
      while (end > min) {
        const start = Math.max(min, end - pullMessages);
        const numbers = await this.#numbers(topic, queue, start, end);
        for (const number of numbers) present.add(number);
        if (numbers.some((number) => number <= enough)) break;
        end = start;
      }
    }
    return present;
  }

  /** The event numbers at offsets [start, end) of one queue. */
  async #numbers(topic: string, queue: number, start: number, end: number): Promise<number[]> {
    const numbers: number[] = [];
    let offset = start;
    while (offset < end) {
      const messages = await this.#messaging.pull(topic, queue, offset, end - offset);
      if (messages.length === 0) break;
      for (const message of messages) {
        if (message.offset < end) numbers.push(eventNumber(topic, message.keys));
        offset = message.offset + 1;
      }
    }
    return numbers;
  }
}

function eventNumber(topic: string, keys: readonly string[]): number {
  const number = Number(keys[0]);
  if (keys[0] === undefined || !Number.isSafeInteger(number) || number < 0) {
    throw new MillraceError(
      'ALREADY_EXISTS',
      `topic ${topic} has messages that are not the demo's`,
      {
        hint: 'Run the demo on a data directory of its own.',
      },
    );
  }
  return number;
}
