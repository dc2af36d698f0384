import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { pause } from './pause.ts';
import type { Messaging } from './services.ts';
import { visible } from './text-width.ts';

const pullMessages = 256;
/** How often an empty topic is asked again. */
const pollMs = 200;

export interface PublishOptions {
  readonly endpoint: Endpoint;
  readonly tag: string | undefined;
  readonly key: string | undefined;
}

export async function publishCommand(
  { services }: CliContext,
  topic: string,
  body: string,
  { endpoint, tag, key }: PublishOptions,
): Promise<ExitCode> {
  const messaging = services.messaging(endpoint);
  try {
    const message = {
      body: new TextEncoder().encode(body),
      ...(tag === undefined ? {} : { tag }),
      ...(key === undefined ? {} : { keys: [key] }),
    };
    await messaging.publish(topic, [message]);
    return 0;
  } finally {
    await messaging.close();
  }
}

export interface SubscribeOptions {
  readonly endpoint: Endpoint;
  /** Shares the messages with the group's other members; without it, reads the queues alone. */
  readonly group: string | undefined;
  readonly fromBeginning: boolean;
  readonly max: number | undefined;
}

/** Prints one body per line until `max` or Ctrl-C. */
export async function subscribeCommand(
  context: CliContext,
  topic: string,
  options: SubscribeOptions,
): Promise<ExitCode> {
  const messaging = context.services.messaging(options.endpoint);
  try {
    const follow = options.group === undefined ? followQueues : followGroup;
    await follow(context, messaging, topic, options);
    return context.interrupted.aborted ? 130 : 0;
  } finally {
    await messaging.close();
  }
}

async function followQueues(
  context: CliContext,
  messaging: Messaging,
  topic: string,
  { fromBeginning, max = Number.POSITIVE_INFINITY }: SubscribeOptions,
): Promise<void> {
  const queues = await messaging.queueOffsets(topic);
  const next = queues.map((queue) => (fromBeginning ? queue.min : queue.max));
  let printed = 0;
  while (printed < max && !context.interrupted.aborted) {
    let found = false;
    for (const [i, { queue }] of queues.entries()) {
      const most = Math.min(pullMessages, max - printed);
      if (most === 0 || context.interrupted.aborted) break;
      for (const message of await messaging.pull(topic, queue, next[i]!, most)) {
        found = true;
        next[i] = message.offset + 1;
        if (printed++ < max) await printBody(context, message.body);
      }
    }
    if (!found) await pause(context.clock, pollMs, context.interrupted);
  }
}

/** A message is acknowledged after it was printed: a crash between shows it again. */
async function followGroup(
  context: CliContext,
  messaging: Messaging,
  topic: string,
  { group, max = Number.POSITIVE_INFINITY }: SubscribeOptions,
): Promise<void> {
  let printed = 0;
  while (printed < max && !context.interrupted.aborted) {
    const messages = await messaging.receive(topic, group!, Math.min(32, max - printed));
    for (const message of messages) {
      await printBody(context, message.body);
      await message.acknowledge();
      printed++;
    }
  }
}

function printBody({ screen }: CliContext, body: Uint8Array): Promise<void> {
  // A terminal gets no control characters; a file or pipe gets the bytes as they are.
  if (screen.outIsTerminal) return screen.out(`${visible(new TextDecoder().decode(body))}\n`);
  const line = new Uint8Array(body.length + 1);
  line.set(body);
  line[body.length] = 10;
  return screen.out(line);
}
