import { MillraceError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Entry, entryKinds, type Store, tagNone } from '../../storage/store.ts';
import { type Duplicates, idHashOf } from './duplicates.ts';
import type { MessageFormat, ParkedMessage } from './message-format.ts';
import { type Outcome, settledBody, settledOffsets } from './parked-entries.ts';
import { endOffset, readRow } from './pop-queue.ts';
import type { Topics } from './topics.ts';

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

/** An index row of a parked entry, and the bytes of the entry. */
export interface ParkedPlace {
  readonly rows: IndexRows;
  readonly row: number;
  readonly bytes: number;
}

/** Index rows that `locate` looks at in one go. */
const locatedTogether = 64;
const noRows: IndexRows = { rowCount: 0, values: new Float64Array(0) };

type Change = readonly ['parked' | 'settled', Waiting];

/**
 * Messages that wait before they go to their topic: delayed ones, and the halves of transactions.
 * They are entries of a hidden topic of one queue (parked-entries.ts), so they are as durable as
 * any other, and what waits is what was parked and is not settled.
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
  readonly #logger: Logger;
  readonly #listeners: ParkedListener[] = [];
  #applied = 0;

  constructor(
    store: Store,
    topics: Topics,
    format: MessageFormat,
    duplicates: Duplicates,
    logger: Logger,
  ) {
    this.#logger = logger;
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
        next = endOffset(rows, row);
        changes.push(...(await this.#changesAt(rows, row)));
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
    const offsets = settled.map(({ offset }) => offset);
    const { topicId } = this.#topics.internal(parkedTopic)!;
    const { baseOffset } = await this.#store.append({
      topicId,
      queueId: 0,
      kind: entryKinds.settled,
      count: offsets.length,
      body: settledBody(offsets, outcome),
      firstIdHash: 0,
      tagHash: tagNone,
    });
    this.#apply(
      settled.map((waiting) => ['settled', waiting]),
      baseOffset + offsets.length,
    );
  }

  /**
   * The parked entry; `place` is where it is, if `locate` said so. Throws NOT_FOUND for an offset
   * that has none.
   */
  async read(offset: number, place?: ParkedPlace): Promise<Entry> {
    const { rows, row } = place ?? (await this.#rowsFrom(offset, 1));
    const entry = row < rows.rowCount ? await readRow(this.#store, rows, row) : undefined;
    if (entry?.kind === entryKinds.parked && entry.baseOffset === offset) return entry;
    throw new MillraceError('NOT_FOUND', `no message waits at ${offset}`);
  }

  /**
   * Where parked entries are, with few looks into the index for many that were parked one after the
   * other; without those that are gone.
   */
  async locate(offsets: readonly number[]): Promise<ReadonlyMap<number, ParkedPlace>> {
    const places = new Map<number, ParkedPlace>();
    const sorted = offsets.toSorted((a, b) => a - b);
    for (let i = 0; i < sorted.length; ) {
      const { rows } = await this.#rowsFrom(sorted[i]!, locatedTogether);
      if (rows.rowCount === 0) break;
      for (let row = 0; row < rows.rowCount; row++) {
        const at = row * indexRowWidth;
        const bytes = rows.values[at + col.length]!;
        for (const end = endOffset(rows, row); i < sorted.length && sorted[i]! < end; i++) {
          const isHere = sorted[i] === rows.values[at + col.baseOffset];
          if (isHere) places.set(sorted[i]!, { rows, row, bytes });
        }
      }
    }
    return places;
  }

  async #rowsFrom(offset: number, max: number) {
    const topic = this.#topics.internal(parkedTopic);
    const rows = topic && (await this.#store.indexRows(topic.topicId, 0, offset, max));
    return { rows: rows ?? noRows, row: 0 };
  }

  messageOf(entry: Entry): ParkedMessage {
    return this.#format.parked(entry);
  }

  async #create() {
    await this.#topics.create(parkedTopic, { queues: 1, ifNotExists: true });
    return this.#topics.internal(parkedTopic)!;
  }

  /** An entry that is damaged is lost, and the others are not: the start goes on without it. */
  async #changesAt(rows: IndexRows, row: number): Promise<Change[]> {
    try {
      const entry = await readRow(this.#store, rows, row);
      return entry === undefined ? [] : await this.#changesOf(entry);
    } catch (error) {
      if (!isLost(error)) throw error;
      this.#logger.log('error', 'a parked entry is lost: it cannot be read', { error });
      return [];
    }
  }

  async #changesOf(entry: Entry): Promise<Change[]> {
    if (entry.kind === entryKinds.parked) {
      return [['parked', { offset: entry.baseOffset, message: this.#format.parked(entry) }]];
    }
    const changes: Change[] = [];
    for (const offset of settledOffsets(entry)) {
      const message = await this.#messageAt(offset);
      if (message !== undefined) changes.push(['settled', { offset, message }]);
    }
    return changes;
  }

  /**
   * `undefined` when compaction took its entry away: nothing of it is in the index either. So when
   * it is lost: what waits for it finds that out for itself.
   */
  async #messageAt(offset: number): Promise<ParkedMessage | undefined> {
    try {
      return this.#format.parked(await this.read(offset));
    } catch (error) {
      if (isLost(error)) return undefined;
      throw error;
    }
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

export const parkedTopic = '%SYS%parked';
const nextKey = 'parked/next';
