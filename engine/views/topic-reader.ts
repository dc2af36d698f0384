import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import { type Entry, entryKinds } from '../../storage/store.ts';
import { JsonDecoder, type UndecodableMessage } from '../formats/json-decoder.ts';
import { type MessageBlock, messageBlock } from '../formats/message-block.ts';
import { decodeRows } from '../formats/row-block.ts';

export interface Decoded {
  readonly batch: Batch;
  readonly block: MessageBlock;
  readonly undecodable: readonly UndecodableMessage[];
}

/** Entries of a topic of JSON messages as rows of a relation. */
export class MessageReader {
  readonly #decoder: JsonDecoder;

  constructor(fields: readonly Field[]) {
    this.#decoder = new JsonDecoder(fields);
  }

  read(entries: readonly Entry[]): Decoded {
    const block = messageBlock(entries.filter(({ kind }) => kind === entryKinds.messages));
    const { starts, lengths, count, buffer } = block;
    const { batch, undecodable } = this.#decoder.decode(buffer, starts, lengths, count);
    return { batch, block, undecodable };
  }
}

/** Rows that DML wrote to a table's own topic, one batch per statement. */
export function readRows(
  entries: readonly Entry[],
  fields: readonly Field[],
): { readonly batch: Batch; readonly baseOffset: number }[] {
  return entries
    .filter(({ kind }) => kind === entryKinds.rows)
    .map(({ body, baseOffset }) => ({ batch: decodeRows(body, fields), baseOffset }));
}
