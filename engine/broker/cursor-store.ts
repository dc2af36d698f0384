import type { Clock, Timer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { DerivedKeys } from '../../storage/store.ts';
import { stampsOfBase } from './ahead-handles.ts';
import type { HeldRow, Renewal } from './claims.ts';
import type { Clients } from './clients.ts';
import { QueueCursor } from './queue-cursor.ts';

/**
 * The cursors of all consumer groups, in memory and in the `index/` database.
 *
 * | key                                    | value                                             |
 * |----------------------------------------|---------------------------------------------------|
 * | `cursor/GROUP/TOPIC-ID/QUEUE`          | f64 next: first offset never handed out,          |
 * |                                        | i32 stamp base (`QueueCursor`)                    |
 * | `held/GROUP/TOPIC-ID/QUEUE/OFFSET`     | unfinished messages below `next`, see below       |
 *
 * | at | held: what                                            |
 * |----|-------------------------------------------------------|
 * | 0  | f64 wall clock, ms: visible again at                  |
 * | 8  | i32 deliveries                                        |
 * | 12 | i32 stamp of the latest handle                        |
 * | 16 | i32 hash of the message group in a FIFO group, else 0 |
 * | 20 | i32 messages from OFFSET on that have the row together |
 *
 * All that changed within limits.cursorFlushMs goes out as one atomic batch, so the stored state
 * is always one that was: an offset below `next` without a row is finished. A message finished in
 * that time never touches the database. A crash forgets at most that time: its deliveries are made
 * again, and its handles stay valid (`QueueCursor`).
 *
 * Whom a message is renewed for is not stored: the answer that it went out with may have died with
 * the server, and a client that lives would then keep from others what it never got. After a
 * restart a message comes again when the rest of its invisible time is over.
 *
 * The cursors of a broadcast are each one client's, `GROUP@CLIENT` instead of GROUP (no group's
 * name has an @): they are in memory alone, and go with the client.
 */
export class CursorStore {
  readonly #keys: DerivedKeys;
  readonly #clock: Clock;
  readonly #renewal: Renewal;
  readonly #cursors = new Map<string, QueueCursor>();
  /** Their names by topic. */
  readonly #byTopic = new Map<number, Set<string>>();
  readonly #changed = new Map<string, QueueCursor>();
  /** Names of the cursors that may hold something for a client, or are its own. */
  readonly #byClient = new Map<string, Set<string>>();
  #timer: Timer | undefined;

  constructor(keys: DerivedKeys, clock: Clock, clients: Clients) {
    this.#keys = keys;
    this.#clock = clock;
    this.#renewal = {
      renewMs: limits.renewMs,
      keeps: (owner, takenAtMs, nowMs) =>
        nowMs - takenAtMs < limits.renewTotalMs && clients.isAlive(owner),
    };
  }

  /**
   * Reads all cursors. Throws CORRUPTION for one beyond the end of its queue. Of topics that are
   * gone, those whose `maxOffset` is `undefined`, nothing is kept.
   */
  async open(
    maxOffset: (topicId: number, queueId: number) => Promise<number | undefined>,
  ): Promise<void> {
    const held = new Map<string, HeldRow[]>();
    for (const [key, value] of await this.#keys.load('held/')) {
      const end = key.lastIndexOf('/');
      const name = key.slice('held/'.length, end);
      const rows = held.get(name) ?? [];
      held.set(name, rows);
      rows.push(this.#decode(Number(key.slice(end + 1)), value));
    }
    for (const [key, value] of await this.#keys.load('cursor/')) {
      const name = key.slice('cursor/'.length);
      const { topicId, queueId } = queueOf(name);
      const view = viewOf(value);
      const next = view.getFloat64(0);
      const end = await maxOffset(topicId, queueId);
      if (end === undefined) {
        for (const { offset } of held.get(name) ?? []) this.#keys.delete(heldKey(name, offset));
        this.#keys.delete(key);
        continue;
      }
      if (!(next <= end)) {
        throw new MillraceError(
          'CORRUPTION',
          `the cursor of ${name} is ${next}, beyond the end of its queue`,
        );
      }
      const cursor = new QueueCursor(next, this.#renewal, held.get(name), view.getInt32(8));
      this.#add(name, cursor);
    }
  }

  find(name: string): QueueCursor | undefined {
    return this.#cursors.get(name);
  }

  create(name: string, next: number, stampBase = 0): QueueCursor {
    const cursor = new QueueCursor(next, this.#renewal, [], stampBase);
    this.#add(name, cursor);
    return cursor;
  }

  #add(name: string, cursor: QueueCursor): void {
    this.#cursors.set(name, cursor);
    const { topicId } = queueOf(name);
    const ofTopic = this.#byTopic.get(topicId);
    if (ofTopic === undefined) this.#byTopic.set(topicId, new Set([name]));
    else ofTopic.add(name);
  }

  /** All cursors whose name begins with `prefix`. */
  *startingWith(prefix: string): IterableIterator<[string, QueueCursor]> {
    for (const pair of this.#cursors) if (pair[0].startsWith(prefix)) yield pair;
  }

  /** All cursors on a topic go. */
  removeTopic(topicId: number): void {
    for (const name of [...(this.#byTopic.get(topicId) ?? [])]) this.remove(name);
  }

  /** Puts a cursor elsewhere: what its group holds is forgotten, and handles end. */
  move(name: string, next: number): QueueCursor {
    const from = this.#cursors.get(name)?.stampBase ?? 0;
    this.remove(name);
    const cursor = this.create(name, next, stampBaseAfter(from, this.#clock.nowMs()));
    this.touch(name, cursor);
    return cursor;
  }

  remove(name: string): void {
    const cursor = this.#cursors.get(name);
    if (cursor === undefined) return;
    this.#cursors.delete(name);
    const { topicId } = queueOf(name);
    const ofTopic = this.#byTopic.get(topicId);
    ofTopic?.delete(name);
    if (ofTopic?.size === 0) this.#byTopic.delete(topicId);
    if (isOfClient(name)) return;
    this.#changed.delete(name);
    for (const offset of cursor.storedOffsets()) this.#keys.delete(heldKey(name, offset));
    this.#keys.delete(`cursor/${name}`);
  }

  /** The client's loss is to be told to this cursor. */
  assign(name: string, clientId: string): void {
    const names = this.#byClient.get(clientId);
    if (names === undefined) this.#byClient.set(clientId, new Set([name]));
    else names.add(name);
  }

  /** The cursors that may hold something for the client, but those that are its own. */
  *assigned(clientId: string): IterableIterator<[string, QueueCursor]> {
    for (const name of this.#byClient.get(clientId) ?? []) {
      const cursor = this.#cursors.get(name);
      if (cursor !== undefined && !isOfClient(name)) yield [name, cursor];
    }
  }

  /** The client is lost: it holds nothing, and its own cursors go. */
  lost(clientId: string): void {
    for (const name of this.#byClient.get(clientId) ?? []) if (isOfClient(name)) this.remove(name);
    this.#byClient.delete(clientId);
  }

  /** The cursor changed: it is written soon, unless it was moved or removed meanwhile. */
  touch(name: string, cursor: QueueCursor): void {
    if (this.#cursors.get(name) !== cursor || isOfClient(name)) return;
    this.#changed.set(name, cursor);
    this.#timer ??= this.#clock.after(limits.cursorFlushMs, () => this.flush(), {
      background: true,
    });
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const [name, cursor] of this.#changed) {
      const { next, held, gone } = cursor.changes();
      for (const offset of gone) this.#keys.delete(heldKey(name, offset));
      for (const row of held) this.#keys.put(heldKey(name, row.offset), this.#encode(row));
      const value = Buffer.alloc(12);
      value.writeDoubleBE(next);
      value.writeInt32BE(cursor.stampBase, 8);
      this.#keys.put(`cursor/${name}`, value);
    }
    this.#changed.clear();
  }

  #encode(row: HeldRow): Buffer {
    const value = Buffer.alloc(24);
    const toWall = this.#clock.nowMs() - this.#clock.monotonicMs();
    value.writeDoubleBE(row.visibleAtMs + toWall, 0);
    value.writeInt32BE(row.attempt, 8);
    value.writeInt32BE(row.stamp, 12);
    value.writeInt32BE(row.orderKey, 16);
    value.writeInt32BE(row.count, 20);
    return value;
  }

  /** A clock set back does not hide a message for longer than it could have been hidden. */
  #decode(offset: number, value: Uint8Array): HeldRow {
    const view = viewOf(value);
    const nowMs = this.#clock.monotonicMs();
    const toMonotonic = nowMs - this.#clock.nowMs();
    return {
      offset,
      count: view.getInt32(20),
      visibleAtMs: Math.min(view.getFloat64(0) + toMonotonic, nowMs + limits.invisibleMsMax),
      attempt: view.getInt32(8),
      stamp: view.getInt32(12),
      orderKey: view.getInt32(16),
    };
  }
}

/** The queue of the cursor with this name. What is in front of it may hold any character. */
export function queueOf(name: string): { readonly topicId: number; readonly queueId: number } {
  const [topicId, queueId] = name.split('/').slice(-2).map(Number) as [number, number];
  return { topicId, queueId };
}

function isOfClient(name: string): boolean {
  return name.includes('@');
}

const bases = 2 ** 31 / stampsOfBase;

/** The base of a cursor that begins with its group: always the same, and another group's is not. */
export function stampBaseAt(timeMs: number): number {
  return (1 + (Math.floor(timeMs / 1000) % (bases - 1))) * stampsOfBase;
}

/** Another base than the last one, and than those of the six days before. */
function stampBaseAfter(last: number, nowMs: number): number {
  const base = stampBaseAt(nowMs);
  return base === last ? (((base / stampsOfBase) % (bases - 1)) + 1) * stampsOfBase : base;
}

function heldKey(name: string, offset: number): string {
  return `held/${name}/${offset}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
