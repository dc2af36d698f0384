import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { FoundMessage, Store } from '../../storage/store.ts';
import { deliveredMessage } from '../rocketmq/deliver.ts';
import { messagesOf } from '../rocketmq/message-format.ts';
import type { AdminRequest } from './proto.ts';

const foundMessagesMax = 1000;

/** The newest messages of a topic with an id or a key. Throws TOPIC_NOT_FOUND, INVALID_ARGUMENT. */
export async function findMessages(
  { store, topics }: { readonly store: Store; readonly topics: Topics },
  { topic = '', message_id: id, key, max = 1 }: AdminRequest<'FindMessages'>,
): Promise<{ messages: readonly Buffer[] }> {
  const { topicId } = topics.get(topic);
  const name = id ?? key;
  if (name === undefined || name === '') {
    throw new MillraceError('INVALID_ARGUMENT', 'a message is found by its id or by a key');
  }
  const kind = id === undefined ? 'key' : 'id';
  const most = Math.max(1, Math.min(max, foundMessagesMax));
  const messages: Buffer[] = [];
  let size = 0;
  for (const found of await store.find(topicId, kind, name, most)) {
    const message = delivered(found);
    size += message.length;
    if (messages.length > 0 && size > limits.receiveBytesMax) break;
    messages.push(message);
  }
  return { messages };
}

function delivered({ entry, index }: FoundMessage): Buffer {
  const { queueId, baseOffset, storeTimeMs } = entry;
  const { bytes, messages } = messagesOf(entry);
  const place = { queueId, offset: baseOffset + index, storeTimeMs };
  return deliveredMessage(bytes, messages[index]!, place);
}
