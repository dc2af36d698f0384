import { MillraceError } from '../../platform/errors.ts';

/**
 * Many messages in the body of one v2 Message, the envelope (DESIGN section 4, "A batch is one
 * entry"). The envelope's SystemProperties hold for all of them, and say so by
 * `body_encoding = packedEncoding`; its message_id with `-NUMBER` behind it is a record's own.
 *
 * | bytes  | field                                                                         |
 * |--------|-------------------------------------------------------------------------------|
 * | 1      | format version, 1                                                             |
 * | 1      | flags: 1 = records begin with their numbers; 2 = for the queue that the       |
 * |        | envelope's queue_id names                                                     |
 * | varint | number of records                                                             |
 *
 * then each record
 *
 * | bytes  | field                                                                         |
 * |--------|-------------------------------------------------------------------------------|
 * | varint | with flag 1: its number; without it they count from 0                         |
 * | varint | bytes of the next field                                                       |
 * | s      | of SystemProperties: tag = 1, repeated keys = 2                               |
 * | varint | bytes of the next field                                                       |
 * | u      | of Message: repeated user_properties = 2                                      |
 * | varint | bytes of the next field; 0: compaction took the message out                   |
 * | b      | the message's body                                                            |
 *
 * Properties are protobuf fields with their tags, so that making an ordinary Message is copying.
 * Records have consecutive offsets, in their order. A request whose keys belong on several queues
 * is split, and its parts keep the numbers.
 */
export const packedEncoding = 100;
export const packedVersion = 1;
export const packedFlags = { numbered: 1, toQueue: 2 } as const;

/** Walks over the records in place. Throws MALFORMED for what is not of the format. */
export class PackedReader {
  readonly count: number;
  readonly flags: number;
  /** Of the record that `next` found. */
  number = -1;
  /** Where it begins, with its number. */
  start = 0;
  /** Behind the number, where the length of its first field is. */
  systemHead = 0;
  systemStart = 0;
  systemEnd = 0;
  propertiesStart = 0;
  propertiesEnd = 0;
  bodyStart = 0;
  bodyEnd = 0;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #left: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#end = end;
    if (end - start < 3 || bytes[start] !== packedVersion) {
      throw new MillraceError('MALFORMED', 'the packed messages are not of a known format');
    }
    this.flags = bytes[start + 1]!;
    if ((this.flags & ~3) !== 0) {
      throw new MillraceError('MALFORMED', 'the packed messages have flags that are not known');
    }
    this.#at = start + 2;
    this.count = this.#varint();
    this.#left = this.count;
  }

  /** Moves to the next record; false behind the last one. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.#end) throw cut();
      return false;
    }
    this.#left--;
    this.start = this.#at;
    this.#readNumber();
    this.systemHead = this.#at;
    this.systemStart = this.#length();
    this.systemEnd = this.#at;
    this.propertiesStart = this.#length();
    this.propertiesEnd = this.#at;
    this.bodyStart = this.#length();
    this.bodyEnd = this.#at;
    return true;
  }

  #readNumber(): void {
    if ((this.flags & packedFlags.numbered) === 0) {
      this.number++;
      return;
    }
    const number = this.#varint();
    if (number <= this.number) throw new MillraceError('MALFORMED', 'packed messages go backwards');
    this.number = number;
  }

  /** Reads a length and steps over so many bytes; gives where they began. */
  #length(): number {
    const length = this.#varint();
    const start = this.#at;
    if (length > this.#end - start) throw cut();
    this.#at = start + length;
    return start;
  }

  /** Up to 2^31: four bytes and three bits. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      if (this.#at >= this.#end) throw cut();
      const byte = this.#bytes[this.#at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) {
        if (value < 0 || (shift === 28 && byte > 7)) break;
        return value;
      }
    }
    throw cut();
  }
}

/** The id of a record, from that of its envelope. */
export function recordId(envelopeId: string, number: number): string {
  return `${envelopeId}-${number}`;
}

function cut(): MillraceError {
  return new MillraceError('MALFORMED', 'the packed messages end before or after their last one');
}

const noFields: Uint8Array = new Uint8Array(0);

/**
 * Builds packed records in a buffer that grows as messages are added. In front of them is room for
 * what goes before, so that a whole request is made without copying them.
 */
export class PackedWriter {
  count = 0;
  #bytes: Buffer;
  #at = frontBytes;
  readonly #flags: number;

  /** `buffer` is used as long as it is large enough. */
  constructor(flags = 0, buffer: Buffer = Buffer.allocUnsafe(4096)) {
    this.#flags = flags;
    this.#bytes = buffer;
  }

  /** Of the records, without the header. */
  get byteLength(): number {
    return this.#at - frontBytes;
  }

  /** The buffer, for another writer once the bytes are of no use any more. */
  get buffer(): Buffer {
    return this.#bytes;
  }

  /** `system` and `properties` as in the table; `number` counts with flag `numbered` alone. */
  add(body: Uint8Array, system = noFields, properties = noFields, number = this.count): void {
    this.#reserve(20 + system.length + properties.length + body.length);
    if ((this.#flags & packedFlags.numbered) !== 0) this.#varint(number);
    this.#field(system);
    this.#field(properties);
    this.#field(body);
    this.count++;
  }

  /** The whole, behind what `front` makes of its length. */
  finish(front: (packedBytes: number) => Uint8Array = () => noFields): Buffer {
    const header = [packedVersion, this.#flags];
    let rest = this.count;
    for (; rest > 127; rest >>>= 7) header.push((rest & 127) | 128);
    header.push(rest);
    const before = front(header.length + this.byteLength);
    const start = frontBytes - header.length - before.length;
    if (start < 0) {
      const records = this.#bytes.subarray(frontBytes, this.#at);
      return Buffer.concat([before, Buffer.from(header), records]);
    }
    this.#bytes.set(before, start);
    this.#bytes.set(header, start + before.length);
    return this.#bytes.subarray(start, this.#at);
  }

  #field(bytes: Uint8Array): void {
    this.#varint(bytes.length);
    if (bytes.length === 0) return;
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.#bytes[this.#at++] = (rest & 127) | 128;
    this.#bytes[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + bytes));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

/** Room for a header and for the fields of most envelopes. */
const frontBytes = 1024;
