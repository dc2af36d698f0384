import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { bytesToText } from '../columns/bytes-text.ts';
import type { SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/** Functions of bytea, encodings and hashes (documentation 9.5). */

const bytes = (value: SqlValue | undefined) => value as Uint8Array;
const text = (value: SqlValue | undefined) => value as string;
const int = (value: SqlValue | undefined) => value as number;
const buffer = (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.length);

const encoder = new TextEncoder();

function encode(value: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return buffer(value).toString('hex');
    case 'base64':
      // Lines of 76 characters, as MIME.
      return buffer(value)
        .toString('base64')
        .replace(/.{76}(?=.)/g, '$&\n');
    case 'escape':
      return Array.from(value, (byte) => {
        if (byte === 92) return '\\\\';
        if (byte === 0 || byte > 127) return `\\${byte.toString(8).padStart(3, '0')}`;
        return String.fromCharCode(byte);
      }).join('');
    default:
      throw runtimeError(`unrecognized encoding: "${format}"`, '22023');
  }
}

function decode(source: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex': {
      const digits = source.replace(/[ \n\t\r]/g, '');
      const wrong = /[^0-9a-fA-F]/.exec(digits);
      if (wrong !== null) throw runtimeError(`invalid hexadecimal digit: "${wrong[0]}"`, '22023');
      if (digits.length % 2 === 1) {
        throw runtimeError('invalid hexadecimal data: odd number of digits', '22023');
      }
      return new Uint8Array(Buffer.from(digits, 'hex'));
    }
    case 'base64':
      return decodeBase64(source);
    case 'escape':
      return decodeEscape(source);
    default:
      throw runtimeError(`unrecognized encoding: "${format}"`, '22023');
  }
}

function decodeBase64(source: string): Uint8Array {
  const digits = source.replace(/[ \n\t\r]/g, '');
  const wrong = /[^A-Za-z0-9+/=]/.exec(digits);
  if (wrong !== null) {
    throw runtimeError(
      `invalid symbol "${wrong[0]}" found while decoding base64 sequence`,
      '22023',
    );
  }
  const isWhole = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(digits);
  if (!isWhole) {
    const early = /=(?!=?$)/.test(digits);
    throw runtimeError(
      early ? 'unexpected "=" while decoding base64 sequence' : 'invalid base64 end sequence',
      '22023',
    );
  }
  return new Uint8Array(Buffer.from(digits, 'base64'));
}

function decodeEscape(source: string): Uint8Array {
  const from = encoder.encode(source);
  const to: number[] = [];
  for (let at = 0; at < from.length; at++) {
    if (from[at] !== 92) {
      to.push(from[at]!);
      continue;
    }
    if (from[at + 1] === 92) {
      to.push(92);
      at++;
      continue;
    }
    const octal = String.fromCharCode(...from.subarray(at + 1, at + 4));
    if (!/^[0-3][0-7]{2}$/.test(octal)) {
      throw runtimeError('invalid input syntax for type bytea', '22P02');
    }
    to.push(Number.parseInt(octal, 8));
    at += 3;
  }
  return Uint8Array.from(to);
}

function checkIndex(index: number | bigint, length: number): number {
  if (index < 0 || index >= length) {
    throw runtimeError(`index ${index} out of valid range, 0..${length - 1}`, '2202E');
  }
  return Number(index);
}

function withByte(value: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(value);
  copy[at] = byte;
  return copy;
}

function setBit(value: Uint8Array, index: bigint, bit: number): Uint8Array {
  const at = checkIndex(index, value.length * 8);
  if (bit !== 0 && bit !== 1) throw runtimeError('new bit must be 0 or 1', '22023');
  const mask = 1 << (at & 7);
  const byte = value[at >> 3]!;
  return withByte(value, at >> 3, bit === 1 ? byte | mask : byte & ~mask);
}

/** Bytes of the first that are any of the second, cut from the ends. */
function trim(value: Uint8Array, set: Uint8Array, atStart: boolean, atEnd: boolean): Uint8Array {
  let from = 0;
  let to = value.length;
  while (atStart && from < to && set.includes(value[from]!)) from++;
  while (atEnd && to > from && set.includes(value[to - 1]!)) to--;
  return value.slice(from, to);
}

function position(value: Uint8Array, part: Uint8Array): number {
  return buffer(value).indexOf(buffer(part)) + 1;
}

function overlay(value: Uint8Array, part: Uint8Array, start: number, count: number): Uint8Array {
  if (start <= 0) throw runtimeError('negative substring length not allowed', '22011');
  if (start + count > 2_147_483_647) throw runtimeError('integer out of range', '22003');
  const head = value.subarray(0, Math.min(start - 1, value.length));
  const tail = value.subarray(Math.min(Math.max(start + count - 1, 0), value.length));
  return Uint8Array.from([...head, ...part, ...tail]);
}

const utf8Names = /^utf-?8$/i;

const otherEncodings = /^(latin|iso|win|koi8|euc|sjis|big5|gbk|uhc|sql_ascii|johab|mule)/i;

function checkedUtf8(name: string): void {
  if (!utf8Names.test(name)) {
    if (!otherEncodings.test(name)) {
      throw runtimeError(`invalid encoding name "${name}"`, '22023');
    }
    throw runtimeError(`encoding "${name}" is not supported: texts are UTF-8`, '0A000');
  }
}

function convertFrom(value: Uint8Array, name: string): string {
  checkedUtf8(name);
  if (!isUtf8(value) || value.includes(0)) {
    throw runtimeError('invalid byte sequence for encoding "UTF8"', '22021');
  }
  return bytesToText(value);
}

const hashes = ['sha224', 'sha256', 'sha384', 'sha512'] as const;

/** CRC-32C (Castagnoli), bit by bit through a table. */
const castagnoli = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

function crc32c(value: Uint8Array): bigint {
  let crc = 0xffffffff;
  for (const byte of value) crc = castagnoli[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return BigInt((crc ^ 0xffffffff) >>> 0);
}

const bitsIn = Uint8Array.from(
  { length: 256 },
  (_, byte) => byte.toString(2).replaceAll('0', '').length,
);

export const bytesFunctions: readonly ScalarFunction[] = [
  define('encode(bytea, text) text', ([a, format]) => encode(bytes(a), text(format))),
  define('decode(text, text) bytea', ([a, format]) => decode(text(a), text(format))),
  define('convert_from(bytea, text) text', ([a, name]) => convertFrom(bytes(a), text(name))),
  define('convert_to(text, text) bytea', ([a, name]) => {
    checkedUtf8(text(name));
    return encoder.encode(text(a));
  }),
  ...hashes.map((name) =>
    define(
      `${name}(bytea) bytea`,
      ([a]) => new Uint8Array(createHash(name).update(bytes(a)).digest()),
    ),
  ),
  define('crc32(bytea) bigint', ([a]) => BigInt(crc32(bytes(a)))),
  define('crc32c(bytea) bigint', ([a]) => crc32c(bytes(a))),
  define('bit_length(bytea) integer', ([a]) => 8 * bytes(a).length),
  define('bit_length(text) integer', ([a]) => 8 * Buffer.byteLength(text(a))),
  define('bit_count(bytea) bigint', ([a]) =>
    BigInt(bytes(a).reduce((sum, byte) => sum + bitsIn[byte]!, 0)),
  ),
  define(
    'get_byte(bytea, integer) integer',
    ([a, index]) => bytes(a)[checkIndex(int(index), bytes(a).length)]!,
  ),
  define('set_byte(bytea, integer, integer) bytea', ([a, index, byte]) =>
    withByte(bytes(a), checkIndex(int(index), bytes(a).length), int(byte)),
  ),
  define('get_bit(bytea, bigint) integer', ([a, index]) => {
    const at = checkIndex(index as bigint, bytes(a).length * 8);
    return (bytes(a)[at >> 3]! >> (at & 7)) & 1;
  }),
  define('set_bit(bytea, bigint, integer) bytea', ([a, index, bit]) =>
    setBit(bytes(a), index as bigint, int(bit)),
  ),
  define('btrim(bytea, bytea) bytea', ([a, set]) => trim(bytes(a), bytes(set), true, true)),
  define('ltrim(bytea, bytea) bytea', ([a, set]) => trim(bytes(a), bytes(set), true, false)),
  define('rtrim(bytea, bytea) bytea', ([a, set]) => trim(bytes(a), bytes(set), false, true)),
  define('position(bytea, bytea) integer', ([a, part]) => position(bytes(a), bytes(part))),
  define('overlay(bytea, bytea, integer) bytea', ([a, part, start]) =>
    overlay(bytes(a), bytes(part), int(start), bytes(part).length),
  ),
  define('overlay(bytea, bytea, integer, integer) bytea', ([a, part, start, count]) =>
    overlay(bytes(a), bytes(part), int(start), int(count)),
  ),
  define('reverse(bytea) bytea', ([a]) => Uint8Array.from(bytes(a)).reverse()),
  define(
    'length(bytea, text) integer',
    ([a, name]) => [...convertFrom(bytes(a), text(name))].length,
  ),
];
