import { MillraceError } from '../../platform/errors.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Entry, entryKinds, type Store, systemTopicId, tagNone } from '../../storage/store.ts';
import type { CatalogueRecord } from './catalogue-record.ts';

type Listener = (record: CatalogueRecord, offset: number) => void;

/**
 * The system topic: an ordered, durable list of catalogue records. Listeners see each record once,
 * in order, after it is durable; `open` replays all earlier ones to those registered before it.
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

  constructor(store: Store) {
    this.#store = store;
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

  /** Replays everything that is durable. Call once, after the listeners are registered. */
  async open(): Promise<void> {
    let next = (await this.#store.range(systemTopicId, 0)).minOffset;
    for (;;) {
      const rows = await this.#store.indexRows(systemTopicId, 0, next, 256);
      if (rows.rowCount === 0) return;
      for (let row = 0; row < rows.rowCount; row++) {
        const at = row * indexRowWidth;
        const entry = await this.#store.readEntry(
          rows.values[at + col.partition]!,
          rows.values[at + col.position]!,
          rows.values[at + col.length]!,
        );
        next = rows.values[at + col.baseOffset]! + rows.values[at + col.count]!;
        if (entry !== undefined) this.#announce(decodeCatalogueRecord(entry), entry.baseOffset);
      }
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
      const body = new TextEncoder().encode(JSON.stringify(record));
      const { baseOffset } = await this.#store.append({
        topicId: systemTopicId,
        queueId: 0,
        kind: entryKinds.catalogue,
        count: 1,
        body,
        firstIdHash: 0,
        tagHash: tagNone,
      });
      this.#announce(record, baseOffset);
      return record;
    };
    const result = this.#tail.then(run, run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  #announce(record: CatalogueRecord, offset: number): void {
    if ('topicId' in record && record.topicId !== undefined) {
      this.#nextTopicId = Math.max(this.#nextTopicId, record.topicId + 1);
    }
    if (record.op === 'relation-created') {
      this.#nextRelationId = Math.max(this.#nextRelationId, record.relationId + 1);
    }
    for (const listener of this.#listeners) listener(record, offset);
  }
}

function decodeCatalogueRecord(entry: Entry): CatalogueRecord {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(entry.body));
  } catch (cause) {
    throw new MillraceError(
      'CORRUPTION',
      `the system topic's entry at offset ${entry.baseOffset} is not a catalogue record`,
      { cause },
    );
  }
}
