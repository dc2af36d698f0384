import { assert } from '../../platform/assert.ts';
import { limits } from '../../platform/limits.ts';

/** One number for topic and queue. */
export function queueNumber(topicId: number, queueId: number): number {
  assert(queueId >= 0 && queueId < limits.topicQueuesMax, 'a queue id within its limit');
  return topicId * limits.topicQueuesMax + queueId;
}
