import { partOfHandle } from '../../engine/broker/receipt-handle.ts';
import { PackedReader, packedEncoding, recordId } from '../../engine/formats/packed-records.ts';
import { type Duration, decode, millisOf } from '../rocketmq/codec.ts';
import { WireReader } from '../rocketmq/wire.ts';
import type { Delivery, ReceivedMessage } from './message.ts';

interface System {
  readonly tag?: string;
  readonly keys?: readonly string[];
  readonly message_id?: string;
  readonly body_encoding?: string | number;
  readonly message_group?: string;
  readonly lite_topic?: string;
  readonly born_timestamp?: Duration;
  readonly store_timestamp?: Duration;
  readonly receipt_handle?: string;
  readonly queue_id?: number;
  readonly queue_offset?: number;
  readonly delivery_attempt?: number;
}

/** One `apache.rocketmq.v2.Message`: a message, or a batch of them. Bodies are not copied. */
export function deliveryOf(bytes: Buffer): Delivery {
  const reader = new WireReader(bytes);
  let topic = '';
  let system: System = {};
  let body = bytes.subarray(0, 0);
  const properties: Property[] = [];
  while (reader.next()) {
    const value = bytes.subarray(reader.start, reader.stop);
    if (reader.is(1)) topic = decode<{ name?: string }>('Resource', value).name ?? '';
    else if (reader.is(2)) properties.push(propertyOf(value));
    else if (reader.is(3)) system = decode<System>('SystemProperties', value);
    else if (reader.is(4)) body = value;
  }
  if (system.body_encoding === packedEncoding) {
    return { messages: unpacked(topic, system, body), handle: system.receipt_handle ?? '' };
  }
  const single: ReceivedMessage = {
    topic,
    messageId: system.message_id ?? '',
    body,
    tag: system.tag,
    keys: system.keys ?? [],
    properties: Object.fromEntries(properties),
    messageGroup: system.message_group,
    liteTopic: system.lite_topic,
    queue: system.queue_id ?? 0,
    offset: system.queue_offset ?? 0,
    attempt: system.delivery_attempt ?? 0,
    bornTimeMs: millisOf(system.born_timestamp) ?? 0,
    storeTimeMs: millisOf(system.store_timestamp) ?? 0,
    receiptHandle: system.receipt_handle ?? '',
  };
  return { messages: [single], handle: undefined };
}

/** The receipt handle of a message of which the rest may be anything; '' if it has none. */
export function handleOf(bytes: Buffer): string {
  let handle = '';
  try {
    const message = new WireReader(bytes);
    while (message.next()) {
      if (!message.is(3)) continue;
      const system = new WireReader(bytes, message.start, message.stop);
      while (system.next()) if (system.is(12)) handle = system.text();
    }
  } catch {
    // What was found before it counts.
  }
  return handle;
}

type Property = readonly [name: string, value: string];

/** A map entry: key = 1, value = 2. */
function propertyOf(bytes: Buffer): Property {
  const reader = new WireReader(bytes);
  let name = '';
  let value = '';
  while (reader.next()) {
    if (reader.is(1)) name = reader.text();
    else if (reader.is(2)) value = reader.text();
  }
  return [name, value];
}

/** What the messages of a batch share. */
interface Batch {
  readonly topic: string;
  readonly id: string;
  readonly bytes: Buffer;
  readonly messageGroup: string | undefined;
  readonly queue: number;
  readonly offset: number;
  readonly attempt: number;
  readonly bornTimeMs: number;
  readonly storeTimeMs: number;
  readonly handle: string;
}

/** Those that compaction took out are left out. */
function unpacked(topic: string, system: System, bytes: Buffer): ReceivedMessage[] {
  const batch: Batch = {
    topic,
    id: system.message_id ?? '',
    bytes,
    messageGroup: system.message_group,
    queue: system.queue_id ?? 0,
    offset: system.queue_offset ?? 0,
    attempt: system.delivery_attempt ?? 0,
    bornTimeMs: millisOf(system.born_timestamp) ?? 0,
    storeTimeMs: millisOf(system.store_timestamp) ?? 0,
    handle: system.receipt_handle ?? '',
  };
  const records = new PackedReader(bytes);
  const messages: ReceivedMessage[] = [];
  for (let place = 0; records.next(); place++) {
    if (records.bodyEnd > records.bodyStart) messages.push(new BatchMessage(batch, records, place));
  }
  return messages;
}

/**
 * A message of a batch: what is asked for is taken out of the batch's bytes. There are a million of
 * them a second, so each has little that is its own.
 */
class BatchMessage implements ReceivedMessage {
  readonly #batch: Batch;
  readonly #place: number;
  readonly #number: number;
  /** Where the lengths and fields of its record begin, behind the number. */
  readonly #start: number;

  constructor(batch: Batch, record: PackedReader, place: number) {
    this.#batch = batch;
    this.#place = place;
    this.#number = record.number;
    this.#start = record.systemHead;
  }

  get body(): Uint8Array {
    return this.#field(2);
  }

  get topic(): string {
    return this.#batch.topic;
  }

  get messageId(): string {
    return recordId(this.#batch.id, this.#number);
  }

  get tag(): string | undefined {
    return this.#system.tag;
  }

  get keys(): readonly string[] {
    return this.#system.keys ?? [];
  }

  get properties(): Readonly<Record<string, string>> {
    const bytes = this.#field(1);
    const fields = new WireReader(bytes);
    const properties: Property[] = [];
    while (fields.next()) properties.push(propertyOf(bytes.subarray(fields.start, fields.stop)));
    return Object.fromEntries(properties);
  }

  get messageGroup(): string | undefined {
    return this.#batch.messageGroup;
  }

  /** They are not packed. */
  get liteTopic(): undefined {
    return undefined;
  }

  get queue(): number {
    return this.#batch.queue;
  }

  get offset(): number {
    return this.#batch.offset + this.#place;
  }

  get attempt(): number {
    return this.#batch.attempt;
  }

  get bornTimeMs(): number {
    return this.#batch.bornTimeMs;
  }

  get storeTimeMs(): number {
    return this.#batch.storeTimeMs;
  }

  get receiptHandle(): string {
    return this.#batch.handle === '' ? '' : partOfHandle(this.#batch.handle, this.#place);
  }

  get #system(): System {
    return decode<System>('SystemProperties', this.#field(0));
  }

  /** Of the record: 0 its system properties, 1 its user properties, 2 its body. */
  #field(number: number): Buffer {
    const { bytes } = this.#batch;
    const reader = new WireReader(bytes, this.#start);
    for (let i = 0; ; i++) {
      const length = reader.varint();
      const start = reader.at;
      reader.at = start + length;
      if (i === number) return bytes.subarray(start, reader.at);
    }
  }
}
