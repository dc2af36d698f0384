/**
 * A consumer that may die at any moment: `node history-consumer.mjs ENDPOINT GROUP simple|push`.
 * Says on standard output, a line each, what it got, what it has
 * handled, and what the server took as done:
 * `WHAT NANOSECONDS KEY`, of the machine's monotonic clock.
 */
import { writeSync } from 'node:fs';
import { PushConsumer, SimpleConsumer } from '../../dist/connectors/client/index.js';

const [endpoint, group, kind] = process.argv.slice(2);
const invisibleMs = 1500;
/** One in so many is left to come again. */
const leftOf = 12;
// At once: what is buffered in a process that is killed never happened, and it did.
const say = (what, { body }) => writeSync(1, `${what} ${process.hrtime.bigint()} ${body}\n`);
const isLeft = () => Math.random() < 1 / leftOf;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (kind === 'push') {
  const consumer = new PushConsumer({
    endpoint,
    group,
    subscriptions: { t: '*' },
    listener(message) {
      say('got', message);
      if (isLeft()) throw new Error('left');
      say('handled', message);
    },
    onAcknowledged: (messages) => {
      for (const message of messages) say('done', message);
    },
  });
  for (;;) {
    try {
      await consumer.start();
      break;
    } catch {
      await pause(100);
    }
  }
} else {
  const consumer = new SimpleConsumer({ endpoint, group });
  for (;;) {
    try {
      for (const message of await consumer.receive('t', { max: 16, invisibleMs, waitMs: 1000 })) {
        say('got', message);
        if (isLeft()) continue;
        say('handled', message);
        await consumer.ack(message);
        say('done', message);
      }
    } catch {
      await pause(50);
    }
  }
}
