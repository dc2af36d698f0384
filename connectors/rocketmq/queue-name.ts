import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';

/** A MessageQueue as decoded. */
export interface QueueName {
  readonly topic?: { readonly name?: string };
  readonly id?: number;
}

/** Throws TOPIC_NOT_FOUND, INVALID_ARGUMENT. */
export function queueNamed(
  topics: Topics,
  queue: QueueName | undefined,
): { readonly topic: string; readonly topicId: number; readonly queueId: number } {
  const { name, topicId, queues } = topics.get(queue?.topic?.name ?? '');
  const queueId = queue?.id ?? 0;
  if (queueId >= 0 && queueId < queues) return { topic: name, topicId, queueId };
  throw new MillraceError('INVALID_ARGUMENT', `the topic has no queue ${queueId}`);
}
