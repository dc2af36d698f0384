import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { queueOf } from './cursor-store.ts';
import { type ConsumersOptions, GroupQueues, placeOf } from './group-queues.ts';
import { redrivePrefix } from './groups.ts';
import type { LiteSubscriptions, LiteSync } from './lite-subscriptions.ts';
import { readRow } from './pop-queue.ts';
import type { Member, Popped, PopRequest } from './pop-request.ts';
import { Popper } from './popper.ts';
import type { QueueCursor } from './queue-cursor.ts';
import { decodeReceipt, encodeReceipt, type Receipt } from './receipt-handle.ts';
import { logUnreadable } from './unreadable.ts';

/** How far a group is on one queue. */
export interface QueueProgress {
  readonly topicId: number;
  readonly queueId: number;
  /** First unfinished offset. */
  readonly cursor: number;
  readonly maxOffset: number;
  readonly inFlight: number;
  /** Messages that expired before the group was done with them, since the server's start. */
  readonly expired: number;
}

/**
 * Consumer groups in pop mode: the server hands each message to one member at a time and waits for
 * its ack; a message that is not acked in time comes again, until it is dead (reference
 * rocketmq-v2, 1.13, 1.14). Nothing here waits for the database: cursors are in memory, and written
 * behind (`cursor-store.ts`).
 */
export class Consumers {
  readonly #options: ConsumersOptions;
  readonly #queues: GroupQueues;
  readonly #popper: Popper;
  readonly #unsubscribe: () => void;

  constructor(options: ConsumersOptions) {
    const { store, clients, topics } = options;
    this.#options = options;
    this.#queues = new GroupQueues(options);
    this.#popper = new Popper(options, this.#queues);
    this.#unsubscribe = store.onDurable(({ values, rowCount }) => {
      let last = -1;
      for (let row = 0; row < rowCount; row++) {
        const topicId = values[row * indexRowWidth + col.topicId]!;
        if (topicId !== last) this.#queues.wake(topicId);
        last = topicId;
      }
    });
    topics.onDropped((topicId) => {
      this.#queues.cursors.removeTopic(topicId);
      this.#queues.waiters.forget(topicId);
    });
    clients.onBroken((owner, clientId, beforeMs) => {
      for (const [, cursor] of this.#queues.cursors.assigned(clientId))
        cursor.release(owner, beforeMs);
    });
    clients.onLost((owner, clientId) => this.#disown(owner, clientId));
  }

  /** Reads the cursors of all groups. Throws CORRUPTION for one beyond the end of its queue. */
  async open(): Promise<void> {
    const { store } = this.#options;
    const { topics } = this.#options;
    await this.#queues.cursors.open(async (topicId, queueId) => {
      if (topics.stateOf(topicId) === undefined) return undefined;
      const { maxOffset } = await store.range(topicId, queueId);
      return maxOffset;
    });
  }

  /** Ends the long polls and hands all that changed to the store, which is to be closed next. */
  close(): void {
    this.#unsubscribe();
    this.#queues.waiters.wakeAll();
    this.#queues.cursors.flush();
  }

  /** Up to `max` messages; waits for the first one. None when the time is up or the client left. */
  pop(request: PopRequest): Promise<readonly Popped[]> {
    return this.#popper.pop(request);
  }

  /** Which lite topics clients have subscribed to. */
  get lites(): LiteSubscriptions {
    return this.#queues.lites;
  }

  /**
   * A client's change of its lite topics. `start`: where the group begins on those that are new to
   * it; on others it goes on where it was. Throws as `LiteSubscriptions.sync`, TOPIC_NOT_FOUND, and
   * INVALID_ARGUMENT for a topic of another type.
   */
  async syncLites(sync: LiteSync, start?: LiteStart): Promise<void> {
    const { topics, store } = this.#options;
    const parent = topics.get(sync.topic);
    if (parent.messageType !== 'LITE') {
      throw new MillraceError('INVALID_ARGUMENT', `topic "${parent.name}" has no lite topics`);
    }
    for (const lite of this.#queues.lites.sync(sync)) {
      const topic = topics.lite(sync.topic, lite);
      if (topic === undefined || start === undefined) continue;
      const { name } = placeOf(this.#queues.readerOf(sync), topic.topicId, 0);
      // Other members of the group have begun there: what they hold is not to be forgotten.
      if (this.#queues.cursors.find(name) !== undefined) continue;
      const { minOffset, maxOffset } = await store.range(topic.topicId, 0);
      const offset = await liteOffset(start, minOffset, maxOffset, (timeMs) =>
        store.offsetAtTime(topic.topicId, 0, timeMs),
      );
      // Dropped meanwhile, it would leave a cursor that nothing takes away.
      if (topics.lite(sync.topic, lite)?.topicId !== topic.topicId) continue;
      this.#queues.cursors.move(name, Math.max(minOffset, Math.min(offset, maxOffset)));
    }
    this.#queues.wake(parent.topicId);
  }

  /** Changes when the topic gets messages, or others become visible. */
  wakes(topicId: number): number {
    return this.#queues.waiters.wakes(topicId);
  }

  /** Resolves when `wakes` changes, after `timeMs`, or at an abort. */
  arrival(topicId: number, timeMs: number, signal: AbortSignal): Promise<void> {
    return this.#queues.waiters.wait(topicId, timeMs, signal);
  }

  /** Throws RECEIPT_HANDLE_EXPIRED. */
  acknowledge(member: Member, receiptHandle: string): void {
    const receipt = this.#receipt(member, receiptHandle);
    const { name, cursor } = this.#cursorOf(receipt);
    const now = this.#options.clock.monotonicMs();
    const hasFreed = cursor.finish(receipt.offset, receipt.stamp, now, receipt.count);
    this.#queues.cursors.touch(name, cursor);
    this.#queues.onFinished(receipt, cursor, hasFreed);
  }

  /** A message that was handed out and cannot be decoded is done. */
  passOver(member: Member, { entry, receiptHandle }: Popped, error: MillraceError): void {
    logUnreadable(this.#options.logger, entry, error);
    this.acknowledge(member, receiptHandle);
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
    const { offset, count, stamp } = receipt;
    const next = cursor.postpone(offset, stamp, now, now + invisibleMs, suspend, count);
    this.#queues.cursors.touch(name, cursor);
    this.#queues.wake(receipt.topicId);
    return encodeReceipt({ ...receipt, stamp: next }, this.#options.store.serverId);
  }

  /**
   * The client gave up on the message. Resolves when it is among the dead letters, and finished;
   * doing so twice is no error. When it throws, the handle is as valid as it was.
   */
  async forwardToDeadLetters(member: Member, topic: string, receiptHandle: string): Promise<void> {
    const receipt = this.#receipt(member, receiptHandle);
    const { store, topics, clock, format } = this.#options;
    const { topicId, queueId, offset } = receipt;
    const named = topics.get(topic).topicId;
    if (named !== topicId && named !== topics.parentOf(topicId)?.topicId) throw invalidHandle();
    const { name, cursor } = this.#cursorOf(receipt);
    if (receipt.count > 1) {
      const reason = 'the messages of a batch become dead letters one by one';
      throw new MillraceError('INVALID_ARGUMENT', reason);
    }
    if (cursor.isFinished(offset)) return;
    const now = clock.monotonicMs();
    // Kept from others while it is written; refused when the handle is not valid any more.
    const stamp = cursor.postpone(offset, receipt.stamp, now, now + limits.renewMs);
    const claim = { offset, count: 1, attempt: 0, stamp };
    try {
      const rows = await store.indexRows(topicId, queueId, offset, 1);
      const entry = rows.rowCount === 0 ? undefined : await readRow(store, rows, 0);
      const index = offset - (entry?.baseOffset ?? Infinity);
      if (entry === undefined || index < 0 || format.isTakenOut(entry, index, 1)) {
        // Retention or compaction took it while it was held: there is nothing to keep.
        if (cursor.finishTaken(claim)) this.#queues.wake(topicId);
        return;
      }
      const taken = { claim, entry, index };
      await this.#queues.bury(member.group, topic, { name, topicId, queueId }, cursor, taken);
    } catch (error) {
      cursor.restamp(offset, stamp, receipt.stamp);
      throw error;
    } finally {
      this.#queues.cursors.touch(name, cursor);
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
    this.#queues.cursors.move(name, Math.max(minOffset, Math.min(offset, maxOffset)));
    this.#queues.wake(topicId);
  }

  /** How far the group is on each queue that it has read. */
  async progress(group: string): Promise<readonly QueueProgress[]> {
    const list: QueueProgress[] = [];
    for (const [name, cursor] of [...this.#queues.cursors.startingWith(`${group}/`)]) {
      const { topicId, queueId } = queueOf(name);
      const { maxOffset } = await this.#options.store.range(topicId, queueId);
      const inFlight = cursor.heldCount - cursor.waitingCount;
      const { cursor: offset, expired } = cursor;
      list.push({ topicId, queueId, cursor: offset, maxOffset, inFlight, expired });
    }
    return list;
  }

  /** Forgets the cursors of a group, also that of its dead letters on their way back. */
  forget(group: string): void {
    for (const prefix of [`${group}/`, `${group}@`, `${redrivePrefix}${group}/`]) {
      for (const [name] of [...this.#queues.cursors.startingWith(prefix)])
        this.#queues.cursors.remove(name);
    }
  }

  #receipt(member: Member, receiptHandle: string): Receipt {
    const { store } = this.#options;
    const receipt = decodeReceipt(receiptHandle, this.#queues.readerOf(member), store.serverId);
    const { topicId, queueId, offset } = receipt;
    // Of a queue that is not in memory we know nothing that would speak against the handle.
    if (offset < (store.rangeNow(topicId, queueId)?.maxOffset ?? Infinity)) return receipt;
    throw invalidHandle();
  }

  #cursorOf({ group, topicId, queueId }: Receipt): { name: string; cursor: QueueCursor } {
    const { name } = placeOf(group, topicId, queueId);
    const cursor = this.#queues.cursors.find(name);
    if (cursor === undefined) throw invalidHandle();
    return { name, cursor };
  }

  /** The client is gone: its messages go to others soon. */
  #disown(owner: number, clientId: string): void {
    const visibleAtMs = this.#options.clock.monotonicMs() + limits.lostVisibleMs;
    const changed = new Set<number>();
    for (const [name, cursor] of this.#queues.cursors.assigned(clientId)) {
      if (!cursor.disown(owner, visibleAtMs)) continue;
      this.#queues.cursors.touch(name, cursor);
      changed.add(queueOf(name).topicId);
    }
    this.#queues.cursors.lost(clientId);
    for (const topicId of changed) this.#queues.wake(topicId);
  }
}

/** Where to begin on a lite topic (OffsetOption of the protocol). */
export type LiteStart =
  | 'MIN'
  | 'MAX'
  | { readonly offset: number }
  | { readonly tail: number }
  | { readonly timeMs: number };

async function liteOffset(
  start: LiteStart,
  minOffset: number,
  maxOffset: number,
  atTime: (timeMs: number) => Promise<number>,
): Promise<number> {
  if (start === 'MIN') return minOffset;
  if (start === 'MAX') return maxOffset;
  if ('offset' in start) return start.offset;
  return 'tail' in start ? maxOffset - start.tail : atTime(start.timeMs);
}

function invalidHandle(): MillraceError {
  return new MillraceError('RECEIPT_HANDLE_EXPIRED', 'the receipt handle is not valid');
}
