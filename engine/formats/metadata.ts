import type { Column } from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import type { SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { MessageBlock } from './message-block.ts';
import { corrupt, nextAt, skip, varint } from './protobuf.ts';

/**
 * Columns that are not in a message's body but come with it (RocketMQ's v2 Message, reference
 * rocketmq-v2, 1.6): `user_properties` = 2, `system_properties` = 3 with tag = 1, keys = 2,
 * message_id = 3, born_timestamp = 7.
 */
const types = {
  topic: { kind: 'text' },
  queue: { kind: 'integer' },
  partition: { kind: 'integer' },
  offset: { kind: 'bigint' },
  /** The first of the message's keys. */
  key: { kind: 'text' },
  tag: { kind: 'text' },
  message_id: { kind: 'text' },
  /** The user properties as a JSON object. */
  headers: { kind: 'text' },
  /** When the server took the message in. */
  timestamp: { kind: 'timestamptz' },
  store_timestamp: { kind: 'timestamptz' },
  /** When the producer made it. */
  born_timestamp: { kind: 'timestamptz' },
} as const satisfies Record<string, SqlType>;

type Kind = keyof typeof types;

export const metadataKinds: readonly string[] = Object.keys(types);

export function metadataType(kind: string): SqlType | undefined {
  return Object.hasOwn(types, kind) ? types[kind as Kind] : undefined;
}

/** The kind's value for the given messages of a block. */
export function metadataColumn(
  kind: string,
  topic: string,
  block: MessageBlock,
  messages: Int32Array,
): Column {
  const builder = new ColumnBuilder(types[kind as Kind]);
  for (const message of messages) builder.push(cellOf(kind as Kind, topic, block, message));
  return builder.finish();
}

function cellOf(kind: Kind, topic: string, block: MessageBlock, message: number): SqlValue {
  switch (kind) {
    case 'topic':
      return topic;
    case 'queue':
    case 'partition':
      return block.queues[message]!;
    case 'offset':
      return BigInt(block.offsets[message]!);
    case 'timestamp':
    case 'store_timestamp':
      return BigInt(block.storeTimesMs[message]!) * 1000n;
    default:
      return propertiesOf(block, message)[kind];
  }
}

interface Properties {
  key: string | null;
  tag: string | null;
  message_id: string | null;
  headers: string;
  born_timestamp: bigint | null;
}

function propertiesOf(block: MessageBlock, message: number): Properties {
  const { buffer, messageStarts, messageEnds } = block;
  const headers: Record<string, string> = {};
  const found: Properties = {
    key: null,
    tag: null,
    message_id: null,
    headers: '',
    born_timestamp: null,
  };
  eachField(buffer, messageStarts[message]!, messageEnds[message]!, (tag, start, end) => {
    if (tag === 0x12) {
      const [name = '', value = ''] = textsOf(buffer, start, end);
      headers[name] = value;
    } else if (tag === 0x1a) {
      systemProperties(buffer, start, end, found);
    }
  });
  found.headers = JSON.stringify(headers);
  return found;
}

function systemProperties(buffer: Uint8Array, from: number, to: number, found: Properties): void {
  eachField(buffer, from, to, (tag, start, end) => {
    if (tag === 0x0a) found.tag = text(buffer, start, end);
    else if (tag === 0x12) found.key ??= text(buffer, start, end);
    else if (tag === 0x1a) found.message_id = text(buffer, start, end);
    else if (tag === 0x3a) found.born_timestamp = timestamp(buffer, start, end);
  });
}

/** A map entry: key = 1, value = 2. */
function textsOf(buffer: Uint8Array, from: number, to: number): string[] {
  const texts: string[] = ['', ''];
  eachField(buffer, from, to, (tag, start, end) => {
    if (tag === 0x0a) texts[0] = text(buffer, start, end);
    else if (tag === 0x12) texts[1] = text(buffer, start, end);
  });
  return texts;
}

/** google.protobuf.Timestamp: seconds = 1, nanos = 2; in microseconds. */
function timestamp(buffer: Uint8Array, from: number, to: number): bigint {
  let micros = 0n;
  eachField(buffer, from, to, (tag, start, end) => {
    if (tag === 0x08) micros += BigInt(varint(buffer, start, end)) * 1_000_000n;
    else if (tag === 0x10) micros += BigInt(Math.trunc(varint(buffer, start, end) / 1000));
  });
  return micros;
}

/** Calls `visit` with each field's tag and where its value lies. */
function eachField(
  buffer: Uint8Array,
  from: number,
  to: number,
  visit: (tag: number, start: number, end: number) => void,
): void {
  for (let at = from; at < to; ) {
    const tag = varint(buffer, at, to);
    const start = nextAt;
    const end = skip(buffer, start, to, tag);
    if (end <= start) throw corrupt();
    if ((tag & 7) === 2) {
      varint(buffer, start, to);
      visit(tag, nextAt, end);
    } else {
      visit(tag, start, end);
    }
    at = end;
  }
}

/** Not UTF-8 becomes U+FFFD: properties are checked only in part when they are accepted. */
function text(buffer: Uint8Array, start: number, end: number): string {
  return new TextDecoder().decode(buffer.subarray(start, end)).replaceAll('\0', '\uFFFD');
}
