import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from '../../../connectors/rocketmq/codec.ts';
import { messageKeys } from '../../../connectors/rocketmq/keyed-messages.ts';
import { rocketmqFormat } from '../../../connectors/rocketmq/message-format.ts';
import { namesOfEntry } from '../../../connectors/rocketmq/names.ts';
import { packedParts } from '../../../connectors/rocketmq/packed.ts';
import { scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import { messageBlock } from '../../../engine/formats/message-block.ts';
import { metadataColumn } from '../../../engine/formats/metadata.ts';
import {
  PackedReader,
  PackedWriter,
  packedEncoding,
} from '../../../engine/formats/packed-records.ts';
import { unpackedRequest } from '../../../engine/formats/unpack.ts';
import { limits } from '../../../platform/limits.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import { toText } from '../../../sql/columns/text.ts';
import { type Entry, entryKinds } from '../../../storage/store.ts';

import { seedOr } from '../../random-seed.ts';

const seed = seedOr(20261126);

const policy = { tombstoneMs: 0 };
const turns = { isOver: false, next: () => Promise.resolve() };

interface Sent {
  readonly body: Uint8Array;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

const word = fc.stringMatching(/^[a-z0-9é]{1,8}$/);
const sent: fc.Arbitrary<Sent> = fc.record({
  body: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  tag: fc.option(word, { nil: undefined }),
  keys: fc.array(word, { maxLength: 2 }),
  properties: fc.dictionary(word, word, { maxKeys: 2 }),
});

/** Packed by protobufjs and the writer alone. */
function requestOf(messages: readonly Sent[], more: object = {}): Buffer {
  const writer = new PackedWriter();
  for (const { body, tag, keys, properties } of messages) {
    writer.add(
      body,
      encode('SystemProperties', { keys, ...(tag === undefined ? {} : { tag }) }),
      encode('Message', { user_properties: properties }),
    );
  }
  return encode('SendMessageRequest', {
    messages: [
      {
        topic: { name: 't' },
        system_properties: {
          message_id: 'ID',
          body_encoding: packedEncoding,
          born_timestamp: { seconds: 5, nanos: 0 },
          ...more,
        },
        body: writer.finish(),
      },
    ],
  });
}

function entryOf(body: Buffer, count: number): Entry {
  return {
    kind: entryKinds.packed,
    topicId: 1,
    queueId: 2,
    baseOffset: 10,
    count,
    storeTimeMs: 7,
    partition: 0,
    position: 0,
    length: body.length,
    isThinned: false,
    body,
  };
}

interface Decoded {
  readonly messages: readonly {
    readonly body: Buffer;
    readonly user_properties?: Readonly<Record<string, string>>;
    readonly system_properties: {
      readonly message_id: string;
      readonly tag?: string;
      readonly keys: readonly string[];
      readonly message_group?: string;
    };
  }[];
}

const unpacked = (bytes: Buffer) => decode<Decoded>('SendMessageRequest', bytes).messages;

test('packed messages are the ones that were sent, whoever reads them', () => {
  fc.assert(
    fc.property(fc.array(sent, { minLength: 1, maxLength: 40 }), fc.nat(), (messages, pick) => {
      const request = requestOf(messages, { message_group: 'g' });
      const entry = entryOf(request, messages.length);
      const plain = unpacked(unpackedRequest(request));
      expect(plain.map(({ body }) => Buffer.from(body))).toEqual(
        messages.map(({ body }) => Buffer.from(body)),
      );
      for (const [i, { system_properties: system, user_properties = {} }] of plain.entries()) {
        expect(system.message_id).toBe(`ID-${i}`);
        expect([system.tag, system.keys]).toEqual([messages[i]!.tag, messages[i]!.keys]);
        expect(user_properties).toEqual(messages[i]!.properties);
        expect(system.message_group).toBe('g');
      }
      // Some of them, with their numbers.
      const places = messages.map((_, i) => i).filter((i) => (i + pick) % 3 !== 0);
      if (places.length > 0) {
        const { body, firstId } = rocketmqFormat.selectPacked(request, places);
        expect(firstId).toBe(`ID-${places[0]}`);
        const part = unpacked(unpackedRequest(body));
        expect(part.map((one) => one.system_properties.message_id)).toEqual(
          places.map((place) => `ID-${place}`),
        );
        expect(part.map((one) => one.body)).toEqual(places.map((place) => plain[place]!.body));
        expect(rocketmqFormat.firstId(entryOf(body, places.length))).toBe(firstId);
      }
      expect(namesOfEntry(entry)).toEqual(messages.map(({ keys }, i) => ({ id: `ID-${i}`, keys })));
      const isKept = Uint8Array.from(messages, (_, i) => ((i + pick) % 3 === 0 ? 0 : 1));
      const thinned = entryOf(
        Buffer.from(messageKeys.packed.without(entry, isKept, policy, turns) as Uint8Array),
        0,
      );
      expect(namesOfEntry(thinned)).toEqual(
        messages.map(({ keys }, i) =>
          isKept[i] === 0 ? { id: '', keys: [] } : { id: `ID-${i}`, keys },
        ),
      );
      const parts = packedParts(request, scanSendRequest(request)[0]!);
      expect(parts.count).toBe(messages.length);
      expect(parts.keys ?? messages.map(() => undefined)).toEqual(
        messages.map(({ keys }) => keys[0]),
      );
      // As SQL reads them: bodies in place, and the rest when it is asked for.
      for (const withProperties of [false, true]) {
        const block = messageBlock([entry], withProperties);
        for (let i = 0; i < messages.length; i++) {
          const start = block.starts[i]!;
          expect(Buffer.from(block.buffer.subarray(start, start + block.lengths[i]!))).toEqual(
            inflatedOr(messages[i]!.body, block.lengths[i]!),
          );
          expect(block.offsets[i]).toBe(10 + i);
        }
      }
      const all = Int32Array.from(messages.keys());
      const ids = metadataColumn('message_id', 't', messageBlock([entry]), all);
      expect(toText(ids.type, valueAt(ids, messages.length - 1)!)).toBe(
        `ID-${messages.length - 1}`,
      );
    }),
    { seed, numRuns: 100 },
  );
});

/** A random body that happens to be compressed is not what this is about. */
function inflatedOr(body: Uint8Array, length: number): Buffer {
  expect(length).toBe(body.length);
  return Buffer.from(body);
}

test('damaged packed messages are refused, or read as others', () => {
  fc.assert(
    fc.property(
      fc.array(sent, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.nat(255),
      fc.boolean(),
      (messages, at, byte, cuts) => {
        const writer = new PackedWriter();
        for (const { body } of messages) writer.add(body);
        let bytes = Buffer.from(writer.finish());
        if (cuts) bytes = bytes.subarray(0, at % bytes.length);
        else bytes[at % bytes.length] = byte;
        try {
          const reader = new PackedReader(bytes);
          let count = 0;
          while (reader.next()) {
            count++;
            expect(reader.bodyEnd).toBeLessThanOrEqual(bytes.length);
            expect(reader.bodyStart).toBeLessThanOrEqual(reader.bodyEnd);
          }
          expect(count).toBe(reader.count);
        } catch (error) {
          expect(error).toMatchObject({ code: 'MALFORMED' });
        }
      },
    ),
    { seed, numRuns: 2000 },
  );
});

test('compressed bodies of an entry become so much together, and no more', () => {
  const body = gzipSync(Buffer.alloc(limits.entryBytesMax));
  const count = limits.entryInflatedBytesMax / limits.entryBytesMax + 2;
  const messages = Array.from({ length: count }, (_, i) => ({
    topic: { name: 't' },
    body: i === 0 ? gzipSync(Buffer.alloc(limits.entryBytesMax + 1)) : body,
    system_properties: { message_id: `m${i}` },
  }));
  const request = encode('SendMessageRequest', { messages });
  const entry = { ...entryOf(request, count), kind: entryKinds.messages };
  // It depends on the entry alone: beside others it is the same.
  const other = encode('SendMessageRequest', { messages: messages.slice(1, 2) });
  const before = { ...entryOf(other, 1), kind: entryKinds.messages };
  for (const entries of [[entry], [before, entry]]) {
    const { lengths } = messageBlock(entries, false);
    const [tooLong, ...others] = [...lengths.slice(-count)];
    expect(tooLong).toBe(messages[0]!.body.length);
    // What was inflated of the one that is too long is spent as well.
    const [last, beforeLast, ...whole] = others.toReversed();
    expect(whole).toEqual(whole.map(() => limits.entryBytesMax));
    expect([beforeLast, last]).toEqual([body.length, body.length]);
  }
});
