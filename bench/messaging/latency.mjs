import { Producer, PushConsumer } from '../../dist/connectors/client/index.js';
import { MessagingClient } from '../../dist/connectors/client/messaging-client.js';
import { percentile } from '../measure.mjs';

const warmUpMs = 10_000;
const measuredMs = 10_000;

/**
 * From the call that sends a message to the listener that gets it, through gRPC and fdatasync:
 * `perSecond` requests of `perRequest` 100-byte messages, sent on time whatever the answers do, to a
 * push consumer in the same process. A request is a batch of the SDK, one entry of the log, or
 * `apart` as an official client sends it, with messages that are entries of their own. One row each
 * for p50, p99 and the rate that was reached.
 */
export async function latency(endpoint, name, perSecond, perRequest, apart = false) {
  const topic = `latency-${perSecond}-${perRequest}-${apart ? 'apart' : 'batches'}`;
  const client = new MessagingClient(endpoint);
  // What is measured shares the process with this: no garbage but its own.
  const latencies = new Float64Array(2 * measuredMs * perSecond * perRequest * 0.001);
  let received = 0;
  const begin = performance.now();
  const consumer = new PushConsumer({
    endpoint,
    group: topic,
    subscriptions: { [topic]: '*' },
    concurrency: 256,
    listener: ({ body }) => {
      const sentAt = Buffer.from(body.buffer, body.byteOffset, 8).readDoubleLE();
      if (sentAt - begin > warmUpMs) latencies[received++] = performance.now() - sentAt;
    },
  });
  const producer = new Producer({ endpoint, maxBatchMessages: perRequest });
  const request = (bodies) =>
    apart ? [client.publish(topic, bodies)] : bodies.map((one) => producer.send(topic, one));
  await producer.send(topic, { body: message(begin) });
  await consumer.start();
  let sent = 0;
  let failed;
  let underWay = 0;
  const over = () => {
    underWay--;
  };
  while (performance.now() - begin < warmUpMs + measuredMs) {
    const due = ((performance.now() - begin) * perSecond) / 1000;
    for (; sent < due; sent++) {
      const some = Array.from({ length: perRequest }, () => ({ body: message(performance.now()) }));
      for (const call of request(some)) {
        underWay++;
        call.then(over, (error) => {
          failed = error;
          over();
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (underWay > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await consumer.close();
  await producer.close();
  await client.close();
  if (failed !== undefined) throw failed;
  const measured = [...latencies.subarray(0, received)];
  const unit = 'us';
  return [
    { name: `${name}: p50`, value: 1000 * percentile(measured, 0.5), unit },
    { name: `${name}: p99`, value: 1000 * percentile(measured, 0.99), unit },
    {
      name: `${name}: received`,
      value: (1000 * received) / measuredMs,
      unit: 'messages/s',
    },
  ];
}

function message(sentAt) {
  const body = Buffer.alloc(100);
  body.writeDoubleLE(sentAt);
  return body;
}
