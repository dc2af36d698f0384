import type { Clock } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Entry, Store } from '../../storage/store.ts';
import type { GroupCreated } from './catalogue-record.ts';
import type { Claim } from './claims.ts';
import type { Clients } from './clients.ts';
import { CursorStore, stampBaseAt } from './cursor-store.ts';
import { DeadLetters } from './dead-letters.ts';
import type { Groups } from './groups.ts';
import { LiteSubscriptions } from './lite-subscriptions.ts';
import type { MessageFormat } from './message-format.ts';
import type { Taken } from './pop-queue.ts';
import type { Member, PopRequest } from './pop-request.ts';
import type { QueueCursor } from './queue-cursor.ts';
import { SlotBarrier } from './slot-barrier.ts';
import type { Topics } from './topics.ts';
import { isUnreadable, logUnreadable } from './unreadable.ts';
import { Waiters } from './waiters.ts';

export interface ConsumersOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly groups: Groups;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly format: MessageFormat;
  readonly logger: Logger;
}

/** A queue as one group sees it. */
export interface Place {
  readonly name: string;
  readonly topicId: number;
  readonly queueId: number;
}

/** Where groups are on the queues of topics, and who waits for it to change. */
export class GroupQueues {
  readonly cursors: CursorStore;
  readonly waiters: Waiters;
  readonly lites: LiteSubscriptions;
  readonly #options: ConsumersOptions;
  readonly #deadLetters: DeadLetters;
  readonly #barrier = new SlotBarrier();

  constructor(options: ConsumersOptions) {
    const { store, topics, clients, clock, format } = options;
    this.#options = options;
    this.cursors = new CursorStore(store.derived, clock, clients);
    this.waiters = new Waiters(clock);
    this.lites = new LiteSubscriptions(options.groups, clients);
    this.#deadLetters = new DeadLetters(store, topics, format);
  }

  /** Whose cursors count: the group's, or in a broadcast each client's own. */
  readerOf({ group, clientId }: Member): string {
    return this.#options.groups.find(group)?.broadcast === true ? `${group}@${clientId}` : group;
  }

  /** The queues in the order in which this pop looks at them. */
  placesOf(request: PopRequest, first: number): Place[] {
    const { topicId, queues, messageType } = this.#options.topics.get(request.topic);
    const reader = this.readerOf(request);
    if (messageType === 'LITE') return this.#litePlaces(request, reader, first);
    return Array.from({ length: queues }, (_, i) => {
      // The queue's number is the priority; the highest goes first (reference 1.19).
      const queueId = messageType === 'PRIORITY' ? queues - 1 - i : (first + i) % queues;
      return placeOf(reader, topicId, queueId);
    });
  }

  /** Of the client's lite topics those that have something that the group has not finished. */
  #litePlaces(request: PopRequest, reader: string, first: number): Place[] {
    const { topics, store } = this.#options;
    const places: Place[] = [];
    for (const lite of this.lites.of(request, request.topic)) {
      const topic = topics.lite(request.topic, lite);
      if (topic === undefined) continue;
      const place = placeOf(reader, topic.topicId, 0);
      const cursor = this.cursors.find(place.name);
      const end = store.rangeNow(topic.topicId, 0)?.maxOffset ?? Number.POSITIVE_INFINITY;
      if (cursor !== undefined && cursor.heldCount === 0 && cursor.next >= end) continue;
      places.push(place);
    }
    const turn = places.length === 0 ? 0 : first % places.length;
    return [...places.slice(turn), ...places.slice(0, turn)];
  }

  async cursorAt(place: Place, group: GroupCreated): Promise<QueueCursor> {
    return this.cursors.find(place.name) ?? (await this.#begin(place, group));
  }

  /** Where a group starts that has not read the queue yet. */
  async #begin({ name, topicId, queueId }: Place, group: GroupCreated): Promise<QueueCursor> {
    const { store } = this.#options;
    const { minOffset, maxOffset } = await store.range(topicId, queueId);
    let next = minOffset;
    if (group.broadcast) next = maxOffset;
    else if (group.start !== 'beginning') {
      const timeMs = group.start === 'end' ? group.timeMs : group.start;
      next = await store.offsetAtTime(topicId, queueId, timeMs);
    }
    return this.cursors.find(name) ?? this.cursors.create(name, next, stampBaseAt(group.timeMs));
  }

  /** False while slots of the queue have earlier messages elsewhere (slot-barrier.ts). */
  async isOpen(
    request: PopRequest,
    { topicId, queueId }: Place,
    cursor: QueueCursor,
    group: GroupCreated,
  ): Promise<boolean> {
    const topic = this.#options.topics.state(request.topic);
    const { messageType } = topic.created;
    if (messageType === 'PRIORITY' || messageType === 'LITE') return true;
    const reader = this.readerOf(request);
    return this.#barrier.isOpen(topic, queueId, cursor, (other) =>
      this.cursorAt(placeOf(reader, topicId, other), group),
    );
  }

  /** Something of the queue was finished; `hasFreed`: what waited for it is visible. */
  onFinished(
    { topicId, queueId }: Pick<Place, 'topicId' | 'queueId'>,
    cursor: QueueCursor,
    hasFreed: boolean,
  ): void {
    const topic = this.#options.topics.stateOf(topicId);
    const mayOpen = topic !== undefined && this.#barrier.mayOpen(topic, queueId, cursor);
    if (hasFreed || mayOpen) this.wake(topicId);
  }

  /** Those who wait for the topic, or for the one that it is a lite topic of. */
  wake(topicId: number): void {
    this.waiters.wake(topicId);
    const parent = this.#options.topics.parentOf(topicId);
    if (parent !== undefined) this.waiters.wake(parent.topicId);
  }

  /**
   * To the dead letters; resolves when the messages are there, and finished. Each is finished once
   * it is there: when one fails, those before it are not buried again. `keep` is asked before each
   * part for the claim that counts from then on; none when it is somebody else's.
   */
  async bury(
    group: string,
    topic: string,
    place: Place,
    cursor: QueueCursor,
    { claim, entry, index }: Taken,
    keep: (rest: Claim) => Claim | undefined = (rest) => rest,
  ): Promise<void> {
    let held = claim;
    const one = async (i: number) => {
      await this.#buryOne(group, topic, entry, index + i);
      const single = { ...held, offset: claim.offset + i, count: 1 };
      this.onFinished(place, cursor, cursor.finishTaken(single));
    };
    try {
      for (let i = 0; i < claim.count; i += limits.buriedTogetherMax) {
        const count = Math.min(limits.buriedTogetherMax, claim.count - i);
        const kept = keep({ ...held, offset: claim.offset + i, count: claim.count - i });
        if (kept === undefined) return;
        held = kept;
        const results = await Promise.allSettled(
          Array.from({ length: count }, (_, k) => one(i + k)),
        );
        for (const result of results) if (result.status === 'rejected') throw result.reason;
      }
    } finally {
      this.cursors.touch(place.name, cursor);
    }
  }

  /** What compaction took out, or cannot be decoded, leaves no dead letter. */
  async #buryOne(group: string, topic: string, entry: Entry, index: number): Promise<void> {
    const { format, logger } = this.#options;
    try {
      if (format.isTakenOut(entry, index, 1)) return;
      await this.#deadLetters.add(group, topic, entry, index);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      logUnreadable(logger, entry, error);
    }
  }
}

export function placeOf(group: string, topicId: number, queueId: number): Place {
  return { name: `${group}/${topicId}/${queueId}`, topicId, queueId };
}
