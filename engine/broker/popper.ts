import { limits } from '../../platform/limits.ts';
import { AttemptIds, type PopTrace } from './attempt-ids.ts';
import type { GroupCreated } from './catalogue-record.ts';
import type { Claim } from './claims.ts';
import { EntryCache } from './entry-cache.ts';
import type { ConsumersOptions, GroupQueues, Place } from './group-queues.ts';
import { popQueue, type QueuePop, type Taken } from './pop-queue.ts';
import type { Popped, PopRequest } from './pop-request.ts';
import type { QueueCursor } from './queue-cursor.ts';
import { encodeReceipt } from './receipt-handle.ts';
import { Turns } from './turns.ts';
import { logUnreadable } from './unreadable.ts';

/** What a pop may take from one more queue, and until when it may look for it. */
type PopBounds = Pick<QueuePop, 'max'> & { readonly scanUntilMs: number };

/** What a pop took from one queue: to be handed out, and what has failed too often. */
interface PopResult {
  readonly alive: readonly Taken[];
  readonly dead: readonly Taken[];
}

const nothing: PopResult = { alive: [], dead: [] };

/** A pop that does not wait looks for so long, too: others before it may have left much to skip. */
const scanMsMin = 1000;

/** Hands messages out (reference rocketmq-v2, 1.13). Nothing here waits for the index database. */
export class Popper {
  readonly #options: ConsumersOptions;
  readonly #queues: GroupQueues;
  readonly #entries: EntryCache;
  readonly #attemptIds = new AttemptIds(limits.attemptIdsMax);
  /** One pop at a time per cursor: offsets go out in order. */
  readonly #turns = new Turns<QueueCursor>();
  #popId = 0;
  #firstQueue = 0;

  constructor(options: ConsumersOptions, queues: GroupQueues) {
    this.#options = options;
    this.#queues = queues;
    this.#entries = new EntryCache(options.store);
  }

  /** Up to `max` messages; waits for the first one. None when the time is up or the client left. */
  async pop(request: PopRequest): Promise<readonly Popped[]> {
    const { clock, groups, topics } = this.#options;
    const { topicId } = await topics.use(request.topic);
    const group = request.internal ?? (await groups.use(request.group));
    if (request.attemptId !== undefined) {
      // The client asks again with the id of a pop whose answer it did not get.
      const traces = this.#attemptIds.take(request.attemptId);
      this.#untake(traces.filter((trace) => trace.topicId === topicId));
    }
    const deadline = clock.monotonicMs() + request.waitMs;
    const scanUntilMs = Math.max(deadline, clock.monotonicMs() + scanMsMin);
    for (;;) {
      const wakes = this.#queues.waiters.wakes(topicId);
      const popped = await this.#popNow(request, group, scanUntilMs);
      const left = deadline - clock.monotonicMs();
      if (popped.length > 0 || left <= 0 || request.signal.aborted) return popped;
      if (this.#queues.waiters.wakes(topicId) !== wakes) continue;
      const untilVisible = this.#nextVisibleMs(request) - clock.monotonicMs();
      await this.#queues.waiters.wait(topicId, Math.min(left, untilVisible), request.signal);
    }
  }

  #nextVisibleMs(request: PopRequest): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { name } of this.#queues.placesOf(request, 0)) {
      earliest = Math.min(earliest, this.#queues.cursors.find(name)?.nextVisibleMs() ?? earliest);
    }
    return earliest;
  }

  /** Throws only when nothing was popped before. */
  async #popNow(request: PopRequest, group: GroupCreated, scanUntilMs: number): Promise<Popped[]> {
    const popped: Popped[] = [];
    const traces: PopTrace[] = [];
    try {
      await this.#popPlaces(request, group, scanUntilMs, popped, traces);
    } catch (error) {
      if (popped.length === 0) throw error;
    }
    if (request.signal.aborted) {
      this.#untake(traces);
      return [];
    }
    if (request.attemptId !== undefined) this.#attemptIds.add(request.attemptId, traces);
    return popped;
  }

  async #popPlaces(
    request: PopRequest,
    group: GroupCreated,
    scanUntilMs: number,
    popped: Popped[],
    traces: PopTrace[],
  ): Promise<void> {
    const places = this.#queues.placesOf(request, this.#firstQueue++);
    const { length } = places;
    for (const [i, place] of places.entries()) {
      if (popped.length >= request.max || request.signal.aborted) break;
      const cursor = await this.#queues.cursorAt(place, group);
      if (!(await this.#queues.isOpen(request, place, cursor, group))) {
        // Once more after the others: looking at them may have opened it.
        if (i < length) places.push(place);
        continue;
      }
      const turn = this.#turns.begin(cursor);
      if (turn !== undefined) await turn;
      let dead: readonly Taken[] = [];
      try {
        const max = request.max - popped.length;
        const bounds = { max, scanUntilMs };
        const { alive, dead: buried } = await this.#popPlace(request, group, place, cursor, bounds);
        dead = buried;
        const claims = alive.map(({ claim }) => claim);
        if (alive.length > 0) traces.push({ name: place.name, topicId: place.topicId, claims });
        popped.push(...this.#handOut(request, place, alive));
      } finally {
        this.#turns.end(cursor);
      }
      // Others go on meanwhile: they take other messages.
      await this.#bury(request, group, place, cursor, dead);
    }
  }

  /** Throws when one cannot be buried: it, and those behind it, are as they were before the pop. */
  async #bury(
    request: PopRequest,
    group: GroupCreated,
    place: Place,
    cursor: QueueCursor,
    dead: readonly Taken[],
  ): Promise<void> {
    const { clock } = this.#options;
    for (const [i, message] of dead.entries()) {
      if (this.#queues.cursors.find(place.name) !== cursor) return;
      let held = message.claim;
      const keep = (rest: Claim): Claim | undefined => {
        // After too long they are visible again: whoever has them now buries them.
        if (!cursor.holds(rest)) return undefined;
        held = cursor.keep(rest, clock.monotonicMs() + limits.renewMs);
        return held;
      };
      try {
        await this.#queues.bury(group.name, request.topic, place, cursor, message, keep);
      } catch (error) {
        const behind = dead.slice(i + 1).map(({ claim }) => claim);
        cursor.untake([held, ...behind], clock.monotonicMs());
        this.#queues.cursors.touch(place.name, cursor);
        this.#queues.wake(place.topicId);
        throw error;
      }
    }
  }

  /** Nothing when the group was put elsewhere or deleted meanwhile. */
  async #popPlace(
    request: PopRequest,
    group: GroupCreated,
    place: Place,
    cursor: QueueCursor,
    bounds: PopBounds,
  ): Promise<PopResult> {
    const isCurrent = () => this.#queues.cursors.find(place.name) === cursor;
    if (!isCurrent()) return nothing;
    const before = cursor.cursor;
    let taken: readonly Taken[] = [];
    const expiredBefore = cursor.expired;
    try {
      taken = await popQueue(this.#queuePop(request, group, place, cursor, bounds));
      // Messages that the group does not want may have been the last before a change of slots.
      if (cursor.cursor > before) this.#queues.onFinished(place, cursor, false);
      if (!isCurrent()) return nothing;
      const isAlive = ({ claim }: Taken) => claim.attempt <= group.maxAttempts;
      const keptUntilMs = this.#options.clock.monotonicMs() + limits.renewMs;
      const dead = taken.filter((message) => !isAlive(message));
      return {
        alive: taken.filter(isAlive),
        dead: dead.map((one) => ({ ...one, claim: cursor.keep(one.claim, keptUntilMs) })),
      };
    } catch (error) {
      const claims = taken.map(({ claim }) => claim);
      cursor.untake(claims, this.#options.clock.monotonicMs());
      throw error;
    } finally {
      this.#queues.cursors.touch(place.name, cursor);
      const expired = cursor.expired - expiredBefore;
      if (expired > 0) this.#logExpired(request, place, expired);
    }
  }

  #logExpired({ group, topic }: PopRequest, { queueId }: Place, expired: number): void {
    const message = 'messages expired before the group was done with them';
    this.#options.logger.log('warn', message, { group, topic, queueId, expired });
  }

  #queuePop(
    request: PopRequest,
    { fifo, broadcast }: GroupCreated,
    { name, topicId, queueId }: Place,
    cursor: QueueCursor,
    { max, scanUntilMs }: PopBounds,
  ): QueuePop {
    const { store, format, clock, clients, topics, logger } = this.#options;
    // A lite topic goes out in order as a whole.
    const order = topics.parentOf(topicId) !== undefined ? 'all' : fifo ? 'groups' : 'none';
    const { filter, signal, clientId } = request;
    const nowMs = clock.monotonicMs();
    const owner = request.invisibleMs === 'renewed' ? clients.ownerOf(clientId) : 0;
    if (owner !== 0 || broadcast) this.#queues.cursors.assign(name, clientId);
    const visibleAtMs = nowMs + invisibleMsOf(request);
    const ranges = request.takesBatches === true;
    // No spread here: an object that begins with one takes 30 times as long, and its shape is made
    // anew in the old generation each time (Node 20).
    return {
      store,
      format,
      topicId,
      queueId,
      cursor,
      order,
      filter,
      taking: { nowMs, visibleAtMs, owner, popId: ++this.#popId, ranges },
      max,
      maxBytes: limits.receiveBytesMax,
      signal,
      isLate: () => clock.monotonicMs() >= scanUntilMs,
      read: (rows, row) => this.#entries.read(rows, row),
      onUnreadable: (entry, error) => logUnreadable(logger, entry, error),
      onExpired: (messages) => {
        cursor.expired += messages;
      },
    };
  }

  #handOut(
    request: PopRequest,
    { topicId, queueId }: Place,
    taken: readonly Taken[],
  ): readonly Popped[] {
    const group = this.#queues.readerOf(request);
    const invisibleMs = invisibleMsOf(request);
    return taken.map(({ claim: { offset, count, attempt, stamp }, entry, index }) => {
      const receipt = { group, topicId, queueId, offset, count, stamp };
      const receiptHandle = encodeReceipt(receipt, this.#options.store.serverId);
      return { entry, index, count, offset, attempt, receiptHandle, invisibleMs };
    });
  }

  /** A pop did not reach its client. */
  #untake(traces: readonly PopTrace[]): void {
    for (const { name, topicId, claims } of traces) {
      const cursor = this.#queues.cursors.find(name);
      if (cursor === undefined) continue;
      cursor.untake(claims, this.#options.clock.monotonicMs());
      this.#queues.cursors.touch(name, cursor);
      this.#queues.wake(topicId);
    }
  }
}

function invisibleMsOf({ invisibleMs }: PopRequest): number {
  return invisibleMs === 'renewed' ? limits.renewMs : invisibleMs;
}
