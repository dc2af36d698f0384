import { checkBody, checkContent } from '../../engine/broker/message-check.ts';
import { PackedWriter, packedEncoding, packedFlags } from '../../engine/formats/packed-records.ts';
import { encode, fromMillis } from '../rocketmq/codec.ts';
import { delimited, fieldHead } from '../rocketmq/wire.ts';
import type { Message } from './message.ts';

/** What the messages of a batch have in common. */
export interface BatchTarget {
  readonly topic: string;
  readonly messageGroup: string | undefined;
  readonly priority: number | undefined;
  /** The queue that the writer names; the server chooses without it. */
  readonly queue: number | undefined;
}

/** Packed records of one target, as they are added (engine/formats/packed-records.ts). */
export class PackedBatch {
  readonly #target: BatchTarget;
  readonly #writer: PackedWriter;

  /** `buffer` is the batch's until it is sent. */
  constructor(target: BatchTarget, buffer: Buffer) {
    this.#target = target;
    const flags = target.queue === undefined ? 0 : packedFlags.toQueue;
    this.#writer = new PackedWriter(flags, buffer);
  }

  get count(): number {
    return this.#writer.count;
  }

  /** For another batch, once this one is sent. */
  get buffer(): Buffer {
    return this.#writer.buffer;
  }

  get byteLength(): number {
    return this.#writer.byteLength;
  }

  /** Throws what the server would refuse it with: the others of the batch are not to suffer. */
  add({ body, tag, keys = [], properties = {} }: Message): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const propertyKeys = Object.keys(properties);
    if (tag === undefined && keys.length === 0 && propertyKeys.length === 0) {
      checkBody(bytes.length);
      this.#writer.add(bytes);
      return;
    }
    const system = [
      ...(tag === undefined ? [] : [textField(1, tag)]),
      ...keys.map((key) => textField(2, key)),
    ];
    const entries = Object.entries(properties);
    const fields = entries.map(([name, value]) =>
      delimited(2, [textField(1, name), textField(2, value)]),
    );
    checkContent({
      messageId: 'of the batch',
      tag,
      keys,
      bodyBytes: bytes.length,
      propertyCount: propertyKeys.length,
      propertyBytes: [tag ?? '', ...keys, ...entries.flat()].reduce(
        (sum, text) => sum + Buffer.byteLength(text),
        0,
      ),
      propertyKeys,
      messageGroup: undefined,
    });
    this.#writer.add(bytes, Buffer.concat(system), Buffer.concat(fields));
  }

  /** The SendMessageRequest; `id` is the batch's, of which its messages' are made. */
  request(id: string, bornMs: number): Buffer {
    const { topic, messageGroup, priority, queue } = this.#target;
    const system = encode('SystemProperties', {
      message_id: id,
      body_encoding: packedEncoding,
      message_type: typeOf(this.#target),
      born_timestamp: fromMillis(bornMs),
      ...(messageGroup === undefined ? {} : { message_group: messageGroup }),
      ...(priority === undefined ? {} : { priority }),
      ...(queue === undefined ? {} : { queue_id: queue }),
    });
    const fields = [delimited(1, [textField(2, topic)]), delimited(3, [system])];
    return this.#writer.finish((bodyBytes) => {
      const before = Buffer.concat([...fields, fieldHead(4, bodyBytes)]);
      return Buffer.concat([fieldHead(1, before.length + bodyBytes), before]);
    });
  }
}

function typeOf({ messageGroup, priority }: BatchTarget): string {
  if (messageGroup !== undefined) return 'FIFO';
  return priority === undefined ? 'NORMAL' : 'PRIORITY';
}

function textField(field: number, value: string): Buffer {
  return delimited(field, [Buffer.from(value)]);
}
