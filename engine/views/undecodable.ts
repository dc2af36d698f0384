import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import type { Field } from '../../sql/columns/types.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import type { StateTable } from '../dataflow/table.ts';
import type { UndecodableMessage } from '../formats/json-decoder.ts';
import type { MessageBlock } from '../formats/message-block.ts';

/** Bytes of a body kept beside its reason; the whole message stays readable in its topic. */
const bodyPreviewBytes = 1024;

export const undecodableFields: readonly Field[] = [
  { name: 'queue', type: { kind: 'integer' }, nullable: false },
  { name: 'offset', type: { kind: 'bigint' }, nullable: false },
  { name: 'reason', type: { kind: 'text' }, nullable: false },
  { name: 'body', type: { kind: 'text' }, nullable: false },
];

/** Name of the relation that shows what `name` could not read. */
export function undecodableName(name: string): string {
  return `${name}$errors`;
}

/** Messages of a topic that are not rows of a relation: counted and kept, never just dropped. */
export class Undecodable {
  readonly #rows = new Arrangement(undecodableFields);

  get count(): number {
    return this.#rows.rowCount;
  }

  add(block: MessageBlock, messages: readonly UndecodableMessage[]): void {
    if (messages.length === 0) return;
    const rows = messages.map(({ index, reason }) => [
      block.queues[index]!,
      BigInt(block.offsets[index]!),
      reason,
      preview(block, index),
    ]);
    this.#rows.apply(batchOf(undecodableFields, rows));
  }

  snapshot(): Iterable<Batch> {
    return this.#rows.snapshot();
  }

  stateTables(): readonly StateTable[] {
    return this.#rows.stateTables();
  }
}

/** Not UTF-8 becomes U+FFFD: this is for eyes; the topic has the bytes. */
function preview(block: MessageBlock, index: number): string {
  const start = block.starts[index]!;
  const end = start + Math.min(block.lengths[index]!, bodyPreviewBytes);
  return new TextDecoder().decode(block.buffer.subarray(start, end)).replaceAll('\0', '\uFFFD');
}

/** The relation as the catalogue lists it; `id` is negative, so that it never meets a real one. */
export function undecodableRelation(owner: Relation): Relation {
  return {
    id: -owner.id,
    name: undecodableName(owner.name),
    kind: 'system',
    columns: undecodableFields,
    primaryKey: [],
    appendOnly: true,
    writable: false,
  };
}
