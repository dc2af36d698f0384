import type { Metadata } from '@grpc/grpc-js';
import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import { type Named, namesOf } from './namespace.ts';

/** A MessageQueue as decoded. */
export interface QueueName {
  readonly topic?: Named;
  readonly id?: number;
}

/** Throws TOPIC_NOT_FOUND, INVALID_ARGUMENT. */
export function queueNamed(
  topics: Topics,
  call: { readonly metadata: Metadata },
  queue: QueueName | undefined,
): { readonly topic: string; readonly topicId: number; readonly queueId: number } {
  const { name, topicId, queues } = topics.get(namesOf(call).topic(queue?.topic));
  const queueId = queue?.id ?? 0;
  if (queueId >= 0 && queueId < queues) return { topic: name, topicId, queueId };
  throw new MillraceError('INVALID_ARGUMENT', `the topic has no queue ${queueId}`);
}
