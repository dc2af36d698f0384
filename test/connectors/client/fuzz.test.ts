import fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamAnswer } from '../../../connectors/client/answers.ts';
import { deliveryOf } from '../../../connectors/client/received.ts';
import { decode, encode } from '../../../connectors/rocketmq/codec.ts';
import { namesOfEntry } from '../../../connectors/rocketmq/names.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { type Entry, entryKinds } from '../../../storage/store.ts';

import { seedOr } from '../../random-seed.ts';

/** Hand-written readers against protobufjs, on whole and on damaged bytes. */
const seed = seedOr(20261126);
const word = fc.string({ maxLength: 12 });

const message = fc.record({
  topic: fc.record({ name: word }),
  user_properties: fc.dictionary(word, word, { maxKeys: 3 }),
  system_properties: fc.record(
    {
      tag: word,
      keys: fc.array(word, { maxLength: 3 }),
      message_id: word,
      message_group: word,
      receipt_handle: word,
      queue_id: fc.nat(1000),
      queue_offset: fc.nat(),
      delivery_attempt: fc.nat(100),
      born_timestamp: fc.record({ seconds: fc.nat(2 ** 31), nanos: fc.constant(0) }),
    },
    { requiredKeys: ['keys', 'message_id'] },
  ),
  body: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
});

interface Wire {
  readonly topic?: { readonly name?: string };
  readonly user_properties?: Readonly<Record<string, string>>;
  readonly system_properties?: {
    readonly tag?: string;
    readonly keys?: readonly string[];
    readonly message_id?: string;
    readonly message_group?: string;
    readonly queue_offset?: number;
    readonly receipt_handle?: string;
  };
  readonly body?: Buffer;
}

/** `undefined` when it is refused; damage may also make a status that says what went wrong. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    return undefined;
  }
}

function damaged(bytes: Buffer, at: number, byte: number, cuts: boolean): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  if (cuts) return copy.subarray(0, at % copy.length);
  copy[at % copy.length] = byte;
  return copy;
}

const entryOf = (body: Buffer): Entry =>
  ({ kind: entryKinds.messages, body, count: 1 }) as unknown as Entry;

test('a delivered message is read as protobufjs reads it', () => {
  fc.assert(
    fc.property(message, (sent) => {
      const bytes = encode('Message', sent);
      const [read] = deliveryOf(bytes).messages;
      const wire = decode<Wire>('Message', bytes);
      const system = wire.system_properties!;
      expect(read).toMatchObject({
        topic: wire.topic?.name ?? '',
        messageId: system.message_id,
        keys: system.keys,
        properties: wire.user_properties ?? {},
        offset: system.queue_offset ?? 0,
        receiptHandle: system.receipt_handle ?? '',
      });
      expect([read!.tag, read!.messageGroup]).toEqual([system.tag, system.message_group]);
      expect(Buffer.from(read!.body)).toEqual(sent.body);
      const request = encode('SendMessageRequest', { messages: [sent, sent] });
      const names = { id: sent.system_properties.message_id, keys: sent.system_properties.keys };
      expect(namesOfEntry(entryOf(request))).toEqual([names, names]);
    }),
    { seed, numRuns: 300 },
  );
});

test('an answer is read as protobufjs reads it', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 3 }), fc.nat(), (sent, next) => {
      const parts = [
        encode('PullMessageResponse', { status: { code: 20000, message: 'OK' } }),
        ...sent.map((one) => encode('PullMessageResponse', { message: one })),
        encode('PullMessageResponse', { next_offset: next }),
      ];
      const { messages, nextOffset } = streamAnswer(parts);
      expect(nextOffset).toBe(next);
      expect(messages).toEqual(sent.map((one) => encode('Message', one)));
    }),
    { seed, numRuns: 100 },
  );
});

test('damaged bytes are refused, or read without reading beyond them', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), fc.boolean(), (sent, at, byte, cuts) => {
      const bytes = damaged(encode('Message', sent), at, byte, cuts);
      const read = attempt(() => deliveryOf(bytes));
      const wire = attempt(() => decode<Wire>('Message', bytes));
      // What both take is the same body.
      if (read?.messages.length === 1 && wire !== undefined) {
        expect(Buffer.from(read.messages[0]!.body)).toEqual(Buffer.from(wire.body ?? []));
      }
      const answer = damaged(encode('PullMessageResponse', { message: sent }), at, byte, cuts);
      attempt(() => streamAnswer([answer]));
      const request = damaged(encode('SendMessageRequest', { messages: [sent] }), at, byte, cuts);
      attempt(() => namesOfEntry(entryOf(request)));
    }),
    { seed, numRuns: 1000 },
  );
});
