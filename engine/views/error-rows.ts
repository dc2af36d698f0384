import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { toText } from '../../sql/columns/text.ts';
import type { Field } from '../../sql/columns/types.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import type { RowError } from '../dataflow/linear.ts';
import { noBatches } from '../dataflow/operator.ts';
import type { StateTable } from '../dataflow/table.ts';
import type { UndecodableMessage } from '../formats/json-decoder.ts';
import type { MessageBlock } from '../formats/message-block.ts';

/** Bytes of a body, characters of a row, kept beside the reason. */
const previewMax = 1024;

export const undecodableFields: readonly Field[] = [
  { name: 'queue', type: { kind: 'integer' }, nullable: false },
  { name: 'offset', type: { kind: 'bigint' }, nullable: false },
  { name: 'reason', type: { kind: 'text' }, nullable: false },
  { name: 'body', type: { kind: 'text' }, nullable: false },
];

export const failedRowFields: readonly Field[] = [
  { name: 'sqlstate', type: { kind: 'text' }, nullable: false },
  { name: 'reason', type: { kind: 'text' }, nullable: false },
  { name: 'row', type: { kind: 'text' }, nullable: false },
];

/** Name of the relation that shows what relation `name` could not read or compute. */
export function errorsName(name: string): string {
  return `${name}$errors`;
}

/**
 * What a relation could not read or compute, as rows: counted and kept, never just dropped. They
 * are a Z-set like any other: a row that failed and is taken back takes its error back.
 */
export class ErrorRows {
  readonly fields: readonly Field[];
  /** Change in this step. */
  delta: readonly Batch[] = noBatches;
  readonly #rows: Arrangement;

  constructor(fields: readonly Field[]) {
    this.fields = fields;
    this.#rows = new Arrangement(fields);
  }

  get count(): number {
    return this.#rows.rowCount;
  }

  add(batch: Batch): void {
    if (batch.rowCount === 0) return;
    this.#rows.apply(batch);
    this.delta = [...this.delta, batch];
  }

  snapshot(): Iterable<Batch> {
    return this.#rows.snapshot();
  }

  stateTables(): readonly StateTable[] {
    return this.#rows.stateTables();
  }
}

/** Messages that are not rows of the relation. */
export function undecodableRows(
  block: MessageBlock,
  messages: readonly UndecodableMessage[],
): Batch {
  const rows = messages.map(({ index, reason }) => [
    block.queues[index]!,
    BigInt(block.offsets[index]!),
    reason,
    preview(block, index),
  ]);
  return batchOf(undecodableFields, rows);
}

/** Rows on which a view's expression failed; `row` is `column=value, ...`. */
export function failedRows(errors: readonly RowError[]): Batch {
  const rows = errors.map(({ error, row }) => {
    const cells = row.map(
      ({ name, type, value }) => `${name}=${value === null ? 'NULL' : toText(type, value)}`,
    );
    return [error.sqlState ?? '', error.message, cells.join(', ').slice(0, previewMax)];
  });
  return { ...batchOf(failedRowFields, rows), weights: Int32Array.from(errors, (e) => e.weight) };
}

/** Not UTF-8 becomes U+FFFD: this is for eyes; the topic has the bytes. */
function preview(block: MessageBlock, index: number): string {
  const start = block.starts[index]!;
  const end = start + Math.min(block.lengths[index]!, previewMax);
  return new TextDecoder().decode(block.buffer.subarray(start, end)).replaceAll('\0', '\uFFFD');
}

/** The relation as the catalogue lists it; `id` is negative, so that it never meets a real one. */
export function errorsRelation(owner: Relation, { fields }: ErrorRows): Relation {
  return {
    id: -owner.id,
    name: errorsName(owner.name),
    kind: 'system',
    columns: fields,
    primaryKey: [],
    appendOnly: fields === undecodableFields,
    writable: false,
  };
}
