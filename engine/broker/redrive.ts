import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Consumers } from './consumers.ts';
import { deadLetterTopic } from './dead-letters.ts';
import { defaultGroup, redrivePrefix } from './groups.ts';
import type { MessageFormat } from './message-format.ts';
import type { Publisher } from './publisher.ts';
import type { Topics } from './topics.ts';

export interface RedriveOptions {
  readonly topics: Topics;
  readonly consumers: Consumers;
  readonly publisher: Publisher;
  readonly format: MessageFormat;
}

/** Long enough to append a batch; after a crash the rest of it is redriven again. */
const invisibleMs = 60_000;

/**
 * Sends a group's dead letters back to the topics that they came from, as new messages with their
 * old ids; at most `max`. Each one is sent once, however often this is called: a group of its own
 * remembers which went. Returns how many went. Throws TOPIC_NOT_FOUND when the group has no dead
 * letters, NOT_FOUND when a topic that one came from is gone (those before it have gone out).
 */
export async function redrive(
  { topics, consumers, publisher, format }: RedriveOptions,
  group: string,
  max: number,
): Promise<number> {
  const topic = deadLetterTopic(group);
  const name = `${redrivePrefix}${group}`;
  const member = { group: name, clientId: '' };
  // However often a redrive fails, its letters stay where they are.
  const settings = { ...defaultGroup, maxAttempts: Number.POSITIVE_INFINITY };
  const internal = { op: 'group-created', name, ...settings, timeMs: 0 } as const;
  topics.get(topic);
  let count = 0;
  while (count < max) {
    const messages = await consumers.pop({
      ...member,
      internal,
      topic,
      filter: undefined,
      max: Math.min(max - count, limits.receiveBatchMax),
      invisibleMs,
      waitMs: 0,
      attemptId: undefined,
      signal: new AbortController().signal,
    });
    if (messages.length === 0) break;
    for (const [index, { entry, index: at, receiptHandle }] of messages.entries()) {
      const { body, message } = format.redriven(entry, at);
      if (!(await publisher.deliver(body, message, true))) {
        for (const left of messages.slice(index)) {
          consumers.changeInvisible(member, left.receiptHandle, 0, true);
        }
        throw new MillraceError('NOT_FOUND', `topic "${message.topic}" does not exist any more`);
      }
      consumers.acknowledge(member, receiptHandle);
      count++;
    }
  }
  return count;
}
