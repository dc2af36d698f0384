import { EventEmitter } from 'node:events';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { decode, encode } from '../../../connectors/rocketmq/codec.ts';
import { ConsumeMethods } from '../../../connectors/rocketmq/consume.ts';
import { Polls } from '../../../connectors/rocketmq/polls.ts';
import type { MessagingOptions, StreamCall } from '../../../connectors/rocketmq/service.ts';
import { openTestBroker } from '../../engine/broker/harness.ts';

/** A ReceiveMessage call without a network; `statuses` of what it was answered. */
function receiveCall(clientId: string) {
  const metadata = new Metadata();
  if (clientId !== '') metadata.set('x-mq-client-id', clientId);
  const statuses: (number | undefined)[] = [];
  const call = Object.assign(new EventEmitter(), {
    metadata,
    request: encode('ReceiveMessageRequest', {
      group: { name: 'g' },
      message_queue: { topic: { name: 't' } },
      long_polling_timeout: { seconds: 20, nanos: 0 },
    }),
    getDeadline: () => Number.POSITIVE_INFINITY,
    write(bytes: Buffer) {
      const { status } = decode<{ status?: { code?: number } }>('ReceiveMessageResponse', bytes);
      if (status !== undefined) statuses.push(status.code);
    },
    end: () => call.emit('close'),
  });
  return { call: call as unknown as StreamCall, statuses };
}

test('the close ends the long polls under way, and at once those that come after it', async () => {
  const broker = await openTestBroker();
  await broker.topic('t');
  const polls = new Polls(broker.clock);
  const methods = new ConsumeMethods(broker as unknown as MessagingOptions, polls);
  const waiting = receiveCall('c');
  const under = methods.receive(waiting.call);
  polls.close();
  await under;
  const late = receiveCall('c');
  await methods.receive(late.call);
  expect([waiting.statuses, late.statuses]).toEqual([[40401], [40401]]);
  await broker.stop();
});

test('a consumer must say who it is', async () => {
  const broker = await openTestBroker();
  await broker.topic('t');
  const methods = new ConsumeMethods(
    broker as unknown as MessagingOptions,
    new Polls(broker.clock),
  );
  const { call, statuses } = receiveCall('');
  await methods.receive(call);
  expect(statuses).toEqual([40017]);
  await broker.stop();
});
