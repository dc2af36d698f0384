import { MillraceError } from '../../platform/errors.ts';

/** The protobuf wire format, read in place (protobuf.dev/programming-guides/encoding). */
export class WireReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
  /** Of the field that `next` found. */
  field = 0;
  wireType = 0;
  /** Where its tag begins. */
  tagStart = 0;
  /** Start and end of a length-delimited field's bytes. */
  start = 0;
  stop = 0;

  constructor(bytes: Buffer, from = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = from;
    this.end = end;
  }

  /** Moves to the next field; false at the end. Throws MALFORMED. */
  next(): boolean {
    if (this.at >= this.end) return false;
    this.tagStart = this.at;
    const tag = this.#uint32();
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.field === 0) throw malformed();
    switch (this.wireType) {
      case 0:
        this.start = this.at;
        this.varint();
        break;
      case 1:
        this.#skip(8);
        break;
      case 2: {
        const length = this.#uint32();
        this.start = this.at;
        this.#skip(length);
        break;
      }
      case 5:
        this.#skip(4);
        break;
      default:
        throw malformed();
    }
    this.stop = this.at;
    return true;
  }

  /** A length-delimited field with this number. */
  is(field: number): boolean {
    return this.field === field && this.wireType === 2;
  }

  text(): string {
    return this.bytes.toString('utf8', this.start, this.stop);
  }

  /** Up to 2^53; longer ones are read to their end and lose their upper bits. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw malformed();
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    throw malformed();
  }

  /**
   * A tag or a length: five bytes at most, as every reader of the log has it
   * (engine/formats/protobuf.ts). Longer ones would be acknowledged, and nobody could read them.
   */
  #uint32(): number {
    const start = this.at;
    const value = this.varint();
    if (this.at - start > 5 || value > 0xffffffff) throw malformed();
    return value;
  }

  #skip(length: number): void {
    this.start = this.at;
    if (length > this.end - this.at) throw malformed();
    this.at += length;
  }
}

function malformed(): MillraceError {
  return new MillraceError('MALFORMED', 'the request is not valid protobuf');
}

export function varintLength(value: number): number {
  let length = 1;
  while (value > 127) {
    value = Math.floor(value / 128);
    length++;
  }
  return length;
}

export function writeVarint(target: Buffer, at: number, value: number): number {
  while (value > 127) {
    target[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  target[at++] = value;
  return at;
}

/** Tag and length of a length-delimited field; field numbers below 16. */
export function fieldHead(field: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(1 + varintLength(length));
  head[0] = (field << 3) | 2;
  writeVarint(head, 1, length);
  return head;
}

/** Tag, length and bytes of a length-delimited field; field numbers below 16. */
export function delimited(field: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = Buffer.allocUnsafe(1 + varintLength(length) + length);
  whole[0] = (field << 3) | 2;
  let at = writeVarint(whole, 1, length);
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}
