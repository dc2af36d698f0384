import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { OutgoingMessage } from '../../../connectors/client/messaging-client.ts';
import { publishRequest } from '../../../connectors/client/publish-request.ts';
import { decode } from '../../../connectors/rocketmq/codec.ts';
import { scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import { acceptedResponse } from '../../../connectors/rocketmq/send-response.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';

/** What is written by hand for batches, read by protobufjs. */

const bornMs = 1_700_000_000_123;
const messages: readonly OutgoingMessage[] = [
  { body: Buffer.from('plain') },
  { body: Buffer.from('ordered'), messageGroup: 'günter' },
  {
    body: Buffer.alloc(70_000, 'x'),
    tag: 'größe',
    keys: ['k1', '鍵'],
    properties: { a: '1', é: '' },
  },
  ...Array.from({ length: 300 }, (_, i) => ({ body: Buffer.from(`m${i}`), keys: [`${i}`] })),
];

test('a request of the client', () => {
  const request = publishRequest('orders', messages, bornMs, new SeededRandom(7));
  const read = decode<{ messages: Record<string, unknown>[] }>('SendMessageRequest', request);
  const ids = read.messages.map(
    (message) => (message.system_properties as { message_id: string }).message_id,
  );
  expect(new Set(ids).size).toBe(messages.length);
  for (const id of ids) expect(id).toMatch(/^[0-9A-F]{32}$/);
  expect(read.messages).toEqual(
    messages.map(({ body, tag, messageGroup, keys = [], properties }, i) => ({
      topic: expect.objectContaining({ name: 'orders' }),
      body,
      ...(properties === undefined ? {} : { user_properties: properties }),
      system_properties: {
        message_id: ids[i],
        ...(tag === undefined ? {} : { tag }),
        keys,
        body_digest: {
          type: 'MD5',
          checksum: createHash('md5').update(body).digest('hex').toUpperCase(),
        },
        body_encoding: 'IDENTITY',
        message_type: messageGroup === undefined ? 'NORMAL' : 'FIFO',
        ...(messageGroup === undefined ? {} : { message_group: messageGroup }),
        born_timestamp: { seconds: 1_700_000_000, nanos: 123_000_000 },
      },
    })),
  );
});

test('a response of the server', () => {
  const request = publishRequest('orders', messages, bornMs, new SeededRandom(8));
  const scanned = scanSendRequest(request);
  for (const baseOffset of [0, 127, 5_000_000_000]) {
    const offsets = scanned.map((_, i) => baseOffset + 3 * i);
    const ok = { code: 20000, message: 'OK' };
    expect(decode('SendMessageResponse', acceptedResponse(scanned, offsets))).toEqual({
      status: ok,
      entries: scanned.map(({ messageId }, i) => ({
        status: ok,
        message_id: messageId,
        transaction_id: messageId,
        offset: baseOffset + 3 * i,
      })),
    });
  }
});
