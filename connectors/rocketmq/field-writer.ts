import { varintLength, writeVarint } from './wire.ts';

/**
 * Writes fields of one protobuf message (protobuf.dev/programming-guides/encoding) one behind the
 * other, for the answers that come too often for protobufjs.
 */
export class FieldWriter {
  #bytes: Buffer;
  #length = 0;

  /** `sizeBytes`: what the message is expected to take. */
  constructor(sizeBytes: number) {
    this.#bytes = Buffer.allocUnsafe(sizeBytes);
  }

  /** An integer from 0 to 2^53; with `isSaid` zero is written, too. */
  integer(field: number, value: number, isSaid = true): void {
    if (value === 0 && !isSaid) return;
    this.#room(15);
    const at = writeVarint(this.#bytes, this.#length, field << 3);
    this.#length = writeVarint(this.#bytes, at, value);
  }

  text(field: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.#head(field, length);
    this.#length += this.#bytes.write(value, this.#length);
  }

  /** An empty one is nothing. */
  raw(bytes: Buffer): void {
    this.#room(bytes.length);
    this.#length += bytes.copy(this.#bytes, this.#length);
  }

  message(field: number, bytes: Buffer): void {
    this.#head(field, bytes.length);
    this.raw(bytes);
  }

  /** google.protobuf.Timestamp or Duration { seconds = 1; nanos = 2 }; ms from 0 on. */
  time(field: number, ms: number): void {
    const seconds = Math.floor(ms / 1000);
    const nanos = Math.round((ms - seconds * 1000) * 1e6);
    const length =
      (seconds === 0 ? 0 : 1 + varintLength(seconds)) + (nanos === 0 ? 0 : 1 + varintLength(nanos));
    this.#head(field, length);
    this.integer(1, seconds, false);
    this.integer(2, nanos, false);
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #head(field: number, length: number): void {
    this.#room(15 + length);
    const at = writeVarint(this.#bytes, this.#length, (field << 3) | 2);
    this.#length = writeVarint(this.#bytes, at, length);
  }

  #room(bytes: number): void {
    if (this.#bytes.length - this.#length >= bytes) return;
    const grown = Buffer.allocUnsafe(2 * this.#bytes.length + bytes);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
