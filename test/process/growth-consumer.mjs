// A consumer in a process of its own, to be killed: prints each message with the time at which it
// had it, then acknowledges it. Arguments: endpoint, topic, group.
import { MessagingClient } from '../../dist/connectors/client/messaging-client.js';

const [, , endpoint, topic, group] = process.argv;
const client = new MessagingClient(endpoint);
for (;;) {
  const messages = await client.receive(topic, group, { max: 8, invisibleMs: 700, waitMs: 500 });
  for (const message of messages) {
    const body = Buffer.from(message.body).toString();
    process.stdout.write(`${process.hrtime.bigint()} ${body}\n`);
    await client.ack(topic, group, message).catch(() => undefined);
  }
}
