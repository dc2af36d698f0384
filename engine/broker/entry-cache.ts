import { limits } from '../../platform/limits.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Entry, Store } from '../../storage/store.ts';
import { readRow } from './pop-queue.ts';

/**
 * The batches read last: one of a thousand messages that go out 32 at a time is read, checked and
 * taken apart once. Bounded by bytes; the one used longest ago goes first.
 */
export class EntryCache {
  readonly #store: Store;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** As `Store.readEntry` for a row; what retention took away meanwhile may be there still. */
  async read(rows: IndexRows, row: number): Promise<Entry | undefined> {
    const at = row * indexRowWidth;
    const count = rows.values[at + col.count]!;
    if (count <= limits.receiveBatchMax) return readRow(this.#store, rows, row);
    const key = `${rows.values[at + col.partition]!}/${rows.values[at + col.position]!}`;
    const entry = this.#entries.get(key) ?? (await readRow(this.#store, rows, row));
    if (entry !== undefined) this.#keep(key, entry);
    return entry;
  }

  #keep(key: string, entry: Entry): void {
    if (this.#entries.delete(key)) this.#bytes -= heldBytes(entry);
    this.#entries.set(key, entry);
    this.#bytes += heldBytes(entry);
    for (const [oldest, held] of this.#entries) {
      if (this.#bytes <= limits.batchCacheBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= heldBytes(held);
    }
  }
}

/**
 * The bytes that were read, those bytes unpacked once more, and for each message what was found in
 * it (about 500 bytes of objects and texts): whoever uses an entry keeps them with it.
 */
function heldBytes({ length, count }: Entry): number {
  return 2 * length + 512 * count;
}
