import { crc32 } from 'node:zlib';
import type {
  DeadLetter,
  MessageFormat,
  ParkedMessage,
} from '../../engine/broker/message-format.ts';
import { PackedReader, recordId } from '../../engine/formats/packed-records.ts';
import { envelopeOf, unpackedRequest } from '../../engine/formats/unpack.ts';
import { type Entry, entryKinds } from '../../storage/store.ts';
import { encode } from './codec.ts';
import { selectPacked } from './packed.ts';
import { isTakenOut, type ScannedMessage, scanSendRequest } from './scan.ts';
import { delimited } from './wire.ts';

/** An entry as a SendMessageRequest, and what is in it. */
export interface EntryMessages {
  readonly bytes: Buffer;
  readonly messages: readonly ScannedMessage[];
}

/** Entries that are in use; a batch is scanned once for all its messages. */
const scanned = new WeakMap<Entry, EntryMessages>();

/** The messages of an entry, whatever its kind: those of a packed one are made ordinary ones. */
export function messagesOf(entry: Entry): EntryMessages {
  let known = scanned.get(entry);
  if (known === undefined) {
    const bytes = entry.kind === entryKinds.packed ? unpackedRequest(entry.body) : bytesOf(entry);
    known = { bytes, messages: scanSendRequest(bytes) };
    scanned.set(entry, known);
  }
  return known;
}

/** Entries are SendMessageRequests as they came (storage/store.ts). */
export const rocketmqFormat: MessageFormat = {
  select(request, indexes) {
    const messages = scanSendRequest(request);
    const fields = indexes.map((index) => {
      const { start, end } = messages[index]!;
      return delimited(1, [request.subarray(start, end)]);
    });
    return Buffer.concat(fields);
  },

  selectPacked,

  isTakenOut(entry, index, count) {
    if (!entry.isThinned) return false;
    const { messages } = messagesOf(entry);
    for (let i = index; i < index + count; i++) if (!isTakenOut(messages[i]!)) return false;
    return true;
  },

  firstId(entry) {
    if (entry.kind !== entryKinds.packed) return messagesOf(entry).messages[0]!.messageId;
    const { id, bodyStart, bodyEnd } = envelopeOf(entry.body);
    const records = new PackedReader(entry.body, bodyStart, bodyEnd);
    records.next();
    return recordId(id, records.number);
  },

  orderKey(entry, index) {
    const { messageGroup } = messagesOf(entry).messages[index]!;
    return messageGroup === undefined ? 0 : orderKeyOf(messageGroup);
  },

  parked(entry): ParkedMessage {
    return parkedMessage(messagesOf(entry).messages[0]!);
  },

  redriven(entry, index) {
    const { bytes, messages } = messagesOf(entry);
    const message = messages[index]!;
    const topic = message.deadLetterTopic ?? message.topic;
    const body = delimited(1, [rewritten(bytes, message, topic, Buffer.alloc(0))]);
    return { body, message: { ...parkedMessage(message), topic } };
  },

  deadLetter(entry, index, topic, deadLetterTopic): DeadLetter {
    const { bytes, messages } = messagesOf(entry);
    const message = messages[index]!;
    const added = encode('SystemProperties', {
      dead_letter_queue: { topic, message_id: message.messageId },
    });
    const body = delimited(1, [rewritten(bytes, message, deadLetterTopic, added)]);
    return { body, messageId: message.messageId, tag: message.tag };
  },
};

/** MessageType.TRANSACTION, the one type that a client's word counts for (reference 1.11). */
const transactionType = 4;

export function isTransaction({ messageType }: ScannedMessage): boolean {
  return messageType === transactionType;
}

export function parkedMessage(message: ScannedMessage): ParkedMessage {
  const { topic, messageId, tag, deliverAtMs, recoveryMs, messageGroup, keys, liteTopic } = message;
  return {
    topic,
    messageId,
    tag,
    deliverAtMs,
    recoveryMs,
    messageGroup,
    key: keys[0],
    liteTopic,
    isTransaction: isTransaction(message),
  };
}

export function bytesOf({ body }: Entry): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** Never 0, which stands for no message group; two groups of one hash wait for each other. */
function orderKeyOf(messageGroup: string): number {
  return crc32(messageGroup) | 0 || 1;
}

/** The message for another topic, with more system properties; all else as it came. */
export function rewritten(
  bytes: Buffer,
  message: ScannedMessage,
  topic: string,
  added: Buffer,
): Buffer {
  const { start, end, systemStart, systemTag, systemEnd, topicStart, topicEnd } = message;
  const resource = delimited(1, [delimited(2, [Buffer.from(topic)])]);
  const system = delimited(3, [bytes.subarray(systemStart, systemEnd), added]);
  const cuts = [
    { from: topicStart, to: topicEnd },
    { from: systemTag, to: systemEnd },
  ].sort((a, b) => a.from - b.from);
  const kept: Buffer[] = [];
  let at = start;
  for (const { from, to } of cuts) {
    if (to === 0) continue;
    kept.push(bytes.subarray(at, from));
    at = to;
  }
  // Last: of a field that comes twice the later one counts.
  return Buffer.concat([...kept, bytes.subarray(at, end), resource, system]);
}
