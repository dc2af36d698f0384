import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Entry, type Store, tagMixed } from '../../storage/store.ts';
import { tagHashOf } from './publisher.ts';
import { QueueCursor } from './queue-cursor.ts';
import { decodeReceipt, encodeReceipt } from './receipt-handle.ts';
import type { Topics } from './topics.ts';

export interface PopRequest {
  readonly group: string;
  readonly topic: string;
  /** One queue, or all of them. */
  readonly queueId: number | undefined;
  /** `undefined`: every message. */
  readonly tags: ReadonlySet<string> | undefined;
  readonly max: number;
  readonly invisibleMs: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** A message handed out: number `index` of the entry. */
export interface Popped {
  readonly entry: Entry;
  readonly index: number;
  readonly offset: number;
  readonly attempt: number;
  readonly receiptHandle: string;
}

/** Tags of an entry's messages, in order; the connector knows the format. */
export type TagsOf = (entry: Entry) => readonly (string | undefined)[];

const cursorPrefix = 'cursor/';
/** Index rows looked at in one go. */
const lookAheadEntries = 64;

/**
 * Consumer groups in pop mode: the server hands each message to one member at a time and waits for
 * its ack; a message that is not acked in time comes again (reference rocketmq-v2, 1.13, 1.14).
 * Groups need no creation and begin at the start of a topic.
 */
export class Consumers {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #clock: Clock;
  readonly #tagsOf: TagsOf;
  readonly #cursors = new Map<string, QueueCursor>();
  /** One pop at a time per queue and group. */
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #wakers = new Set<() => void>();
  readonly #unsubscribe: () => void;

  constructor(store: Store, topics: Topics, clock: Clock, tagsOf: TagsOf) {
    this.#store = store;
    this.#topics = topics;
    this.#clock = clock;
    this.#tagsOf = tagsOf;
    this.#unsubscribe = store.onDurable(() => this.#wake());
  }

  /** Reads the cursors of all groups. Throws CORRUPTION for one beyond the end of its queue. */
  async open(): Promise<void> {
    for (const [key, value] of await this.#store.derived.load(cursorPrefix)) {
      const name = key.slice(cursorPrefix.length);
      const [queueId, topicId] = name.split('/').reverse().map(Number);
      const cursor = Number(new TextDecoder().decode(value));
      if (!(cursor <= this.#store.range(topicId!, queueId!).maxOffset)) {
        throw new MillraceError(
          'CORRUPTION',
          `the cursor of ${name} is ${cursor}, beyond the end of its queue`,
        );
      }
      this.#cursors.set(name, new QueueCursor(cursor));
    }
  }

  close(): void {
    this.#unsubscribe();
    this.#wake();
  }

  /** Up to `max` messages; waits for the first one. None when the time is up or the client left. */
  async pop(request: PopRequest): Promise<readonly Popped[]> {
    const deadline = this.#clock.monotonicMs() + request.waitMs;
    for (;;) {
      const popped = await this.#popNow(request);
      const left = deadline - this.#clock.monotonicMs();
      if (popped.length > 0 || left <= 0 || request.signal.aborted) return popped;
      await this.#somethingNew(request, left);
    }
  }

  acknowledge(group: string, receiptHandle: string): void {
    const receipt = decodeReceipt(receiptHandle, group, this.#store.serverId);
    const name = cursorName(group, receipt.topicId, receipt.queueId);
    this.#checkOffset(receipt.topicId, receipt.queueId, receipt.offset);
    const cursor = this.#cursor(name);
    cursor.acknowledge(receipt.offset, receipt.stamp);
    this.#save(name, cursor);
  }

  /** The message comes again after `invisibleMs`. Returns the handle that counts from now on. */
  changeInvisible(group: string, receiptHandle: string, invisibleMs: number): string {
    const receipt = decodeReceipt(receiptHandle, group, this.#store.serverId);
    const name = cursorName(group, receipt.topicId, receipt.queueId);
    this.#checkOffset(receipt.topicId, receipt.queueId, receipt.offset);
    const until = this.#clock.monotonicMs() + invisibleMs;
    const stamp = this.#cursor(name).postpone(receipt.offset, receipt.stamp, until);
    this.#wake();
    return encodeReceipt({ ...receipt, stamp }, this.#store.serverId);
  }

  #checkOffset(topicId: number, queueId: number, offset: number): void {
    if (offset < this.#store.range(topicId, queueId).maxOffset) return;
    throw new MillraceError('RECEIPT_HANDLE_EXPIRED', 'the receipt handle is not valid');
  }

  #cursor(name: string): QueueCursor {
    let cursor = this.#cursors.get(name);
    if (cursor === undefined) {
      cursor = new QueueCursor(0);
      this.#cursors.set(name, cursor);
    }
    return cursor;
  }

  #save(name: string, { cursor }: QueueCursor): void {
    this.#store.derived.put(cursorPrefix + name, new TextEncoder().encode(String(cursor)));
  }

  async #popNow(request: PopRequest): Promise<Popped[]> {
    const { topicId, queues } = this.#topics.get(request.topic);
    const popped: Popped[] = [];
    const first = request.queueId ?? Math.floor(this.#clock.monotonicMs()) % queues;
    const count = request.queueId === undefined ? queues : 1;
    for (let i = 0; i < count && popped.length < request.max; i++) {
      const queueId = (first + i) % queues;
      const name = cursorName(request.group, topicId, queueId);
      const turn = (this.#busy.get(name) ?? Promise.resolve()).then(() =>
        this.#popQueue(request, topicId, queueId, request.max - popped.length),
      );
      this.#busy.set(
        name,
        turn.catch(() => undefined),
      );
      popped.push(...(await turn));
    }
    return popped;
  }

  async #popQueue(
    request: PopRequest,
    topicId: number,
    queueId: number,
    max: number,
  ): Promise<Popped[]> {
    const name = cursorName(request.group, topicId, queueId);
    const cursor = this.#cursor(name);
    const popped: Popped[] = [];
    const take = (entry: Entry, offset: number) => {
      const until = this.#clock.monotonicMs() + request.invisibleMs;
      const { attempt, stamp } = cursor.hold(offset, until);
      const receipt = { group: request.group, topicId, queueId, offset, stamp };
      const receiptHandle = encodeReceipt(receipt, this.#store.serverId);
      popped.push({ entry, index: offset - entry.baseOffset, offset, attempt, receiptHandle });
    };
    for (const offset of cursor.expired(this.#clock.monotonicMs(), max)) {
      const rows = await this.#store.indexRows(topicId, queueId, offset, 1);
      take(await this.#read(rows, 0), offset);
    }
    let bytes = 0;
    const { maxOffset } = this.#store.range(topicId, queueId);
    while (popped.length < max && cursor.next < maxOffset && bytes < limits.receiveBytesMax) {
      if (request.signal.aborted) break;
      const rows = await this.#store.indexRows(topicId, queueId, cursor.next, lookAheadEntries);
      if (rows.rowCount === 0) break;
      for (let row = 0; row < rows.rowCount && popped.length < max; row++) {
        const end = endOffset(rows, row);
        if (isOtherTag(rows, row, request.tags)) {
          for (let offset = cursor.next; offset < end; offset++) cursor.skip(offset);
          continue;
        }
        const entry = await this.#read(rows, row);
        bytes += entry.length;
        const tags = request.tags === undefined ? undefined : this.#tagsOf(entry);
        while (cursor.next < end && popped.length < max) {
          const offset = cursor.next;
          const tag = tags?.[offset - entry.baseOffset];
          const isWanted =
            request.tags === undefined || (tag !== undefined && request.tags.has(tag));
          if (isWanted) take(entry, offset);
          else cursor.skip(offset);
        }
        if (bytes >= limits.receiveBytesMax) break;
      }
      this.#save(name, cursor);
    }
    return popped;
  }

  #read({ values }: IndexRows, row: number): Promise<Entry> {
    const at = row * indexRowWidth;
    return this.#store.readEntry(
      values[at + col.partition]!,
      values[at + col.position]!,
      values[at + col.length]!,
    );
  }

  /** Resolves at the next group commit, postponement, expiry, abort, or after `leftMs`. */
  #somethingNew(request: PopRequest, leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      const { topicId, queues } = this.#topics.get(request.topic);
      let earliest = Number.POSITIVE_INFINITY;
      for (let queueId = 0; queueId < queues; queueId++) {
        const cursor = this.#cursors.get(cursorName(request.group, topicId, queueId));
        earliest = Math.min(earliest, cursor?.nextVisibleMs() ?? earliest);
      }
      const untilVisible = Math.max(1, earliest - this.#clock.monotonicMs());
      const finish = () => {
        this.#wakers.delete(finish);
        timer.cancel();
        request.signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = this.#clock.after(Math.min(leftMs, untilVisible), finish, { background: true });
      this.#wakers.add(finish);
      request.signal.addEventListener('abort', finish, { once: true });
    });
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }
}

function cursorName(group: string, topicId: number, queueId: number): string {
  return `${group}/${topicId}/${queueId}`;
}

function endOffset({ values }: IndexRows, row: number): number {
  const at = row * indexRowWidth;
  return values[at + col.baseOffset]! + values[at + col.count]!;
}

/** The index alone tells that no message of the entry has one of the tags. */
function isOtherTag(
  { values }: IndexRows,
  row: number,
  tags: ReadonlySet<string> | undefined,
): boolean {
  if (tags === undefined) return false;
  const hash = values[row * indexRowWidth + col.tagHash]!;
  return hash !== tagMixed && ![...tags].some((tag) => tagHashOf(tag) === hash);
}
