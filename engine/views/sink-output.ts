import type { Batch, Column } from '../../sql/columns/batch.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { type Origin, tableEntry, topicEntry } from '../formats/sink-entry.ts';
import type { AppendedEntry } from './protocol.ts';
import type { StoredLayout } from './stored-layout.ts';

export interface SinkTarget {
  readonly topicId: number;
  /** The topic's name and the messages' format; absent for a table. */
  readonly topic?: { readonly name: string; readonly format: 'json' | 'changelog' };
  /** The table's name; absent for a topic. */
  readonly table?: string;
  /** The table has a hidden key, which is NULL in what is written. */
  readonly hasHiddenKey?: boolean;
  /** How the table's rows lie in its topic. */
  readonly layout?: StoredLayout;
  /** Columns of the table that take no NULL. */
  readonly notNull?: readonly number[];
}

/** What one step gave for a sink. */
export interface SinkOutput {
  readonly origin: Omit<Origin, 'part' | 'isLast'>;
  /** Sorted by the whole row, rows that go before those that come; weights are copies. */
  readonly rows: Batch;
  /** Parts before this one are written. */
  readonly firstPart: number;
}

/**
 * Copies of rows of one part, and their bytes: no part that has more than one row comes near
 * limits.entryBytesMax, whatever JSON makes of its texts. Where parts end depends on the rows alone,
 * so a restart finds the same ones.
 */
const partRowsMax = 8192;
const partBytesMax = 1024 * 1024;
/** Of a cell that is not text, as text. */
const cellBytes = 48;

/** The entries of an output that are still to be written, each made when it is asked for. */
export function* entriesOf(
  output: SinkOutput,
  target: SinkTarget,
  fields: readonly Field[],
): Generator<AppendedEntry> {
  const nameBytes = fields.reduce((sum, { name }) => sum + 3 * name.length, 0);
  const { rows, firstPart } = output;
  let part = 0;
  let next = { row: 0, copy: 0 };
  while (next.row < rows.rowCount) {
    const numbers: number[] = [];
    let bytes = 0;
    while (next.row < rows.rowCount && numbers.length < partRowsMax) {
      bytes += nameBytes + rowBytes(rows.columns, next.row);
      if (numbers.length > 0 && bytes > partBytesMax) break;
      numbers.push(next.row);
      const isLastCopy = next.copy + 1 === Math.abs(rows.weights[next.row]!);
      next = isLastCopy ? { row: next.row + 1, copy: 0 } : { row: next.row, copy: next.copy + 1 };
    }
    if (part >= firstPart) {
      const copies = gatherBatch(rows, Int32Array.from(numbers), numbers.length);
      const single = { ...copies, weights: copies.weights.map(Math.sign) };
      const origin = { ...output.origin, part, isLast: next.row === rows.rowCount };
      yield entryOf(single, origin, target, fields);
    }
    part++;
  }
}

function rowBytes(columns: readonly Column[], row: number): number {
  let bytes = 0;
  for (const column of columns) {
    bytes += cellBytes + (column.layout === 'bytes' ? column.lengths[row]! : 0);
  }
  return bytes;
}

function entryOf(
  rows: Batch,
  origin: Origin,
  { topicId, topic, hasHiddenKey, layout }: SinkTarget,
  fields: readonly Field[],
): AppendedEntry {
  if (topic === undefined) {
    const whole = hasHiddenKey === true ? withHiddenKey(rows) : rows;
    return {
      topicId,
      kind: 'rows',
      count: rows.rowCount,
      body: tableEntry(layout!.stored(whole), origin),
    };
  }
  const { body, count, messageId } = topicEntry(rows, fields, topic.format, topic.name, origin);
  return { topicId, kind: 'messages', count, body, messageId };
}

/** NULL keys are given when the rows are applied. */
function withHiddenKey(rows: Batch): Batch {
  const key: Column = {
    layout: 'i64',
    type: { kind: 'bigint' },
    nulls: new Uint8Array(rows.rowCount).fill(1),
    words: new Int32Array(2 * rows.rowCount),
  };
  return { ...rows, columns: [...rows.columns, key] };
}
