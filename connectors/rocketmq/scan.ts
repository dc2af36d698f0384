import { isUtf8 } from 'node:buffer';
import { packedEncoding } from '../../engine/formats/packed-records.ts';
import { MillraceError } from '../../platform/errors.ts';
import { WireReader } from './wire.ts';

/** MessageType.TRANSACTION. */
const transactionType = 4;

/** Where the parts of one Message lie in a SendMessageRequest; nothing is copied. */
export interface ScannedMessage {
  /** The Message's bytes. */
  readonly start: number;
  readonly end: number;
  readonly topic: string;
  /** As the client wrote it; empty in most. */
  readonly topicNamespace: string;
  /** The topic field with its tag; both 0 when there is none. */
  readonly topicStart: number;
  readonly topicEnd: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly bodyBytes: number;
  /** Bytes of the SystemProperties field; start = end = 0 when there is none. */
  readonly systemStart: number;
  /** Where the field's tag begins: lengths may be written longer than needed. */
  readonly systemTag: number;
  readonly systemEnd: number;
  readonly propertyCount: number;
  /** Keys and values of the user properties, tag and keys, as UTF-8. */
  readonly propertyBytes: number;
  readonly propertyKeys: readonly string[];
  readonly messageId: string;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  /** One that every client takes: MD5, in upper case. */
  readonly hasDigest: boolean;
  readonly hasEncoding: boolean;
  /** The body is many messages (engine/formats/packed-records.ts). */
  readonly isPacked: boolean;
  /** As the client wrote it; only that of packed messages may count. */
  readonly queueId: number;
  /** As the client wrote it; what counts is derived (`typeOf` in engine/broker/message-check.ts). */
  readonly messageType: number;
  readonly isTransaction: boolean;
  readonly messageGroup: string | undefined;
  /** ms since 1970; `undefined` when the message is for now. */
  readonly deliverAtMs: number | undefined;
  readonly recoveryMs: number | undefined;
  /** Where a dead letter comes from. */
  readonly deadLetterTopic: string | undefined;
  readonly liteTopic: string | undefined;
  readonly priority: number | undefined;
}

/** Finds the messages of a SendMessageRequest: repeated Message messages = 1. Throws MALFORMED. */
export function scanSendRequest(bytes: Buffer): ScannedMessage[] {
  const messages: ScannedMessage[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.is(1)) messages.push(scanMessage(bytes, reader.start, reader.stop));
  }
  return messages;
}

/** Compaction left nothing of the message but its place: no accepted one is empty. */
export function isTakenOut({ start, end }: ScannedMessage): boolean {
  return start === end;
}

function scanMessage(bytes: Buffer, start: number, end: number): ScannedMessage {
  const reader = new WireReader(bytes, start, end);
  let topic = '';
  let topicNamespace = '';
  let topicStart = 0;
  let topicEnd = 0;
  let bodyStart = 0;
  let bodyEnd = 0;
  let systemStart = 0;
  let systemTag = 0;
  let systemEnd = 0;
  let propertyBytes = 0;
  const propertyKeys: string[] = [];
  while (reader.next()) {
    if (reader.is(1)) {
      topic = '';
      topicNamespace = '';
      const resource = new WireReader(bytes, reader.start, reader.stop);
      while (resource.next()) {
        if (resource.is(2)) topic = checkedText(resource);
        else if (resource.is(1)) topicNamespace = checkedText(resource);
      }
      topicStart = reader.tagStart;
      topicEnd = reader.stop;
    } else if (reader.is(2)) {
      const property = scanProperty(bytes, reader.start, reader.stop);
      propertyKeys.push(property.key);
      propertyBytes += property.bytes;
    } else if (reader.is(3)) {
      if (systemEnd !== 0) {
        throw new MillraceError('MALFORMED', 'a message has its system properties twice');
      }
      systemStart = reader.start;
      systemTag = reader.tagStart;
      systemEnd = reader.stop;
    } else if (reader.is(4)) {
      bodyStart = reader.start;
      bodyEnd = reader.stop;
    }
  }
  const system = scanSystem(bytes, systemStart, systemEnd);
  // Field by field: a spread costs more than the whole scan, and this runs for every message.
  return {
    start,
    end,
    topic,
    topicNamespace,
    topicStart,
    topicEnd,
    bodyStart,
    bodyEnd,
    bodyBytes: bodyEnd - bodyStart,
    systemStart,
    systemTag,
    systemEnd,
    messageId: system.messageId,
    tag: system.tag,
    keys: system.keys,
    hasDigest: system.hasDigest,
    hasEncoding: system.hasEncoding,
    isPacked: system.isPacked,
    queueId: system.queueId,
    messageType: system.messageType,
    isTransaction: system.messageType === transactionType,
    messageGroup: system.messageGroup,
    deliverAtMs: system.deliverAtMs,
    recoveryMs: system.recoveryMs,
    deadLetterTopic: system.deadLetterTopic,
    liteTopic: system.liteTopic,
    priority: system.priority,
    propertyCount: propertyKeys.length,
    propertyBytes: propertyBytes + system.propertyBytes,
    propertyKeys,
  };
}

export function scanProperty(bytes: Buffer, start: number, end: number) {
  const reader = new WireReader(bytes, start, end);
  let key = '';
  let size = 0;
  while (reader.next()) {
    if (reader.is(1)) key = checkedText(reader);
    if (reader.is(1) || reader.is(2)) size += reader.stop - reader.start;
  }
  return { key, bytes: size };
}

/** User properties of a message, decoded: only filters need them. */
export function propertiesOf(bytes: Buffer, { start, end }: ScannedMessage): Map<string, string> {
  const properties = new Map<string, string>();
  const reader = new WireReader(bytes, start, end);
  while (reader.next()) {
    if (!reader.is(2)) continue;
    const entry = new WireReader(bytes, reader.start, reader.stop);
    let key = '';
    let value = '';
    while (entry.next()) {
      if (entry.is(1)) key = entry.text();
      else if (entry.is(2)) value = entry.text();
    }
    properties.set(key, value);
  }
  return properties;
}

export function scanSystem(bytes: Buffer, start: number, end: number) {
  const reader = new WireReader(bytes, start, end);
  let messageId = '';
  let tag: string | undefined;
  const keys: string[] = [];
  let propertyBytes = 0;
  let hasDigest = false;
  let hasEncoding = false;
  let isPacked = false;
  let queueId = 0;
  let messageType = 0;
  let messageGroup: string | undefined;
  let deliverAtMs: number | undefined;
  let recoveryMs: number | undefined;
  let deadLetterTopic: string | undefined;
  let liteTopic: string | undefined;
  let priority: number | undefined;
  while (reader.next()) {
    if (reader.is(1)) tag = checkedText(reader);
    else if (reader.is(2)) keys.push(checkedText(reader));
    else if (reader.is(3)) messageId = checkedText(reader);
    else if (reader.is(4)) hasDigest = isMd5(bytes, reader.start, reader.stop);
    else if (reader.is(11)) deliverAtMs = timestampMs(bytes, reader.start, reader.stop);
    else if (reader.is(17)) messageGroup = checkedText(reader);
    else if (reader.is(19)) recoveryMs = timestampMs(bytes, reader.start, reader.stop);
    else if (reader.is(20)) deadLetterTopic = firstText(bytes, reader.start, reader.stop);
    else if (reader.is(21)) liteTopic = checkedText(reader);
    else if (reader.wireType === 0) {
      const value = new WireReader(bytes, reader.start, reader.stop).varint();
      if (reader.field === 5) {
        // An enum is 32 bits to every protobuf reader, whatever is written in front of them.
        const encoding = lower32(bytes, reader.start);
        hasEncoding = encoding !== 0;
        isPacked = encoding === packedEncoding;
      } else if (reader.field === 13) queueId = int32(value);
      else if (reader.field === 6) messageType = lower32(bytes, reader.start);
      else if (reader.field === 22) priority = int32(value);
    }
    if (reader.is(1) || reader.is(2)) propertyBytes += reader.stop - reader.start;
  }
  return {
    messageId,
    tag,
    keys,
    propertyBytes,
    hasDigest,
    hasEncoding,
    isPacked,
    queueId,
    messageType,
    messageGroup,
    deliverAtMs,
    recoveryMs,
    deadLetterTopic,
    liteTopic,
    priority,
  };
}

/** Digest { type = 1: 2 is MD5; checksum = 2: 32 hex digits in upper case }. */
function isMd5(bytes: Buffer, start: number, end: number): boolean {
  const reader = new WireReader(bytes, start, end);
  let type = 0;
  let isHex = false;
  while (reader.next()) {
    if (reader.is(2)) isHex = isUpperHex(bytes, reader.start, reader.stop, 32);
    else if (reader.field === 1 && reader.wireType === 0) {
      type = new WireReader(bytes, reader.start, reader.stop).varint();
    }
  }
  return type === 2 && isHex;
}

function isUpperHex(bytes: Buffer, start: number, end: number, digits: number): boolean {
  if (end - start !== digits) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    // 0 to 9, A to F.
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46))) return false;
  }
  return true;
}

/** Field 1 of a message, a text. */
function firstText(bytes: Buffer, start: number, end: number): string | undefined {
  const reader = new WireReader(bytes, start, end);
  let text: string | undefined;
  while (reader.next()) if (reader.is(1)) text = checkedText(reader);
  return text;
}

/** google.protobuf.Timestamp or Duration: seconds = 1, nanos = 2. Far from 1970 it loses precision, no more. */
function timestampMs(bytes: Buffer, start: number, end: number): number {
  const reader = new WireReader(bytes, start, end);
  let ms = 0;
  while (reader.next()) {
    if (reader.wireType !== 0) continue;
    const value = new WireReader(bytes, reader.start, reader.stop).varint();
    if (reader.field === 1) ms += value < 2 ** 63 ? value * 1000 : 0;
    else if (reader.field === 2) ms += int32(value) / 1e6;
  }
  return ms;
}

/** The lower 32 bits of a varint that is whole: of five bytes at most, whatever follows. */
function lower32(bytes: Buffer, start: number): number {
  let value = 0;
  for (let at = start, shift = 0; shift < 32; at++, shift += 7) {
    value |= (bytes[at]! & 127) << shift;
    if (bytes[at]! < 128) break;
  }
  return value;
}

/** A negative int32 is ten bytes on the wire. */
function int32(value: number): number {
  return value >= 2 ** 31 ? -1 : value;
}

function checkedText(reader: WireReader): string {
  if (!isUtf8(reader.bytes.subarray(reader.start, reader.stop))) {
    throw new MillraceError('MALFORMED', 'a text of the message is not UTF-8');
  }
  return reader.text();
}
