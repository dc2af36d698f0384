import { MillraceError } from '../../platform/errors.ts';

/** Reading protobuf fields in place (protobuf.dev/programming-guides/encoding). Throws CORRUPTION. */

/** Where the last read varint ended; a second result without an allocation. */
export let nextAt = 0;

export function varint(buffer: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let shift = 0; at < end && shift < 35; shift += 7) {
    const byte = buffer[at++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) {
      nextAt = at;
      return value;
    }
  }
  throw corrupt();
}

export function skip(buffer: Uint8Array, at: number, end: number, tag: number): number {
  let next = at;
  switch (tag & 7) {
    case 0:
      while (next < end && buffer[next]! >= 128) next++;
      next++;
      break;
    case 1:
      next += 8;
      break;
    case 2: {
      const length = varint(buffer, at, end);
      next = nextAt + length;
      break;
    }
    case 5:
      next += 4;
      break;
    default:
      throw corrupt();
  }
  if (next > end) throw corrupt();
  return next;
}

export function corrupt(): MillraceError {
  return new MillraceError('CORRUPTION', 'an entry of the log is not a SendMessageRequest');
}

/** A length-delimited field. */
export function bytesField(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return joined([varintBytes(number * 8 + 2), varintBytes(length), ...parts]);
}

export function textField(number: number, text: string): Uint8Array {
  return bytesField(number, new TextEncoder().encode(text));
}

export function varintField(number: number, value: number): Uint8Array {
  return joined([varintBytes(number * 8), varintBytes(value)]);
}

function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
