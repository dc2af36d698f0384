import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';

/** One number for topic and queue. */
export function queueNumber(topicId: number, queueId: number): number {
  assert(queueId >= 0 && queueId < limits.topicQueuesMax, 'a queue id within its limit');
  return topicId * limits.topicQueuesMax + queueId;
}

export function queueOfNumber(number: number): {
  readonly topicId: number;
  readonly queueId: number;
} {
  const topicId = Math.floor(number / limits.topicQueuesMax);
  return { topicId, queueId: number - topicId * limits.topicQueuesMax };
}
