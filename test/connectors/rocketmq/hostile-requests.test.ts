import { Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { encode } from '../../../connectors/rocketmq/codec.ts';
import { namesOf } from '../../../connectors/rocketmq/namespace.ts';
import { packedParts } from '../../../connectors/rocketmq/packed.ts';
import { methodRights } from '../../../connectors/rocketmq/rights.ts';
import { scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import { delimited } from '../../../connectors/rocketmq/wire.ts';
import { PackedWriter, packedEncoding } from '../../../engine/formats/packed-records.ts';

/** What no client of ours sends. */

test('a message needs the right to the topic of its own namespace', () => {
  const messages = [
    { topic: { name: 'orders' } },
    { topic: { name: 'orders', resource_namespace: 'eu' } },
    { topic: { name: 'orders', resource_namespace: 'eu' } },
  ];
  const request = encode('SendMessageRequest', { messages });
  const rights = methodRights.SendMessage!(request, namesOf({ metadata: new Metadata() }));
  expect(rights.map(({ name }) => name)).toEqual(['orders', 'eu%orders']);
});

function packedRequest(count: number, bodyBytes: number, extra: Buffer): Buffer {
  const writer = new PackedWriter();
  const body = Buffer.alloc(bodyBytes, 'x');
  for (let i = 0; i < count; i++) writer.add(body);
  const system = encode('SystemProperties', { message_id: 'id', body_encoding: packedEncoding });
  return delimited(1, [
    delimited(1, [delimited(2, [Buffer.from('t')])]),
    delimited(3, [system, extra]),
    delimited(4, [writer.finish()]),
  ]);
}

const partsOf = (request: Buffer) => packedParts(request, scanSendRequest(request)[0]!);
/** Of a field that nobody knows. */
const unknownField = (bytes: number) => delimited(15, [Buffer.alloc(bytes)]);

test('packed messages share few bytes: each of them gets a copy', () => {
  expect(partsOf(packedRequest(1000, 10, unknownField(3000))).count).toBe(1000);
  expect(() => partsOf(packedRequest(2, 10, unknownField(5000)))).toThrow('share more than');
  expect(() => partsOf(packedRequest(65_536, 1, unknownField(3000)))).toThrow('unpacked');
});

/** A varint in so many bytes. */
function longVarint(value: number, bytes: number): Buffer {
  const written = Buffer.alloc(bytes, 128);
  written[0] = value | 128;
  written[bytes - 1]! &= 127;
  return written;
}

test.each([
  ['a tag', (bytes: number) => Buffer.concat([longVarint(0x22, bytes), Buffer.from('\x01x')])],
  [
    'a length',
    (bytes: number) => Buffer.concat([Buffer.of(0x22), longVarint(1, bytes), Buffer.of(1)]),
  ],
])('%s that readers of the log cannot read is refused', (_, field) => {
  expect(scanSendRequest(delimited(1, [field(5)]))[0]!.bodyBytes).toBe(1);
  expect(() => scanSendRequest(delimited(1, [field(6)]))).toThrow('not valid protobuf');
  expect(() => scanSendRequest(delimited(1, [field(10)]))).toThrow('not valid protobuf');
});

test('an encoding is what its lower 32 bits say, as protobuf readers have it', () => {
  // body_encoding = 5: 2^32 + 100.
  const system = Buffer.concat([Buffer.of(0x28), longVarint(0, 5)]);
  system.set([0x80 | 100, 0x80, 0x80, 0x80, 0x10], 1);
  const [scanned] = scanSendRequest(delimited(1, [delimited(3, [system])]));
  expect(scanned!.isPacked).toBe(true);
});
