import { isUtf8 } from 'node:buffer';
import { MillraceError } from '../../platform/errors.ts';
import { WireReader } from './wire.ts';

/** Where the parts of one Message lie in a SendMessageRequest; nothing is copied. */
export interface ScannedMessage {
  /** The Message's bytes. */
  readonly start: number;
  readonly end: number;
  readonly topic: string;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Bytes of the SystemProperties field; start = end = 0 when there is none. */
  readonly systemStart: number;
  /** Where the field's tag begins: lengths may be written longer than needed. */
  readonly systemTag: number;
  readonly systemEnd: number;
  readonly propertyCount: number;
  readonly propertyBytes: number;
  readonly messageId: string;
  readonly tag: string | undefined;
  readonly hasDigest: boolean;
  readonly messageType: number;
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

function scanMessage(bytes: Buffer, start: number, end: number): ScannedMessage {
  const reader = new WireReader(bytes, start, end);
  let topic = '';
  let bodyStart = 0;
  let bodyEnd = 0;
  let systemStart = 0;
  let systemTag = 0;
  let systemEnd = 0;
  let propertyCount = 0;
  let propertyBytes = 0;
  while (reader.next()) {
    if (reader.is(1)) {
      topic = resourceName(bytes, reader.start, reader.stop);
    } else if (reader.is(2)) {
      propertyCount++;
      propertyBytes += reader.stop - reader.start;
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
  return {
    start,
    end,
    topic,
    bodyStart,
    bodyEnd,
    systemStart,
    systemTag,
    systemEnd,
    propertyCount,
    propertyBytes,
    ...system,
  };
}

function resourceName(bytes: Buffer, start: number, end: number): string {
  const reader = new WireReader(bytes, start, end);
  let name = '';
  while (reader.next()) if (reader.is(2)) name = checkedText(reader);
  return name;
}

function scanSystem(bytes: Buffer, start: number, end: number) {
  const reader = new WireReader(bytes, start, end);
  let messageId = '';
  let tag: string | undefined;
  let hasDigest = false;
  let messageType = 0;
  while (reader.next()) {
    if (reader.is(1)) tag = checkedText(reader);
    else if (reader.is(3)) messageId = checkedText(reader);
    else if (reader.is(4)) hasDigest = true;
    else if (reader.field === 6 && reader.wireType === 0) {
      messageType = new WireReader(bytes, reader.start, reader.stop).varint();
    }
  }
  return { messageId, tag, hasDigest, messageType };
}

function checkedText(reader: WireReader): string {
  if (!isUtf8(reader.bytes.subarray(reader.start, reader.stop))) {
    throw new MillraceError('MALFORMED', 'a text of the message is not UTF-8');
  }
  return reader.text();
}
