import { PackedReader, recordId } from './packed-records.ts';
import { corrupt, nextAt, skip, varint } from './protobuf.ts';

/** The one Message of a packed entry, without its body. */
export interface Envelope {
  readonly id: string;
  /** Its topic field, with its tag. */
  readonly topicField: Uint8Array;
  /** System properties that hold for each record, as protobuf fields. */
  readonly shared: Uint8Array;
  /** Where the packed records lie. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/** body_encoding = 5: IDENTITY. */
const identity = Uint8Array.of(0x28, 1);
/** Records have these of their own: tag, keys, id, digest, encoding, and queue. */
const ownFields: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 13]);

/** Of an entry's body: a SendMessageRequest with one Message. Throws CORRUPTION. */
export function envelopeOf(request: Uint8Array): Envelope {
  let id = '';
  let topicField = request.subarray(0, 0);
  const shared: Uint8Array[] = [identity];
  let bodyStart = 0;
  let bodyEnd = 0;
  const message = fieldOf(request, 0, request.length, 0x0a);
  for (let at = message.start; at < message.end; ) {
    const field = fieldAt(request, at, message.end);
    if (field.tag === 0x0a) topicField = request.subarray(at, field.end);
    else if (field.tag === 0x22) [bodyStart, bodyEnd] = [field.start, field.end];
    else if (field.tag === 0x1a) {
      for (let inner = field.start; inner < field.end; ) {
        const property = fieldAt(request, inner, field.end);
        if (property.tag === 0x1a) id = textOf(request.subarray(property.start, property.end));
        if (!ownFields.has(property.tag >> 3)) shared.push(request.subarray(inner, property.end));
        inner = property.end;
      }
    }
    at = field.end;
  }
  return { id, topicField, shared: Buffer.concat(shared), bodyStart, bodyEnd };
}

/**
 * The records in places [from, to) of a packed entry as an ordinary SendMessageRequest. A record
 * that compaction took out is an empty Message.
 */
export function unpackedRequest(request: Uint8Array, from = 0, to = Infinity): Buffer {
  const envelope = envelopeOf(request);
  const { bodyStart, bodyEnd, topicField, shared } = envelope;
  const reader = new PackedReader(request, bodyStart, bodyEnd);
  const messages: Buffer[] = [];
  for (let place = 0; place < to && reader.next(); place++) {
    if (place < from) continue;
    if (reader.bodyEnd === reader.bodyStart) {
      messages.push(Buffer.of(0x0a, 0));
      continue;
    }
    const id = Buffer.from(recordId(envelope.id, reader.number));
    const systemBytes =
      reader.systemEnd -
      reader.systemStart +
      shared.length +
      1 +
      varintBytes(id.length) +
      id.length;
    const bodyBytes = reader.bodyEnd - reader.bodyStart;
    const length =
      topicField.length +
      (reader.propertiesEnd - reader.propertiesStart) +
      (1 + varintBytes(systemBytes) + systemBytes) +
      (1 + varintBytes(bodyBytes) + bodyBytes);
    const message = Buffer.allocUnsafe(1 + varintBytes(length) + length);
    let at = head(message, 0, 0x0a, length);
    at = copy(message, at, topicField, 0, topicField.length);
    at = copy(message, at, request, reader.propertiesStart, reader.propertiesEnd);
    at = head(message, at, 0x1a, systemBytes);
    at = copy(message, at, request, reader.systemStart, reader.systemEnd);
    at = copy(message, at, shared, 0, shared.length);
    at = head(message, at, 0x1a, id.length);
    at = copy(message, at, id, 0, id.length);
    at = head(message, at, 0x22, bodyBytes);
    copy(message, at, request, reader.bodyStart, reader.bodyEnd);
    messages.push(message);
  }
  return Buffer.concat(messages);
}

function copy(to: Buffer, at: number, from: Uint8Array, start: number, end: number): number {
  to.set(from.subarray(start, end), at);
  return at + end - start;
}

/** A field's tag and length. */
function head(target: Buffer, at: number, tag: number, length: number): number {
  target[at++] = tag;
  let rest = length;
  for (; rest > 127; rest >>>= 7) target[at++] = (rest & 127) | 128;
  target[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest >>>= 7) bytes++;
  return bytes;
}

interface Field {
  readonly tag: number;
  /** Of the value. */
  readonly start: number;
  readonly end: number;
}

function fieldAt(bytes: Uint8Array, at: number, until: number): Field {
  const tag = varint(bytes, at, until);
  const start = nextAt;
  const end = skip(bytes, start, until, tag);
  if ((tag & 7) !== 2) return { tag, start, end };
  varint(bytes, start, until);
  return { tag, start: nextAt, end };
}

function fieldOf(bytes: Uint8Array, from: number, to: number, tag: number): Field {
  for (let at = from; at < to; ) {
    const field = fieldAt(bytes, at, to);
    if (field.tag === tag) return field;
    at = field.end;
  }
  throw corrupt();
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
