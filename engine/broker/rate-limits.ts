import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';

/** Without one there is no limit. */
export interface RateOptions {
  /** Requests of one client a second. */
  readonly clientRequests?: number | undefined;
  /** Messages published to one topic a second. */
  readonly topicMessages?: number | undefined;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

const bucketsMax = 100_000;

/**
 * How much a client and a topic may have in a second: token buckets that hold one second's worth.
 * What is more than a bucket holds passes when it is full, and the next waits for it to fill again.
 */
export class RateLimits {
  readonly #options: RateOptions;
  readonly #clock: Clock;
  readonly #clients = new Map<string, Bucket>();
  readonly #topics = new Map<string, Bucket>();

  constructor(options: RateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Client ids are the senders' to choose: each access key has its own. Throws RESOURCE_LIMIT. */
  takeRequest(clientId: string, accessKey = ''): void {
    const { clientRequests } = this.#options;
    if (clientRequests === undefined) return;
    if (this.#take(this.#clients, JSON.stringify([accessKey, clientId]), 1, clientRequests)) return;
    throw tooMany(`client "${clientId}" sends more than ${clientRequests} requests a second`);
  }

  /** Throws RESOURCE_LIMIT. */
  takeMessages(topic: string, count: number): void {
    const { topicMessages } = this.#options;
    if (topicMessages === undefined) return;
    if (this.#take(this.#topics, topic, count, topicMessages)) return;
    throw tooMany(`topic "${topic}" takes ${topicMessages} messages a second`);
  }

  #take(buckets: Map<string, Bucket>, name: string, count: number, perSecond: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const bucket = buckets.get(name) ?? { tokens: perSecond, atMs: nowMs };
    const gained = ((nowMs - bucket.atMs) / 1000) * perSecond;
    bucket.tokens = Math.min(perSecond, bucket.tokens + gained);
    bucket.atMs = nowMs;
    // Those used longest ago are full again.
    buckets.delete(name);
    buckets.set(name, bucket);
    if (buckets.size > bucketsMax) buckets.delete(buckets.keys().next().value!);
    if (bucket.tokens < Math.min(count, perSecond)) return false;
    bucket.tokens -= count;
    return true;
  }
}

function tooMany(reason: string): MillraceError {
  return new MillraceError('RESOURCE_LIMIT', reason);
}
