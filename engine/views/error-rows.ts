import { limits } from '../../platform/limits.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import type { Field } from '../../sql/columns/types.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { consolidated } from '../dataflow/consolidate.ts';
import type { RowError } from '../dataflow/linear.ts';
import { noBatches } from '../dataflow/operator.ts';
import { RowTable } from '../dataflow/row-table.ts';
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

const droppedFields: readonly Field[] = [
  { name: 'dropped', type: { kind: 'bigint' }, nullable: false },
];

/**
 * What a relation could not read or compute, as rows: counted and kept, never just dropped. They
 * are a Z-set like any other: a row that failed and is taken back takes its error back.
 *
 * At most `max` rows are kept: those that came first. The others are a number. A view can fail on
 * more rows than it reads, so it has a bound; of what a topic holds, each message has one row at most.
 */
export class ErrorRows {
  readonly fields: readonly Field[];
  readonly #rows: Arrangement;
  /** One row with the number of those that are not kept, if there are any. */
  readonly #dropped = new RowTable(droppedFields);
  /** Of the step at hand; in what order they came is of no matter. */
  #added: Batch[] = [];
  #delta: readonly Batch[] = noBatches;

  readonly #max: number;

  constructor(fields: readonly Field[], max: number = limits.errorRowsMax) {
    this.fields = fields;
    this.#max = max;
    this.#rows = new Arrangement(fields);
  }

  /** Rows kept. */
  get count(): number {
    this.#settle();
    return this.#rows.rowCount;
  }

  /** Copies of rows that are not kept. */
  get dropped(): number {
    this.#settle();
    for (const { columns } of this.#dropped.snapshot()) return Number(valueAt(columns[0]!, 0));
    return 0;
  }

  /** Change of the rows that are kept in this step. */
  get delta(): readonly Batch[] {
    this.#settle();
    return this.#delta;
  }

  /** The step is over. */
  endStep(): void {
    this.#settle();
    this.#delta = noBatches;
  }

  add(batch: Batch): void {
    if (batch.rowCount > 0) this.#added.push(batch);
  }

  snapshot(): Iterable<Batch> {
    this.#settle();
    return this.#rows.snapshot();
  }

  stateTables(): readonly StateTable[] {
    this.#settle();
    return [...this.#rows.stateTables(), this.#dropped];
  }

  #settle(): void {
    if (this.#added.length === 0) return;
    const added = consolidated(this.fields, this.#added.splice(0));
    let dropped = 0;
    for (const batch of added) {
      const kept: number[] = [];
      const copies: number[] = [];
      for (let row = 0; row < batch.rowCount; row++) {
        const weight = batch.weights[row]!;
        const known = this.#rows.copies(batch, row);
        const isKept = known > 0 || (weight > 0 && this.#rows.rowCount + kept.length < this.#max);
        // Of one that goes, the copies that are kept go first.
        const part = !isKept ? 0 : Math.max(weight, -known);
        dropped += weight - part;
        if (part === 0) continue;
        kept.push(row);
        copies.push(part);
      }
      if (kept.length === 0) continue;
      const rows = gatherBatch(batch, Int32Array.from(kept), kept.length);
      const change = { ...rows, weights: Int32Array.from(copies) };
      this.#rows.apply(change);
      this.#delta = [...this.#delta, change];
    }
    if (dropped === 0) return;
    const total = this.dropped + dropped;
    this.#dropped.clear();
    if (total !== 0) this.#dropped.insert(batchOf(droppedFields, [[BigInt(total)]]), 0, 1);
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
