import { checkContent } from '../../engine/broker/message-check.ts';
import { type PackedParts, tagHashOf } from '../../engine/broker/publisher.ts';
import {
  PackedReader,
  PackedWriter,
  packedFlags,
  recordId,
} from '../../engine/formats/packed-records.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { tagMixed } from '../../storage/store.ts';
import { type ScannedMessage, scanProperty, scanSendRequest, scanSystem } from './scan.ts';
import { delimited, WireReader } from './wire.ts';

/**
 * What the broker must know of the packed messages of a request. Checks each of them. Throws
 * MALFORMED, what `checkContent` throws, and INVALID_ARGUMENT for what cannot be packed.
 */
export function packedParts(request: Buffer, envelope: ScannedMessage): PackedParts {
  checkEnvelope(envelope);
  const { bodyStart, bodyEnd, messageId } = envelope;
  const records = new PackedReader(request, bodyStart, bodyEnd);
  checkUnpackedBytes(envelope, records.count);
  if (records.count === 0 || records.count > limits.entryMessagesMax) {
    throw new MillraceError(
      'MALFORMED',
      `1 to ${limits.entryMessagesMax} messages are packed together, not ${records.count}`,
    );
  }
  // Only the server numbers them, when it splits a request.
  if ((records.flags & packedFlags.numbered) !== 0) throw unfitForPacking('they are numbered');
  const keys: (string | undefined)[] = [];
  let hasKeys = false;
  let tag: string | undefined;
  let isMixed = false;
  while (records.next()) {
    const found = checkRecord(request, records, messageId);
    if (records.number === 0) tag = found.tag;
    isMixed ||= found.tag !== tag;
    if (found.key !== undefined && !hasKeys) {
      hasKeys = true;
      keys.length = records.number;
    }
    if (hasKeys) keys[records.number] = found.key;
  }
  return {
    envelope: { ...envelope, messageId: recordId(messageId, 0), bodyBytes: 1 },
    count: records.count,
    tagHash: isMixed ? tagMixed : tagHashOf(tag),
    keys: hasKeys ? Array.from(keys) : undefined,
    queueId: (records.flags & packedFlags.toQueue) === 0 ? undefined : envelope.queueId,
  };
}

interface RecordNames {
  readonly tag: string | undefined;
  readonly key: string | undefined;
}

const unnamed: RecordNames = { tag: undefined, key: undefined };

/** Most records have a body and nothing else: those cost no object. */
function checkRecord(request: Buffer, record: PackedReader, envelopeId: string): RecordNames {
  const { systemStart, systemEnd, propertiesStart, propertiesEnd } = record;
  const bodyBytes = record.bodyEnd - record.bodyStart;
  const isPlain = systemStart === systemEnd && propertiesStart === propertiesEnd;
  if (isPlain && bodyBytes > 0 && bodyBytes <= limits.messageBodyBytesMax) return unnamed;
  const properties = new WireReader(request, propertiesStart, propertiesEnd);
  const propertyKeys: string[] = [];
  let propertyBytes = 0;
  while (properties.next()) {
    if (!properties.is(2)) throw unfitForPacking('one has other fields than user properties');
    const property = scanProperty(request, properties.start, properties.stop);
    propertyKeys.push(property.key);
    propertyBytes += property.bytes;
  }
  const fields = new WireReader(request, systemStart, systemEnd);
  while (fields.next()) {
    if (!fields.is(1) && !fields.is(2)) throw unfitForPacking('one has more than a tag and keys');
  }
  const system = scanSystem(request, systemStart, systemEnd);
  checkContent({
    messageId: recordId(envelopeId, record.number),
    tag: system.tag,
    keys: system.keys,
    bodyBytes,
    propertyCount: propertyKeys.length,
    propertyBytes: propertyBytes + system.propertyBytes,
    propertyKeys,
    messageGroup: undefined,
  });
  return { tag: system.tag, key: system.keys[0] };
}

function checkEnvelope(envelope: ScannedMessage): void {
  if (envelope.messageId.trim() === '') {
    throw new MillraceError('ILLEGAL_MESSAGE_ID', 'packed messages need an id');
  }
  if (envelope.tag !== undefined || envelope.keys.length > 0 || envelope.propertyCount > 0) {
    throw unfitForPacking('they have tag, keys and properties each for itself');
  }
  if (envelope.isTransaction || envelope.deliverAtMs !== undefined) {
    throw unfitForPacking('delayed and transactional messages wait each for itself');
  }
}

/** Each record gets a copy of what they share when they are made ordinary messages. */
function checkUnpackedBytes(envelope: ScannedMessage, count: number): void {
  const { systemStart, systemEnd, topicStart, topicEnd, bodyBytes } = envelope;
  const sharedBytes = systemEnd - systemStart + topicEnd - topicStart;
  if (sharedBytes > limits.packedSharedBytesMax) {
    throw unfitForPacking(`they share more than ${limits.packedSharedBytesMax} bytes of fields`);
  }
  if (count * sharedBytes + bodyBytes <= limits.entryBytesMax) return;
  throw new MillraceError(
    'MESSAGE_TOO_LARGE',
    `packed messages are at most ${limits.entryBytesMax} bytes when they are unpacked`,
  );
}

/** The request with some of its packed messages, which keep their numbers. */
export function selectPacked(request: Buffer, places: readonly number[]) {
  const envelope = scanSendRequest(request)[0]!;
  const { start, end, bodyStart, bodyEnd, messageId } = envelope;
  const body = packedPart(request.subarray(bodyStart, bodyEnd), places);
  const kept: Buffer[] = [];
  const reader = new WireReader(request, start, end);
  while (reader.next()) if (!reader.is(4)) kept.push(request.subarray(reader.tagStart, reader.at));
  return {
    body: delimited(1, [...kept, delimited(4, [body])]),
    firstId: recordId(messageId, places[0]!),
  };
}

/** Some of the records, by their places, ascending; with their numbers. */
export function packedPart(packed: Buffer, places: readonly number[]): Buffer {
  const records = new PackedReader(packed);
  const writer = new PackedWriter(packedFlags.numbered);
  let wanted = 0;
  for (let place = 0; wanted < places.length && records.next(); place++) {
    if (places[wanted] !== place) continue;
    wanted++;
    const { systemStart, systemEnd, propertiesStart, propertiesEnd, bodyStart, bodyEnd } = records;
    writer.add(
      packed.subarray(bodyStart, bodyEnd),
      packed.subarray(systemStart, systemEnd),
      packed.subarray(propertiesStart, propertiesEnd),
      records.number,
    );
  }
  return writer.finish();
}

export function unfitForPacking(reason: string): MillraceError {
  return new MillraceError('INVALID_ARGUMENT', `messages cannot be packed like this: ${reason}`);
}
