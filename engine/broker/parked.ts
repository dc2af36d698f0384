import { MillraceError } from '../../platform/errors.ts';
import { type Entry, entryKinds, type Store, tagNone } from '../../storage/store.ts';
import { type Duplicates, idHashOf } from './duplicates.ts';
import type { MessageFormat, ParkedMessage } from './message-format.ts';
import { endOffset, readRow } from './pop-queue.ts';
import type { Topics } from './topics.ts';

/** How a parked message ended. Numbers are on disk. */
export const outcomes = {
  /** It is in its topic now: a delayed one in time, a half one committed. */
  delivered: 1,
  recalled: 2,
  rolledBack: 3,
  /** Its producers never said what becomes of it; it is in `expiredTopic`. */
  expired: 4,
  /** Its topic does not exist any more. */
  topicGone: 5,
} as const;
export type Outcome = keyof typeof outcomes;

/** A message that waits, and the offset of its parked entry. */
export interface Waiting {
  readonly offset: number;
  readonly message: ParkedMessage;
}

/** Told of everything, also of the part of the log that the index did not reflect at start. */
export interface ParkedListener {
  parked(waiting: Waiting): void;
  settled(waiting: Waiting): void;
}

type Change = readonly ['parked' | 'settled', Waiting];

/**
 * Messages that wait before they go to their topic: delayed ones, and the halves of transactions.
 * They are entries of a hidden topic of one queue, so they are as durable as any other, and what
 * waits is what was parked and is not settled:
 *
 * | entry kind | body                                                       |
 * |------------|------------------------------------------------------------|
 * | `parked`   | a request with the one message, as it came                 |
 * | `settled`  | 9 bytes each: f64 offset of the parked entry, u8 outcome   |
 *
 * Timers and lookups over it are derived state: `parked/next` in the `index/` database says up to
 * which offset they reflect the topic, in one batch with them; `open` brings them up to date.
 *
 * A crash between the delivery of a message and its `settled` delivers it again at the restart;
 * de-duplication then finds it in its topic (`duplicates.ts`).
 */
export class Parked {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #format: MessageFormat;
  readonly #duplicates: Duplicates;
  readonly #listeners: ParkedListener[] = [];
  #applied = 0;

  constructor(store: Store, topics: Topics, format: MessageFormat, duplicates: Duplicates) {
    this.#store = store;
    this.#topics = topics;
    this.#format = format;
    this.#duplicates = duplicates;
  }

  subscribe(listener: ParkedListener): void {
    this.#listeners.push(listener);
  }

  /** Call once, after the listeners are registered. Throws CORRUPTION. */
  async open(): Promise<void> {
    const topic = this.#topics.internal(parkedTopic);
    if (topic === undefined) return;
    const { minOffset, maxOffset } = await this.#store.range(topic.topicId, 0);
    const saved = (await this.#store.derived.load(nextKey)).get(nextKey);
    this.#applied = saved === undefined ? minOffset : Buffer.from(saved).readDoubleBE();
    if (this.#applied > maxOffset) {
      throw new MillraceError(
        'CORRUPTION',
        `the timers reflect parked messages up to ${this.#applied}, but there are ${maxOffset}`,
      );
    }
    while (this.#applied < maxOffset) {
      const rows = await this.#store.indexRows(topic.topicId, 0, this.#applied, 256);
      if (rows.rowCount === 0) break;
      const changes: Change[] = [];
      let next = this.#applied;
      for (let row = 0; row < rows.rowCount; row++) {
        const entry = await readRow(this.#store, rows, row);
        next = endOffset(rows, row);
        if (entry !== undefined) changes.push(...(await this.#changesOf(entry)));
      }
      this.#apply(changes, next);
    }
  }

  /** Resolves when the message is durable and its listeners have it. */
  async park(body: Buffer, message: ParkedMessage): Promise<Waiting> {
    const { topicId } = this.#topics.internal(parkedTopic) ?? (await this.#create());
    const { messageId, topic: target } = message;
    const append = async () => {
      const appended = await this.#store.append({
        topicId,
        queueId: 0,
        kind: entryKinds.parked,
        count: 1,
        body,
        firstIdHash: idHashOf(messageId, target),
        tagHash: tagNone,
      });
      const waiting = { offset: appended.baseOffset, message };
      this.#apply([['parked', waiting]], appended.baseOffset + 1);
      return { queueId: 0, ...appended };
    };
    const { baseOffset } = await this.#duplicates.once(topicId, messageId, 1, append, target);
    return { offset: baseOffset, message };
  }

  /** Resolves when it is durable that these do not wait any more. */
  async settle(settled: readonly Waiting[], outcome: Outcome): Promise<void> {
    if (settled.length === 0) return;
    const body = Buffer.alloc(settled.length * recordBytes);
    for (const [i, { offset }] of settled.entries()) {
      body.writeDoubleBE(offset, i * recordBytes);
      body[i * recordBytes + 8] = outcomes[outcome];
    }
    const { topicId } = this.#topics.internal(parkedTopic)!;
    const { baseOffset } = await this.#store.append({
      topicId,
      queueId: 0,
      kind: entryKinds.settled,
      count: 1,
      body,
      firstIdHash: 0,
      tagHash: tagNone,
    });
    this.#apply(
      settled.map((waiting) => ['settled', waiting]),
      baseOffset + 1,
    );
  }

  /** The parked entry. Throws NOT_FOUND for an offset that has none. */
  async read(offset: number): Promise<Entry> {
    const topic = this.#topics.internal(parkedTopic);
    const rows =
      topic === undefined ? undefined : await this.#store.indexRows(topic.topicId, 0, offset, 1);
    if (rows !== undefined && rows.rowCount === 1) {
      const entry = await readRow(this.#store, rows, 0);
      if (entry?.kind === entryKinds.parked && entry.baseOffset === offset) return entry;
    }
    throw new MillraceError('NOT_FOUND', `no message waits at ${offset}`);
  }

  messageOf(entry: Entry): ParkedMessage {
    return this.#format.parked(entry);
  }

  async #create() {
    await this.#topics.create(parkedTopic, { queues: 1, ifNotExists: true });
    return this.#topics.internal(parkedTopic)!;
  }

  async #changesOf(entry: Entry): Promise<Change[]> {
    if (entry.kind === entryKinds.parked) {
      return [['parked', { offset: entry.baseOffset, message: this.#format.parked(entry) }]];
    }
    const changes: Change[] = [];
    const body = Buffer.from(entry.body);
    for (let at = 0; at < body.length; at += recordBytes) {
      const offset = body.readDoubleBE(at);
      const message = this.#format.parked(await this.read(offset));
      changes.push(['settled', { offset, message }]);
    }
    return changes;
  }

  /**
   * In one turn, so in one batch of the database. Appends are durable, and resolve, in the order of
   * their offsets.
   */
  #apply(changes: readonly Change[], next: number): void {
    for (const [what, waiting] of changes) {
      for (const listener of this.#listeners) listener[what](waiting);
    }
    if (next <= this.#applied) return;
    this.#applied = next;
    const value = Buffer.alloc(8);
    value.writeDoubleBE(next);
    this.#store.derived.put(nextKey, value);
  }
}

/** An error of `read` or `messageOf` that comes again however often they are called. */
export function isLost(error: unknown): boolean {
  const codes = ['CORRUPTION', 'MALFORMED', 'NOT_FOUND'];
  return error instanceof MillraceError && codes.includes(error.code);
}

const parkedTopic = '%SYS%parked';
const nextKey = 'parked/next';
const recordBytes = 9;
