import { limits } from '../../platform/limits.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { entryKinds, type Store, systemTopicId, tagNone } from '../../storage/store.ts';
import { CatalogueHistory } from './catalogue-history.ts';
import {
  type CatalogueRecord,
  decodeRecord,
  encodeRecord,
  type RecordsTrimmed,
  trimmedOffset,
  trimmedPlace,
} from './catalogue-record.ts';

type Listener = (record: CatalogueRecord, offset: number) => void;

/**
 * The system topic: an ordered, durable list of catalogue records. Listeners see each record once,
 * in order, after it is durable; `open` replays all earlier ones to those registered before it,
 * except those that say nothing any more (`trim`).
 *
 * Changes are made one at a time through `change`: the decision function sees every earlier change
 * applied, so two concurrent CREATEs of one name cannot both succeed.
 */
export class SystemTopic {
  readonly #store: Store;
  readonly #listeners: Listener[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #nextTopicId = 1;
  #nextRelationId = 1;
  readonly #trimMin: number;
  readonly #history = new CatalogueHistory();
  #hasTrimmed = false;

  constructor(store: Store, trimMin: number = limits.catalogueTrimMin) {
    this.#store = store;
    this.#trimMin = trimMin;
  }

  subscribe(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Free ids, never used before; exact inside `change`'s decision function. */
  get nextTopicId(): number {
    return this.#nextTopicId;
  }

  get nextRelationId(): number {
    return this.#nextRelationId;
  }

  /** Records were trimmed that compaction may not have taken out yet. */
  get hasTrimmed(): boolean {
    return this.#hasTrimmed;
  }

  /** Replays what is durable. Call once, after the listeners are registered. Throws CORRUPTION. */
  async open(): Promise<void> {
    const records: { readonly record: CatalogueRecord; readonly offset: number }[] = [];
    const trimmed = new Set<number>();
    let next = (await this.#store.range(systemTopicId, 0)).minOffset;
    for (;;) {
      const rows = await this.#store.indexRows(systemTopicId, 0, next, 256);
      if (rows.rowCount === 0) break;
      for (let row = 0; row < rows.rowCount; row++) {
        const at = row * indexRowWidth;
        const entry = await this.#store.readEntry(
          rows.values[at + col.partition]!,
          rows.values[at + col.position]!,
          rows.values[at + col.length]!,
        );
        next = rows.values[at + col.baseOffset]! + rows.values[at + col.count]!;
        if (entry === undefined) continue;
        const record = decodeRecord(entry.body, entry.baseOffset);
        if (record.op !== 'records-trimmed') records.push({ record, offset: entry.baseOffset });
        else {
          for (const place of record.places) {
            const offset = trimmedOffset(place);
            if (offset !== undefined) trimmed.add(offset);
          }
          this.#useIds(record.nextTopicId, record.nextRelationId);
        }
      }
    }
    this.#hasTrimmed = trimmed.size > 0;
    for (const { record, offset } of records) {
      if (!trimmed.has(offset)) this.#announce(record, offset);
    }
  }

  /**
   * Runs `decide` when every earlier change is applied; appends the record it returns, announces
   * it once durable, and gives it back. `decide` may throw to refuse, or return `undefined` when
   * there is nothing to change.
   */
  change<R extends CatalogueRecord>(decide: () => R | undefined): Promise<R | undefined> {
    const run = async (): Promise<R | undefined> => {
      const record = decide();
      if (record === undefined) return undefined;
      const offset = await this.#append(record, 1);
      this.#announce(record, offset);
      return record;
    };
    return this.#inTurn(run);
  }

  /** Nothing is left in the log of a topic that was dropped, nor will be. */
  topicGone(topicId: number): void {
    this.#history.topicGone(topicId);
  }

  /**
   * Notes which records say nothing any more, once they are many, and as many as the others: what
   * starts replay is then at most about twice the catalogue. Throws as Store.append.
   */
  async trim(): Promise<void> {
    const history = this.#history;
    const isWorth = () => history.redundant >= Math.max(this.#trimMin, history.live);
    while (isWorth()) {
      await this.#inTurn(async () => {
        const offsets = history.lowest(limits.entryMessagesMax);
        const places = offsets.map(trimmedPlace);
        const ids = { nextTopicId: this.#nextTopicId, nextRelationId: this.#nextRelationId };
        await this.#append({ op: 'records-trimmed', places, ...ids }, places.length);
        history.trimmed(offsets.length);
        this.#hasTrimmed = true;
      });
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run, run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Returns its offset, once it is durable. */
  async #append(record: CatalogueRecord | RecordsTrimmed, count: number): Promise<number> {
    const { baseOffset } = await this.#store.append({
      topicId: systemTopicId,
      queueId: 0,
      kind: entryKinds.catalogue,
      count,
      body: encodeRecord(record),
      firstIdHash: 0,
      tagHash: tagNone,
    });
    return baseOffset;
  }

  #useIds(nextTopicId: number, nextRelationId: number): void {
    this.#nextTopicId = Math.max(this.#nextTopicId, nextTopicId);
    this.#nextRelationId = Math.max(this.#nextRelationId, nextRelationId);
  }

  #announce(record: CatalogueRecord, offset: number): void {
    const topicId = 'topicId' in record ? (record.topicId ?? 0) : 0;
    this.#useIds(topicId + 1, record.op === 'relation-created' ? record.relationId + 1 : 1);
    this.#history.add(record, offset);
    for (const listener of this.#listeners) listener(record, offset);
  }
}
