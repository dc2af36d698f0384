import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { TopicCreated } from './catalogue-record.ts';

interface LiteTopic {
  readonly parentId: number;
  /** When somebody last sent something to it, by the monotonic clock; at first the server's start. */
  usedMs: number;
  /** It is being dropped: what is sent now waits for it, and goes to a new one. */
  isExpiring: boolean;
}

/** Which lite topics there are, of which topics, and which of them are idle. */
export class LiteTopics {
  readonly #clock: Clock;
  readonly #byId = new Map<number, LiteTopic>();
  readonly #byParent = new Map<number, Set<number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  parentOf(topicId: number): number | undefined {
    return this.#byId.get(topicId)?.parentId;
  }

  of(parentId: number): readonly number[] {
    return [...(this.#byParent.get(parentId) ?? [])];
  }

  add(topicId: number, parentId: number): void {
    if (this.#byId.has(topicId)) return;
    const usedMs = this.#clock.monotonicMs();
    this.#byId.set(topicId, { parentId, usedMs, isExpiring: false });
    const lites = this.#byParent.get(parentId);
    if (lites === undefined) this.#byParent.set(parentId, new Set([topicId]));
    else lites.add(topicId);
  }

  remove(topicId: number): void {
    const lite = this.#byId.get(topicId);
    if (lite === undefined) return;
    this.#byId.delete(topicId);
    const lites = this.#byParent.get(lite.parentId)!;
    lites.delete(topicId);
    if (lites.size === 0) this.#byParent.delete(lite.parentId);
  }

  /** Something is sent to it. False when it is being dropped. */
  use(topicId: number): boolean {
    const lite = this.#byId.get(topicId);
    if (lite === undefined || lite.isExpiring) return false;
    lite.usedMs = this.#clock.monotonicMs();
    return true;
  }

  idle(): readonly number[] {
    return [...this.#byId].flatMap(([topicId, lite]) => (this.#isIdle(lite) ? [topicId] : []));
  }

  /** It is being dropped from now on, until `expired`. False when it is not idle. */
  expire(topicId: number): boolean {
    const lite = this.#byId.get(topicId);
    if (lite === undefined || !this.#isIdle(lite)) return false;
    lite.isExpiring = true;
    return true;
  }

  /** It is gone, or stays because it could not be dropped. */
  expired(topicId: number): void {
    const lite = this.#byId.get(topicId);
    if (lite !== undefined) lite.isExpiring = false;
  }

  /** Before one more is made. Throws LITE_TOPIC_QUOTA_EXCEEDED. */
  checkQuota({ name, topicId }: TopicCreated): void {
    const { liteTopicsMax, liteTopicsOfTopicMax } = limits;
    const own = this.#byParent.get(topicId)?.size ?? 0;
    if (own >= liteTopicsOfTopicMax) {
      throw quotaExceeded(`topic "${name}" has ${own} lite topics`);
    }
    if (this.#byId.size >= liteTopicsMax) {
      throw quotaExceeded(`there are ${liteTopicsMax} lite topics`);
    }
  }

  #isIdle({ usedMs }: LiteTopic): boolean {
    return this.#clock.monotonicMs() - usedMs >= limits.liteIdleMs;
  }
}

/** Of the topics that lite topics are kept in, as RocketMQ calls them (reference 1.20). */
export const litePrefix = '%LMQ%$';

export function liteName(parent: string, lite: string): string {
  return `${litePrefix}${parent}$${lite}`;
}

/** Of a topic's name; no topic's own name has a $. */
export function parentName(name: string): string | undefined {
  if (!name.startsWith(litePrefix)) return undefined;
  return name.slice(litePrefix.length, name.indexOf('$', litePrefix.length));
}

/** The name that clients give a lite topic, of its topic's name. */
export function liteOf(name: string): string {
  return name.slice(name.indexOf('$', litePrefix.length) + 1);
}

/** Throws ILLEGAL_LITE_TOPIC. */
export function checkLiteName(lite: string): void {
  if (lite.trim() !== '' && Buffer.byteLength(lite) <= limits.liteTopicBytesMax) return;
  throw new MillraceError(
    'ILLEGAL_LITE_TOPIC',
    `a lite topic's name has 1 to ${limits.liteTopicBytesMax} bytes`,
  );
}

function quotaExceeded(reason: string): MillraceError {
  return new MillraceError('LITE_TOPIC_QUOTA_EXCEEDED', `${reason}, and no more can be made`);
}
