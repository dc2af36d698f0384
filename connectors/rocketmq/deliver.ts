import { createHash } from 'node:crypto';
import { encode, fromMillis } from './codec.ts';
import { isTransaction } from './message-format.ts';
import type { ScannedMessage } from './scan.ts';
import { delimited } from './wire.ts';

/** What the server adds to a message that it hands out. */
export interface DeliveryFields {
  readonly queueId: number;
  readonly offset: number;
  readonly storeTimeMs: number;
  readonly receiptHandle?: string;
  readonly invisibleMs?: number;
  readonly attempt?: number;
}

/**
 * A stored message with the server's own system properties. The stored bytes are copied; the new
 * fields go to the end of the same length-delimited SystemProperties field, because not every
 * client merges a field that comes twice (DESIGN section 4).
 */
export function deliveredMessage(
  request: Buffer,
  message: ScannedMessage,
  delivery: DeliveryFields,
): Buffer {
  const { start, end, systemStart, systemTag, systemEnd } = message;
  const added = encode('SystemProperties', {
    queue_id: delivery.queueId,
    queue_offset: delivery.offset,
    store_timestamp: fromMillis(Math.floor(delivery.storeTimeMs)),
    store_host: 'millrace',
    ...(delivery.receiptHandle === undefined ? {} : { receipt_handle: delivery.receiptHandle }),
    ...(delivery.invisibleMs === undefined
      ? {}
      : { invisible_duration: fromMillis(delivery.invisibleMs) }),
    ...(delivery.attempt === undefined ? {} : { delivery_attempt: delivery.attempt }),
    ...(message.messageType === 0 ? { message_type: 'NORMAL' } : {}),
    ...(message.hasEncoding ? {} : { body_encoding: 'IDENTITY' }),
    ...(message.hasDigest ? {} : { body_digest: digestOf(request, message) }),
  });
  const system = delimited(3, [request.subarray(systemStart, systemEnd), added]);
  const properties = addedProperties(message);
  if (systemEnd === 0) return Buffer.concat([request.subarray(start, end), system]);
  return Buffer.concat([
    request.subarray(start, systemTag),
    system,
    request.subarray(systemEnd, end),
    ...properties,
  ]);
}

/** What RocketMQ's broker shows among the user's properties, and clients read (reference 1.11). */
function addedProperties(message: ScannedMessage): Buffer[] {
  const property = (key: string, value: string) =>
    delimited(2, [delimited(1, [Buffer.from(key)]), delimited(2, [Buffer.from(value)])]);
  return [
    ...(message.messageGroup === undefined
      ? []
      : [property('__SHARDINGKEY', message.messageGroup)]),
    ...(isTransaction(message) ? [property('__transactionId__', message.messageId)] : []),
  ];
}

/**
 * Some clients reject a message without one, or with one that they do not know; MD5 in upper case
 * suits all of them.
 */
function digestOf(request: Buffer, { bodyStart, bodyEnd }: ScannedMessage) {
  const hash = createHash('md5').update(request.subarray(bodyStart, bodyEnd));
  return { type: 'MD5', checksum: hash.digest('hex').toUpperCase() };
}
