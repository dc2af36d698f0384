import { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { fromText } from '../../sql/columns/text.ts';
import type { SqlValue } from '../../sql/columns/types.ts';
import type { UndecodableMessage } from '../formats/json-decoder.ts';
import { metadataColumn } from '../formats/metadata.ts';
import type { Decoded } from './topic-reader.ts';
import { decodedMessages } from './topic-rows.ts';

/**
 * Messages that have a key and no body: only a compacted topic takes them, as the end of their key
 * (storage/compaction/compactor.ts). From a table whose primary key is one column they delete the
 * row whose key, as text, is the message's. So the table has the same rows whatever compaction has
 * taken away, as long as messages of equal keys are rows of equal keys. A source passes them over.
 */
export function withTombstones(decoded: Decoded, relation: Relation): Decoded {
  const { block, batch, undecodable } = decoded;
  const empty = undecodable.filter(({ index }) => block.lengths[index] === 0);
  if (empty.length === 0) return decoded;
  const indexes = Int32Array.from(empty.map(({ index }) => index));
  const keys = metadataColumn('key', '', block, indexes);
  const deleted: { readonly index: number; readonly key: SqlValue }[] = [];
  const left = new Map(undecodable.map((message) => [message.index, message]));
  for (const [i, { index }] of empty.entries()) {
    const text = valueAt(keys, i);
    if (typeof text !== 'string') continue;
    left.delete(index);
    if (relation.kind === 'source' || relation.primaryKey.length === 0) continue;
    try {
      deleted.push({ index, key: keyOf(relation, text) });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      left.set(index, { index, reason: error.message });
    }
  }
  const rest: readonly UndecodableMessage[] = [...left.values()];
  if (deleted.length === 0) return { block, batch, undecodable: rest };
  const [column] = relation.primaryKey;
  const rows = deleted.map(({ key }) =>
    relation.columns.map((_, number) => (number === column ? key : null)),
  );
  const deletes = batchOf(relation.columns, rows);
  const all = concatenated([batch, { ...deletes, weights: deletes.weights.fill(-1) }]);
  const messages = [
    ...decodedMessages(block.count, undecodable),
    ...deleted.map(({ index }) => index),
  ];
  const order = messages.map((_, row) => row).sort((a, b) => messages[a]! - messages[b]!);
  return {
    block,
    batch: gatherBatch(all, Int32Array.from(order), order.length),
    undecodable: rest,
  };
}

/** The value of the primary key that a message's key stands for. Throws when it is none. */
function keyOf({ primaryKey, columns }: Relation, text: string): SqlValue {
  if (primaryKey.length === 1) return fromText(columns[primaryKey[0]!]!.type, text);
  const message =
    'a message without a body deletes no row of a table whose key has several columns';
  throw new MillraceError('INVALID_ARGUMENT', message);
}
