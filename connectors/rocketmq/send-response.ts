import { encode } from './codec.ts';
import type { ScannedMessage } from './scan.ts';
import { ok } from './status.ts';
import { delimited, varintLength, writeVarint } from './wire.ts';

/** Field 1 of the response and of each of its entries. */
const status = delimited(1, [encode('Status', { ...ok })]);

/**
 * The SendMessageResponse to messages that were all accepted, written by hand since a batch has
 * thousands: Status status = 1; repeated SendResultEntry entries = 2 { Status status = 1;
 * string message_id = 2, transaction_id = 3; int64 offset = 4 }. RocketMQ's transaction id is the
 * message id, and every message has one (reference rocketmq-v2, 1.12).
 */
export function acceptedResponse(
  messages: readonly Pick<ScannedMessage, 'messageId'>[],
  offsets: readonly number[],
): Buffer {
  const ids = messages.map(({ messageId }) => Buffer.byteLength(messageId));
  const entryBytes = (index: number) => {
    const id = ids[index]!;
    return status.length + 2 * (1 + varintLength(id) + id) + 1 + varintLength(offsets[index]!);
  };
  let length = status.length;
  for (let i = 0; i < ids.length; i++) {
    const bytes = entryBytes(i);
    length += 1 + varintLength(bytes) + bytes;
  }
  const response = Buffer.allocUnsafe(length);
  let at = status.copy(response);
  for (const [i, { messageId }] of messages.entries()) {
    at = writeVarint(response, writeVarint(response, at, 0x12), entryBytes(i));
    at += status.copy(response, at);
    for (const tag of [0x12, 0x1a]) {
      at = writeVarint(response, writeVarint(response, at, tag), ids[i]!);
      at += response.write(messageId, at);
    }
    at = writeVarint(response, writeVarint(response, at, 0x20), offsets[i]!);
  }
  return response;
}
