import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Entry, Store } from '../../storage/store.ts';
import { AttemptIds, type PopTrace } from './attempt-ids.ts';
import type { GroupCreated } from './catalogue-record.ts';
import type { Clients } from './clients.ts';
import { CursorStore, queueOf } from './cursor-store.ts';
import { DeadLetters } from './dead-letters.ts';
import type { Groups } from './groups.ts';
import type { MessageFilter, MessageFormat } from './message-format.ts';
import { popQueue, type QueuePop, readRow, type Taken } from './pop-queue.ts';
import type { QueueCursor } from './queue-cursor.ts';
import { decodeReceipt, encodeReceipt, type Receipt } from './receipt-handle.ts';
import { SlotBarrier } from './slot-barrier.ts';
import type { Topics } from './topics.ts';
import { Waiters } from './waiters.ts';

/** Who asks: a client, for its group. */
export interface Member {
  readonly group: string;
  readonly clientId: string;
}

export interface PopRequest extends Member {
  readonly topic: string;
  /** `undefined`: every message. */
  readonly filter: MessageFilter | undefined;
  readonly max: number;
  /** `renewed`: for as long as the client lives. */
  readonly invisibleMs: number | 'renewed';
  readonly waitMs: number;
  /** The same id again = the client did not get the earlier answer (reference 1.13). */
  readonly attemptId: string | undefined;
  readonly signal: AbortSignal;
  /** The group itself, when it is one of the server that nobody created. */
  readonly internal?: GroupCreated;
}

/** A message handed out: number `index` of the entry. */
export interface Popped {
  readonly entry: Entry;
  readonly index: number;
  readonly offset: number;
  readonly attempt: number;
  readonly receiptHandle: string;
  readonly invisibleMs: number;
}

/** How far a group is on one queue. */
export interface QueueProgress {
  readonly topicId: number;
  readonly queueId: number;
  /** First unfinished offset. */
  readonly cursor: number;
  readonly maxOffset: number;
  readonly inFlight: number;
}

export interface ConsumersOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly groups: Groups;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly format: MessageFormat;
}

/** What a pop may take from one more queue, and until when it may look for it. */
type PopBounds = Pick<QueuePop, 'max'> & { readonly scanUntilMs: number };

/** A pop that does not wait looks for so long, too: others before it may have left much to skip. */
const scanMsMin = 1000;

/** A queue as one group sees it. */
interface Place {
  readonly name: string;
  readonly topicId: number;
  readonly queueId: number;
}

/**
 * Consumer groups in pop mode: the server hands each message to one member at a time and waits for
 * its ack; a message that is not acked in time comes again, until it is dead (reference
 * rocketmq-v2, 1.13, 1.14). Nothing here waits for the database: cursors are in memory, and written
 * behind (`cursor-store.ts`).
 */
export class Consumers {
  readonly #options: ConsumersOptions;
  readonly #cursors: CursorStore;
  readonly #deadLetters: DeadLetters;
  readonly #waiters: Waiters;
  readonly #barrier = new SlotBarrier();
  readonly #attemptIds = new AttemptIds(limits.attemptIdsMax);
  /** One pop at a time per cursor: offsets go out in order. */
  readonly #busy = new Map<QueueCursor, Promise<unknown>>();
  readonly #unsubscribe: () => void;
  #popId = 0;
  #firstQueue = 0;

  constructor(options: ConsumersOptions) {
    const { store, topics, clients, clock, format } = options;
    this.#options = options;
    this.#cursors = new CursorStore(store.derived, clock, clients);
    this.#deadLetters = new DeadLetters(store, topics, format);
    this.#waiters = new Waiters(clock);
    this.#unsubscribe = store.onDurable(({ values, rowCount }) => {
      let last = -1;
      for (let row = 0; row < rowCount; row++) {
        const topicId = values[row * indexRowWidth + col.topicId]!;
        if (topicId !== last) this.#waiters.wake(topicId);
        last = topicId;
      }
    });
    clients.onLost((owner, clientId) => this.#disown(owner, clientId));
  }

  /** Reads the cursors of all groups. Throws CORRUPTION for one beyond the end of its queue. */
  async open(): Promise<void> {
    const { store } = this.#options;
    await this.#cursors.open(async (topicId, queueId) => {
      const { maxOffset } = await store.range(topicId, queueId);
      return maxOffset;
    });
  }

  /** Ends the long polls and hands all that changed to the store, which is to be closed next. */
  close(): void {
    this.#unsubscribe();
    this.#waiters.wakeAll();
    this.#cursors.flush();
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
      const wakes = this.#waiters.wakes(topicId);
      const popped = await this.#popNow(request, group, scanUntilMs);
      const left = deadline - clock.monotonicMs();
      if (popped.length > 0 || left <= 0 || request.signal.aborted) return popped;
      if (this.#waiters.wakes(topicId) !== wakes) continue;
      const untilVisible = this.#nextVisibleMs(request) - clock.monotonicMs();
      await this.#waiters.wait(topicId, Math.min(left, untilVisible), request.signal);
    }
  }

  /** Throws RECEIPT_HANDLE_EXPIRED. */
  acknowledge(member: Member, receiptHandle: string): void {
    const receipt = this.#receipt(member, receiptHandle);
    const { name, cursor } = this.#cursorOf(receipt);
    const now = this.#options.clock.monotonicMs();
    const hasFreed = cursor.finish(receipt.offset, receipt.stamp, now);
    this.#cursors.touch(name, cursor);
    this.#onFinished(receipt, cursor, hasFreed);
  }

  /**
   * The message comes again after `invisibleMs`; `suspend` does not count the delivery. Returns the
   * handle that counts from now on.
   */
  changeInvisible(
    member: Member,
    receiptHandle: string,
    invisibleMs: number,
    suspend = false,
  ): string {
    const receipt = this.#receipt(member, receiptHandle);
    const { name, cursor } = this.#cursorOf(receipt);
    const now = this.#options.clock.monotonicMs();
    const { offset, stamp } = receipt;
    const next = cursor.postpone(offset, stamp, now, now + invisibleMs, suspend);
    this.#cursors.touch(name, cursor);
    this.#waiters.wake(receipt.topicId);
    return encodeReceipt({ ...receipt, stamp: next }, this.#options.store.serverId);
  }

  /**
   * The client gave up on the message. Resolves when it is among the dead letters, and finished;
   * doing so twice is no error. When it throws, the handle is as valid as it was.
   */
  async forwardToDeadLetters(member: Member, topic: string, receiptHandle: string): Promise<void> {
    const receipt = this.#receipt(member, receiptHandle);
    const { store, topics, clock } = this.#options;
    const { topicId, queueId, offset } = receipt;
    if (topics.get(topic).topicId !== topicId) throw invalidHandle();
    const { name, cursor } = this.#cursorOf(receipt);
    if (cursor.isFinished(offset)) return;
    const now = clock.monotonicMs();
    // Kept from others while it is written; refused when the handle is not valid any more.
    const stamp = cursor.postpone(offset, receipt.stamp, now, now + limits.renewMs);
    const claim = { offset, attempt: 0, stamp };
    try {
      const rows = await store.indexRows(topicId, queueId, offset, 1);
      const entry = rows.rowCount === 0 ? undefined : await readRow(store, rows, 0);
      if (entry === undefined || entry.baseOffset > offset) {
        // Retention took it while it was held: there is nothing to keep.
        if (cursor.finishTaken(claim)) this.#waiters.wake(topicId);
        return;
      }
      const taken = { claim, entry, index: offset - entry.baseOffset };
      await this.#bury(member.group, topic, { name, topicId, queueId }, cursor, taken);
    } catch (error) {
      cursor.restamp(offset, stamp, receipt.stamp);
      throw error;
    } finally {
      this.#cursors.touch(name, cursor);
    }
  }

  /**
   * Puts a group elsewhere on a topic: at an offset of one queue. What it holds is forgotten.
   * Throws INVALID_ARGUMENT for a broadcast, which has no place of its own.
   */
  async resetOffset(group: string, topic: string, queueId: number, offset: number): Promise<void> {
    if (this.#options.groups.find(group)?.broadcast === true) {
      const reason = `group "${group}" is a broadcast: each client has an offset of its own`;
      throw new MillraceError('INVALID_ARGUMENT', reason);
    }
    const { topicId } = this.#options.topics.get(topic);
    const { minOffset, maxOffset } = await this.#options.store.range(topicId, queueId);
    const { name } = placeOf(group, topicId, queueId);
    this.#cursors.move(name, Math.max(minOffset, Math.min(offset, maxOffset)));
    this.#waiters.wake(topicId);
  }

  /** How far the group is on each queue that it has read. */
  async progress(group: string): Promise<readonly QueueProgress[]> {
    const list: QueueProgress[] = [];
    for (const [name, cursor] of [...this.#cursors.startingWith(`${group}/`)]) {
      const { topicId, queueId } = queueOf(name);
      const { maxOffset } = await this.#options.store.range(topicId, queueId);
      const inFlight = cursor.heldCount - cursor.waitingCount;
      list.push({ topicId, queueId, cursor: cursor.cursor, maxOffset, inFlight });
    }
    return list;
  }

  /** Forgets the cursors of a group. */
  forget(group: string): void {
    for (const prefix of [`${group}/`, `${group}@`]) {
      for (const [name] of [...this.#cursors.startingWith(prefix)]) this.#cursors.remove(name);
    }
  }

  #receipt(member: Member, receiptHandle: string): Receipt {
    const { store } = this.#options;
    const receipt = decodeReceipt(receiptHandle, this.#readerOf(member), store.serverId);
    const { topicId, queueId, offset } = receipt;
    // Of a queue that is not in memory we know nothing that would speak against the handle.
    if (offset < (store.rangeNow(topicId, queueId)?.maxOffset ?? Infinity)) return receipt;
    throw invalidHandle();
  }

  #cursorOf({ group, topicId, queueId }: Receipt): { name: string; cursor: QueueCursor } {
    const { name } = placeOf(group, topicId, queueId);
    const cursor = this.#cursors.find(name);
    if (cursor === undefined) throw invalidHandle();
    return { name, cursor };
  }

  /** Whose cursors count: the group's, or in a broadcast each client's own. */
  #readerOf({ group, clientId }: Member): string {
    return this.#options.groups.find(group)?.broadcast === true ? `${group}@${clientId}` : group;
  }

  /** The queues in the order in which this pop looks at them. */
  #places(request: PopRequest, first: number): Place[] {
    const { topicId, queues, messageType } = this.#options.topics.get(request.topic);
    const reader = this.#readerOf(request);
    return Array.from({ length: queues }, (_, i) => {
      // The queue's number is the priority; the highest goes first (reference 1.19).
      const queueId = messageType === 'PRIORITY' ? queues - 1 - i : (first + i) % queues;
      return placeOf(reader, topicId, queueId);
    });
  }

  #nextVisibleMs(request: PopRequest): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { name } of this.#places(request, 0)) {
      earliest = Math.min(earliest, this.#cursors.find(name)?.nextVisibleMs() ?? earliest);
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
    const places = this.#places(request, this.#firstQueue++);
    const { length } = places;
    for (const [i, place] of places.entries()) {
      if (popped.length >= request.max || request.signal.aborted) break;
      const cursor = await this.#cursorAt(place, group);
      if (!(await this.#isOpen(request, place, cursor, group))) {
        // Once more after the others: looking at them may have opened it.
        if (i < length) places.push(place);
        continue;
      }
      const turn = (this.#busy.get(cursor) ?? Promise.resolve()).then(() =>
        this.#popPlace(request, group, place, cursor, {
          max: request.max - popped.length,
          scanUntilMs,
        }),
      );
      const settled = turn.catch(() => undefined);
      this.#busy.set(cursor, settled);
      try {
        const taken = await turn;
        const claims = taken.map(({ claim }) => claim);
        if (taken.length > 0) traces.push({ name: place.name, topicId: place.topicId, claims });
        popped.push(...this.#handOut(request, place, taken));
      } finally {
        if (this.#busy.get(cursor) === settled) this.#busy.delete(cursor);
      }
    }
  }

  /** False while slots of the queue have earlier messages elsewhere (slot-barrier.ts). */
  async #isOpen(
    request: PopRequest,
    { topicId, queueId }: Place,
    cursor: QueueCursor,
    group: GroupCreated,
  ): Promise<boolean> {
    const topic = this.#options.topics.state(request.topic);
    if (topic.created.messageType === 'PRIORITY') return true;
    const reader = this.#readerOf(request);
    return this.#barrier.isOpen(topic, queueId, cursor, (other) =>
      this.#cursorAt(placeOf(reader, topicId, other), group),
    );
  }

  /** Something of the queue was finished. */
  #onFinished({ topicId, queueId }: Receipt | Place, cursor: QueueCursor, hasFreed: boolean): void {
    const topic = this.#options.topics.stateOf(topicId);
    const mayOpen = topic !== undefined && this.#barrier.mayOpen(topic, queueId, cursor);
    if (hasFreed || mayOpen) this.#waiters.wake(topicId);
  }

  async #cursorAt(place: Place, group: GroupCreated): Promise<QueueCursor> {
    return this.#cursors.find(place.name) ?? (await this.#begin(place, group));
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
    return this.#cursors.find(name) ?? this.#cursors.create(name, next);
  }

  /** What is to be handed out; none when the group was put elsewhere or deleted meanwhile. */
  async #popPlace(
    request: PopRequest,
    group: GroupCreated,
    place: Place,
    cursor: QueueCursor,
    bounds: PopBounds,
  ): Promise<readonly Taken[]> {
    const isCurrent = () => this.#cursors.find(place.name) === cursor;
    if (!isCurrent()) return [];
    const before = cursor.cursor;
    let taken: readonly Taken[] = [];
    try {
      taken = await popQueue(this.#queuePop(request, group, place, cursor, bounds));
      // Messages that the group does not want may have been the last before a change of slots.
      if (cursor.cursor > before) this.#onFinished(place, cursor, false);
      const alive: Taken[] = [];
      for (const message of taken) {
        if (!isCurrent()) return [];
        if (message.claim.attempt <= group.maxAttempts) alive.push(message);
        else await this.#bury(group.name, request.topic, place, cursor, message);
      }
      return isCurrent() ? alive : [];
    } catch (error) {
      const claims = taken.map(({ claim }) => claim);
      cursor.untake(claims, this.#options.clock.monotonicMs());
      throw error;
    } finally {
      this.#cursors.touch(place.name, cursor);
    }
  }

  #queuePop(
    request: PopRequest,
    { fifo, broadcast }: GroupCreated,
    { name, topicId, queueId }: Place,
    cursor: QueueCursor,
    { max, scanUntilMs }: PopBounds,
  ): QueuePop {
    const { store, format, clock, clients } = this.#options;
    const { filter, signal, clientId } = request;
    const nowMs = clock.monotonicMs();
    const owner = request.invisibleMs === 'renewed' ? clients.ownerOf(clientId) : 0;
    if (owner !== 0 || broadcast) this.#cursors.assign(name, clientId);
    const visibleAtMs = nowMs + invisibleMsOf(request);
    const taking = { nowMs, visibleAtMs, owner, popId: ++this.#popId };
    const maxBytes = limits.receiveBytesMax;
    const isLate = () => clock.monotonicMs() >= scanUntilMs;
    return {
      ...{ store, format, topicId, queueId, cursor, fifo, filter },
      ...{ taking, max, maxBytes, signal, isLate },
    };
  }

  #handOut(
    request: PopRequest,
    { topicId, queueId }: Place,
    taken: readonly Taken[],
  ): readonly Popped[] {
    const group = this.#readerOf(request);
    const invisibleMs = invisibleMsOf(request);
    return taken.map(({ claim: { offset, attempt, stamp }, entry, index }) => {
      const receipt = { group, topicId, queueId, offset, stamp };
      const receiptHandle = encodeReceipt(receipt, this.#options.store.serverId);
      return { entry, index, offset, attempt, receiptHandle, invisibleMs };
    });
  }

  /** A pop did not reach its client. */
  #untake(traces: readonly PopTrace[]): void {
    for (const { name, topicId, claims } of traces) {
      const cursor = this.#cursors.find(name);
      if (cursor === undefined) continue;
      cursor.untake(claims, this.#options.clock.monotonicMs());
      this.#cursors.touch(name, cursor);
      this.#waiters.wake(topicId);
    }
  }

  async #bury(
    group: string,
    topic: string,
    place: Place,
    cursor: QueueCursor,
    { claim, entry }: Taken,
  ): Promise<void> {
    await this.#deadLetters.add(group, topic, entry, claim.offset - entry.baseOffset);
    this.#onFinished(place, cursor, cursor.finishTaken(claim));
    this.#cursors.touch(place.name, cursor);
  }

  /** The client is gone: its messages go to others soon. */
  #disown(owner: number, clientId: string): void {
    const visibleAtMs = this.#options.clock.monotonicMs() + limits.lostVisibleMs;
    const changed = new Set<number>();
    for (const [name, cursor] of this.#cursors.lost(clientId)) {
      if (!cursor.disown(owner, visibleAtMs)) continue;
      this.#cursors.touch(name, cursor);
      changed.add(queueOf(name).topicId);
    }
    for (const topicId of changed) this.#waiters.wake(topicId);
  }
}

function placeOf(group: string, topicId: number, queueId: number): Place {
  return { name: `${group}/${topicId}/${queueId}`, topicId, queueId };
}

function invisibleMsOf({ invisibleMs }: PopRequest): number {
  return invisibleMs === 'renewed' ? limits.renewMs : invisibleMs;
}

function invalidHandle(): MillraceError {
  return new MillraceError('RECEIPT_HANDLE_EXPIRED', 'the receipt handle is not valid');
}
