import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { type Entry, entryKinds, holdsMessages } from '../../storage/store.ts';
import { JsonDecoder, type UndecodableMessage } from '../formats/json-decoder.ts';
import { type MessageBlock, messageBlock } from '../formats/message-block.ts';
import type { StoredLayout } from './stored-layout.ts';
import { withTombstones } from './tombstones.ts';
import { TopicRows } from './topic-rows.ts';

export interface Decoded {
  readonly batch: Batch;
  readonly block: MessageBlock;
  readonly undecodable: readonly UndecodableMessage[];
}

/** Entries of a topic of JSON messages as rows of a relation. */
export class MessageReader {
  readonly #decoder: JsonDecoder;
  readonly #rows: TopicRows;
  readonly #relation: Relation;

  constructor(relation: Relation, sql: string, topic: string) {
    this.#relation = relation;
    this.#rows = new TopicRows(relation, sql, topic);
    this.#decoder = new JsonDecoder(this.#rows.bodyColumns);
  }

  read(entries: readonly Entry[]): Decoded {
    const messages = entries.filter(({ kind }) => holdsMessages(kind));
    const block = messageBlock(messages, this.#rows.readsMetadata);
    const { starts, lengths, count, buffer } = block;
    const { batch, undecodable } = this.#decoder.decode(buffer, starts, lengths, count);
    const decoded = { block, ...this.#rows.complete(batch, block, undecodable) };
    return withTombstones(decoded, this.#relation);
  }
}

/** Rows that DML wrote to a table's own topic, one batch per statement. */
export function readRows(
  entries: readonly Entry[],
  layout: StoredLayout,
): { readonly batch: Batch; readonly baseOffset: number }[] {
  return entries
    .filter(({ kind }) => kind === entryKinds.rows)
    .map(({ body, baseOffset }) => ({ batch: layout.decode(body), baseOffset }));
}
