import { createHash } from 'node:crypto';
import type { Entry } from '../../storage/store.ts';
import { FieldWriter } from './field-writer.ts';
import { bytesOf, isTransaction, messagesOf } from './message-format.ts';
import { packedPart } from './packed.ts';
import { type ScannedMessage, scanSendRequest } from './scan.ts';
import { delimited, fieldHead, WireReader } from './wire.ts';

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
  const added = fieldsOf(delivery);
  if (message.messageType === 0) added.integer(6, normalType);
  if (!message.hasEncoding) added.integer(5, identityEncoding);
  if (!message.hasDigest) added.message(4, digestOf(request, message));
  const system = delimited(3, [request.subarray(systemStart, systemEnd), added.finish()]);
  const properties = addedProperties(message);
  if (systemEnd === 0) return Buffer.concat([request.subarray(start, end), system]);
  return Buffer.concat([
    request.subarray(start, systemTag),
    system,
    request.subarray(systemEnd, end),
    ...properties,
  ]);
}

/** MessageType.NORMAL, and Encoding.IDENTITY. */
const normalType = 1;
const identityEncoding = 1;

/** Of SystemProperties, by hand: each message that goes out has them. Numbers: rocketmq/proto.ts. */
function fieldsOf(delivery: DeliveryFields): FieldWriter {
  const { queueId, offset, storeTimeMs, receiptHandle, invisibleMs, attempt } = delivery;
  const fields = new FieldWriter(160);
  fields.time(9, Math.floor(storeTimeMs));
  fields.text(10, 'millrace');
  if (receiptHandle !== undefined) fields.text(12, receiptHandle);
  fields.integer(13, queueId, false);
  fields.integer(14, offset);
  if (invisibleMs !== undefined) fields.time(15, invisibleMs);
  if (attempt !== undefined) fields.integer(16, attempt);
  return fields;
}

/**
 * Messages of an entry from number `index` on: one, or several that are packed. In parts, which
 * are copied once, when they are written.
 */
export function deliveredPiece(
  entry: Entry,
  index: number,
  count: number,
  delivery: DeliveryFields,
): readonly Buffer[] {
  if (count > 1) return deliveredPacked(entry, index, count, delivery);
  const { bytes, messages } = messagesOf(entry);
  return [deliveredMessage(bytes, messages[index]!, delivery)];
}

/**
 * The envelope with packed records, for a client that unpacks them. The fields say what holds for
 * the first one; each has the next offset, and the place behind the handle (receipt-handle.ts).
 */
function deliveredPacked(
  entry: Entry,
  index: number,
  count: number,
  delivery: DeliveryFields,
): readonly Buffer[] {
  const request = bytesOf(entry);
  const envelope = scanSendRequest(request)[0]!;
  const { start, end, bodyStart, bodyEnd, systemStart, systemEnd } = envelope;
  const packed = request.subarray(bodyStart, bodyEnd);
  const body = count === entry.count ? packed : packedRange(packed, index, count);
  const added = fieldsOf(delivery).finish();
  const kept: Buffer[] = [];
  const reader = new WireReader(request, start, end);
  while (reader.next()) {
    if (!reader.is(3) && !reader.is(4)) kept.push(request.subarray(reader.tagStart, reader.at));
  }
  const system = delimited(3, [request.subarray(systemStart, systemEnd), added]);
  return [...kept, system, fieldHead(4, body.length), body];
}

function packedRange(packed: Buffer, index: number, count: number): Buffer {
  return packedPart(
    packed,
    Array.from({ length: count }, (_, i) => index + i),
  );
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
function digestOf(request: Buffer, { bodyStart, bodyEnd }: ScannedMessage): Buffer {
  const hash = createHash('md5').update(request.subarray(bodyStart, bodyEnd));
  const digest = new FieldWriter(36);
  digest.integer(1, md5Type);
  digest.text(2, hash.digest('hex').toUpperCase());
  return digest.finish();
}

/** DigestType.MD5. */
const md5Type = 2;
