import { MillraceError } from '../../platform/errors.ts';
import type { MessageParts } from './message-check.ts';
import { slotOf, type TopicState } from './slots.ts';

/** What decides where a message goes. */
export interface Routed {
  readonly messageGroup: string | undefined;
  readonly priority: number | undefined;
  readonly key: string | undefined;
}

/** A message of a request, as far as it matters here. */
export type RoutedPart = Pick<MessageParts, 'messageGroup' | 'priority' | 'keys' | 'messageId'>;

interface Traffic {
  /** Sends under way. */
  count: number;
  /** While the topic is being altered: sends wait for it. */
  held: Promise<void> | undefined;
  /** Why sends are refused, until the server is started again. */
  refused: string | undefined;
  readonly idle: (() => void)[];
}

/**
 * Decides on which queue a message goes. What has a message group, or else a key, goes where its
 * slot is; what has a priority, to the queue of that number (reference 1.19); the rest goes round.
 */
export class Routes {
  readonly #turns = new Map<number, number>();
  readonly #traffic = new Map<number, Traffic>();

  /** The messages of a request by queue: their numbers, in order. Throws MALFORMED. */
  split(topic: TopicState, messages: readonly RoutedPart[]): ReadonlyMap<number, number[]> {
    const { messageGroup } = messages[0]!;
    if (messages.some((message) => message.messageGroup !== messageGroup)) {
      throw new MillraceError('MALFORMED', 'all messages of a request have one message group');
    }
    const places = messages.map(({ messageGroup: group, priority, keys }) =>
      placeOf(topic, { messageGroup: group, priority, key: keys[0] }),
    );
    const free = places.includes(undefined) ? this.#freePlace(topic, messages, places) : 0;
    const parts = new Map<number, number[]>();
    for (const [index, place] of places.entries()) {
      const queueId = place ?? free;
      const part = parts.get(queueId);
      if (part === undefined) parts.set(queueId, [index]);
      else part.push(index);
    }
    return parts;
  }

  queueOf(topic: TopicState, message: Routed): number {
    return placeOf(topic, message) ?? this.#nextTurn(topic);
  }

  /** Runs a send on the topic; while the topic is held, later. Throws UNAVAILABLE. */
  async send<T>(topicId: number, run: () => Promise<T>): Promise<T> {
    const traffic = this.#of(topicId);
    while (traffic.held !== undefined) await traffic.held;
    if (traffic.refused !== undefined) {
      throw new MillraceError('UNAVAILABLE', `the topic takes no messages: ${traffic.refused}`);
    }
    traffic.count++;
    try {
      return await run();
    } finally {
      traffic.count--;
      if (traffic.count === 0) for (const idle of traffic.idle.splice(0)) idle();
    }
  }

  /** From now on sends to the topic throw UNAVAILABLE. */
  refuse(topicId: number, reason: string): void {
    this.#of(topicId).refused = reason;
  }

  /** Runs `work` while no send to the topic is under way; sends wait until it is over. */
  async holdWhile<T>(topicId: number, work: () => Promise<T>): Promise<T> {
    const traffic = this.#of(topicId);
    while (traffic.held !== undefined) await traffic.held;
    let release: () => void = () => undefined;
    traffic.held = new Promise((resolve) => {
      release = resolve;
    });
    try {
      if (traffic.count > 0) await new Promise<void>((resolve) => traffic.idle.push(resolve));
      return await work();
    } finally {
      traffic.held = undefined;
      release();
    }
  }

  /** The topic was dropped. Sends that wait for it go on, and find that it is not there. */
  forget(topicId: number): void {
    this.#turns.delete(topicId);
    this.#traffic.delete(topicId);
  }

  #of(topicId: number): Traffic {
    let traffic = this.#traffic.get(topicId);
    if (traffic === undefined) {
      traffic = { count: 0, held: undefined, refused: undefined, idle: [] };
      this.#traffic.set(topicId, traffic);
    }
    return traffic;
  }

  /**
   * Where those messages of a request go that may go anywhere. Beside others that may not, always
   * to the same queue: the request sent again must be split as before to be known (duplicates.ts).
   */
  #freePlace(
    topic: TopicState,
    messages: readonly RoutedPart[],
    places: readonly (number | undefined)[],
  ): number {
    if (places.every((place) => place === undefined)) return this.#nextTurn(topic);
    return topic.slots[slotOf(messages[0]!.messageId)]!;
  }

  #nextTurn({ created: { topicId }, queues }: TopicState): number {
    const turn = this.#turns.get(topicId) ?? 0;
    this.#turns.set(topicId, turn + 1);
    return turn % queues;
  }
}

/** `undefined` when any queue will do. */
function placeOf({ slots, queues }: TopicState, message: Routed): number | undefined {
  const { messageGroup, priority, key } = message;
  if (messageGroup !== undefined) return slots[slotOf(messageGroup)];
  if (priority !== undefined) return Math.min(Math.max(priority, 0), queues - 1);
  return key === undefined ? undefined : slots[slotOf(key)];
}
