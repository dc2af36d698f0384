import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, encode, fromMillis } from '../../../connectors/rocketmq/codec.ts';
import { deliveredMessage } from '../../../connectors/rocketmq/deliver.ts';
import { bytesOf, rocketmqFormat } from '../../../connectors/rocketmq/message-format.ts';
import { propertiesOf, scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { type Entry, entryKinds } from '../../../storage/store.ts';

import { seedOr } from '../../random-seed.ts';

/** The hand-written scanner and the bytes that it leads to, against protobufjs. */
const seed = seedOr(20261125);
const run = { seed, numRuns: 150 };

interface WireMessage {
  readonly topic: { readonly name: string };
  readonly user_properties: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly system_properties: Readonly<Record<string, unknown>> & { readonly keys: string[] };
}

const name = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
const message = fc.record({
  topic: fc.record({ name }),
  user_properties: fc.dictionary(name, name, { maxKeys: 4 }),
  body: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  system_properties: fc.record(
    {
      message_id: name,
      keys: fc.array(name, { maxLength: 3 }),
      tag: name,
      message_type: fc.integer({ min: 0, max: 6 }),
      body_encoding: fc.integer({ min: 0, max: 2 }),
      message_group: name,
      delivery_timestamp: fc.integer({ min: 0, max: 4e12 }).map(fromMillis),
      orphaned_transaction_recovery_duration: fc.integer({ min: 0, max: 4e6 }).map(fromMillis),
      priority: fc.integer({ min: -5, max: 100 }),
      lite_topic: name,
      dead_letter_queue: fc.record({ topic: name, message_id: name }),
    },
    { requiredKeys: ['message_id', 'keys'] },
  ),
}) as fc.Arbitrary<WireMessage>;
const request = fc.array(message, { minLength: 1, maxLength: 4 });

function entryOf(body: Uint8Array, count: number): Entry {
  return {
    kind: entryKinds.messages,
    topicId: 1,
    queueId: 3,
    baseOffset: 70,
    count,
    storeTimeMs: 1000,
    partition: 0,
    position: 0,
    length: body.length,
    body,
    isThinned: false,
  };
}

const bytes = (value: Uint8Array) => Buffer.from(value).toString('hex');

describe(`random requests (SEED=${seed})`, () => {
  test('every part is where protobufjs finds it', () => {
    fc.assert(
      fc.property(request, (messages) => {
        const encoded = encode('SendMessageRequest', { messages });
        const scanned = scanSendRequest(encoded);
        expect(scanned).toHaveLength(messages.length);
        for (const [index, found] of scanned.entries()) {
          const { topic, user_properties, body, system_properties: system } = messages[index]!;
          expect(found).toMatchObject({
            topic: topic.name,
            messageId: system.message_id,
            keys: system.keys,
            propertyCount: Object.keys(user_properties).length,
          });
          expect(found.tag).toBe(system.tag);
          expect(found.messageGroup).toBe(system.message_group);
          expect(found.liteTopic).toBe(system.lite_topic);
          expect(found.priority === undefined).toBe(system.priority === undefined);
          if ((system.priority as number) >= 0) expect(found.priority).toBe(system.priority);
          expect(bytes(encoded.subarray(found.bodyStart, found.bodyEnd))).toBe(bytes(body));
          expect(Object.fromEntries(propertiesOf(encoded, found))).toEqual(user_properties);
        }
      }),
      run,
    );
  });

  test('a delivered message is the sent one and what the server adds, in one field', () => {
    fc.assert(
      fc.property(request, (messages) => {
        const encoded = encode('SendMessageRequest', { messages });
        for (const [index, found] of scanSendRequest(encoded).entries()) {
          const delivered = decode<WireMessage>(
            'Message',
            deliveredMessage(encoded, found, {
              queueId: 3,
              offset: 7,
              storeTimeMs: 1000,
              receiptHandle: 'h',
              attempt: 2,
            }),
          );
          const sent = messages[index]!;
          expect(bytes(delivered.body)).toBe(bytes(sent.body));
          expect(delivered.user_properties).toMatchObject(sent.user_properties);
          expect(delivered.system_properties).toMatchObject({
            message_id: sent.system_properties.message_id,
            queue_id: 3,
            queue_offset: 7,
            receipt_handle: 'h',
            delivery_attempt: 2,
            body_digest: { type: 'MD5' },
          });
          expect(delivered.system_properties.body_encoding).not.toBe('ENCODING_UNSPECIFIED');
        }
      }),
      run,
    );
  });

  test('a digest that not every client takes gives way to one that does', () => {
    const md5 = createHash('md5').update('x').digest('hex').toUpperCase();
    for (const digest of [
      { type: 'MD5', checksum: md5 },
      { type: 'MD5', checksum: md5.toLowerCase() },
      { type: 'MD5', checksum: '' },
      { type: 'CRC32', checksum: '8CDC1683' },
      { type: 'SHA1', checksum: md5 },
    ]) {
      const sent = { message_id: 'a', body_digest: digest };
      const encoded = encode('SendMessageRequest', {
        messages: [{ topic: { name: 't' }, body: Buffer.from('x'), system_properties: sent }],
      });
      const [found] = scanSendRequest(encoded);
      const place = { queueId: 0, offset: 0, storeTimeMs: 0 };
      const delivered = decode<WireMessage>('Message', deliveredMessage(encoded, found!, place));
      expect(delivered.system_properties.body_digest).toEqual({ type: 'MD5', checksum: md5 });
    }
  });

  test('a dead letter is the message under another topic, and finds its way back', () => {
    fc.assert(
      fc.property(request, (messages) => {
        const entry = entryOf(encode('SendMessageRequest', { messages }), messages.length);
        for (const [index, sent] of messages.entries()) {
          const { body } = rocketmqFormat.deadLetter(entry, index, 'origin', '%DLQ%g');
          const [dead] = decode<{ messages: WireMessage[] }>('SendMessageRequest', body).messages;
          expect(dead!.topic.name).toBe('%DLQ%g');
          expect(bytes(dead!.body)).toBe(bytes(sent.body));
          expect(dead!.user_properties ?? {}).toEqual(sent.user_properties);
          expect(dead!.system_properties.dead_letter_queue).toEqual({
            topic: 'origin',
            message_id: sent.system_properties.message_id,
          });
          const back = rocketmqFormat.redriven(entryOf(body, 1), 0);
          expect(back.message.topic).toBe('origin');
          const [again] = decode<{ messages: WireMessage[] }>(
            'SendMessageRequest',
            back.body,
          ).messages;
          expect(again!.topic.name).toBe('origin');
          expect(bytes(again!.body)).toBe(bytes(sent.body));
        }
      }),
      run,
    );
  });

  test('damaged bytes are malformed, or read as protobufjs reads them', () => {
    const damage = fc.array(fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(request, damage, fc.nat(), fc.boolean(), (messages, changes, cut, cuts) => {
        const encoded = encode('SendMessageRequest', { messages });
        for (const { at, to } of changes) encoded[at % encoded.length] = to;
        const damaged = cuts ? encoded.subarray(0, cut % (encoded.length + 1)) : encoded;
        let scanned: ReturnType<typeof scanSendRequest>;
        try {
          scanned = scanSendRequest(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError);
          expect((error as MillraceError).code).toBe('MALFORMED');
          return;
        }
        let decoded: readonly WireMessage[];
        try {
          decoded = decode<{ messages: WireMessage[] }>('SendMessageRequest', damaged).messages;
        } catch {
          // protobufjs looks into fields that the scanner passes over.
          return;
        }
        expect(scanned).toHaveLength(decoded.length);
        for (const [index, { bodyStart, bodyEnd, topic }] of scanned.entries()) {
          expect(bytes(damaged.subarray(bodyStart, bodyEnd))).toBe(
            bytes(decoded[index]!.body ?? new Uint8Array(0)),
          );
          expect(topic).toBe(decoded[index]!.topic?.name ?? '');
        }
      }),
      { seed, numRuns: 1000 },
    );
  });
});

test('the format reads the whole entry that it is given', () => {
  const body = encode('SendMessageRequest', {
    messages: [
      { topic: { name: 't' }, body: Buffer.from('x'), system_properties: { message_id: 'a' } },
    ],
  });
  const padded = Buffer.concat([Buffer.alloc(9), body]).subarray(9);
  expect(bytesOf(entryOf(padded, 1))).toEqual(body);
});
