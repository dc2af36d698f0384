import { createHash } from 'node:crypto';
import type { Batch } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import { type Entry, entryKinds } from '../../storage/store.ts';
import { bytesField, nextAt, skip, textField, varint, varintField } from './protobuf.ts';
import { encodeRows } from './row-block.ts';

/**
 * Entries that a sink writes. Each says which step it is of, so that a restart knows what is
 * written already (DESIGN section 7, Exactly once into topics):
 *
 * - into a topic: a `messages` entry whose first message has the user property `__sink`, the
 *   origin as JSON;
 * - into a table: a `rows` entry with, behind its columns, the origin as JSON, the JSON's length
 *   in 4 bytes, little-endian, and the 4 bytes "sink".
 */
export interface Origin {
  readonly sink: number;
  /** The sink's inputs before and after the step. */
  readonly before: Cut;
  readonly after: Cut;
  /** Number of the part of the step's output, from 0, and whether it is the last one. */
  readonly part: number;
  readonly isLast: boolean;
}

/** Next offset of each queue, by topic. */
export type Cut = readonly (readonly [topicId: number, offsets: readonly number[]])[];

const property = '__sink';
const magic = new TextEncoder().encode('sink');

export function tableEntry(rows: Batch, origin: Origin): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(origin));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return Buffer.concat([encodeRows(rows), text, length, magic]);
}

export interface TopicEntry {
  readonly body: Uint8Array;
  readonly count: number;
  /** Of the first message. */
  readonly messageId: string;
}

/**
 * The rows, of weight 1 or -1, as messages. `changelog`: with a member `op`, `+` or `-`, before the
 * row's own.
 */
export function topicEntry(
  rows: Batch,
  fields: readonly Field[],
  format: 'json' | 'changelog',
  topic: string,
  origin: Origin,
): TopicEntry {
  const messages: Uint8Array[] = [];
  const name = bytesField(1, textField(2, topic));
  const seed = JSON.stringify([origin.sink, origin.before, origin.part]);
  let messageId = '';
  for (let row = 0; row < rows.rowCount; row++) {
    const weight = rows.weights[row]!;
    const body = textField(4, json(rows, row, fields, format === 'changelog' ? weight : 0));
    const id = `01${md5(`${seed}/${row}`).toUpperCase()}`;
    const system = bytesField(3, textField(3, id), varintField(5, 1), varintField(6, 1));
    const mark = row === 0 ? [originField(origin)] : [];
    if (row === 0) messageId = id;
    messages.push(bytesField(1, name, ...mark, system, body));
  }
  return { body: Buffer.concat(messages), count: messages.length, messageId };
}

function originField(origin: Origin): Uint8Array {
  return bytesField(2, textField(1, property), textField(2, JSON.stringify(origin)));
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** One row as a JSON object; a weight other than 0 becomes its `op`. */
function json(rows: Batch, row: number, fields: readonly Field[], weight: number): string {
  const members = fields.map(({ name, type }, column) => {
    return `${JSON.stringify(name)}:${jsonValue(type, valueAt(rows.columns[column]!, row))}`;
  });
  if (weight !== 0) members.unshift(`"op":"${weight > 0 ? '+' : '-'}"`);
  return `{${members.join(',')}}`;
}

/** Numbers keep all their digits; what JSON has no form for is a string as PostgreSQL prints it. */
function jsonValue(type: SqlType, value: SqlValue): string {
  if (value === null) return 'null';
  const text = toText(type, value);
  switch (type.kind) {
    case 'boolean':
      return text === 't' ? 'true' : 'false';
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'real':
    case 'double':
      return /^-?\d/.test(text) ? text : JSON.stringify(text);
    case 'jsonb':
      return text;
    default:
      return JSON.stringify(text);
  }
}

/** The origin of an entry; `undefined` when no sink wrote it. */
export function originOf({ kind, body }: Entry): Origin | undefined {
  const text = kind === entryKinds.rows ? trailer(body) : propertyOf(body);
  return text === undefined ? undefined : (JSON.parse(text) as Origin);
}

function trailer(body: Uint8Array): string | undefined {
  const end = body.length - 8;
  if (end < 0 || magic.some((byte, index) => body[end + 4 + index] !== byte)) return undefined;
  const length = new DataView(body.buffer, body.byteOffset + end, 4).getUint32(0, true);
  return length > end ? undefined : utf8(body, end - length, end);
}

/** The property of the first message. */
function propertyOf(body: Uint8Array): string | undefined {
  let found: string | undefined;
  eachBytesField(body, 0, body.length, (number, start, end) => {
    if (number !== 1) return false;
    eachBytesField(body, start, end, (inner, from, to) => {
      if (inner === 2) found ??= valueIfOurs(body, from, to);
      return found === undefined;
    });
    return false;
  });
  return found;
}

function valueIfOurs(body: Uint8Array, from: number, to: number): string | undefined {
  let key = '';
  let value = '';
  eachBytesField(body, from, to, (number, start, end) => {
    if (number === 1) key = utf8(body, start, end);
    else if (number === 2) value = utf8(body, start, end);
    return true;
  });
  return key === property ? value : undefined;
}

/** Calls `visit` with each length-delimited field until it says false. */
function eachBytesField(
  body: Uint8Array,
  from: number,
  to: number,
  visit: (number: number, start: number, end: number) => boolean,
): void {
  for (let at = from; at < to; ) {
    const tag = varint(body, at, to);
    const value = nextAt;
    const end = skip(body, value, to, tag);
    if ((tag & 7) === 2) {
      varint(body, value, to);
      if (!visit(tag >> 3, nextAt, end)) return;
    }
    at = end;
  }
}

function utf8(body: Uint8Array, start: number, end: number): string {
  return new TextDecoder().decode(body.subarray(start, end));
}
