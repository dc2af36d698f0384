import { crc32 } from 'node:zlib';

/**
 * Up to so many bytes the tables below are faster than `zlib.crc32`, whose call alone, with the view
 * that it wants, takes as long as 300 bytes here; its instructions for it win after that.
 */
const tabledBytesMax = 384;

/**
 * Entry 256 k + n is the CRC of the byte n followed by k zeros, so that sixteen bytes are looked up
 * at once ("slicing by 16": Kounavis and Berry, A systematic approach to building high performance
 * software-based CRC generators, 2005).
 */
const tables = new Int32Array(16 * 256);
for (let n = 0; n < 256; n++) {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  tables[n] = crc;
}
for (let at = 256; at < tables.length; at++) {
  const shorter = tables[at - 256]!;
  tables[at] = (shorter >>> 8) ^ tables[shorter & 255]!;
}

/** CRC-32 of bytes [start, end), as `zlib.crc32` gives it, 0 to 2^32 - 1. */
export function checksum(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= tabledBytesMax) return tabledChecksum(bytes, start, end);
  // Not `subarray`: that takes twice as long on a Buffer.
  return crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
}

function tabledChecksum(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    crc =
      tables[3840 + ((crc ^ bytes[at]!) & 255)]! ^
      tables[3584 + (((crc >>> 8) ^ bytes[at + 1]!) & 255)]! ^
      tables[3328 + (((crc >>> 16) ^ bytes[at + 2]!) & 255)]! ^
      tables[3072 + ((crc >>> 24) ^ bytes[at + 3]!)]! ^
      tables[2816 + bytes[at + 4]!]! ^
      tables[2560 + bytes[at + 5]!]! ^
      tables[2304 + bytes[at + 6]!]! ^
      tables[2048 + bytes[at + 7]!]! ^
      tables[1792 + bytes[at + 8]!]! ^
      tables[1536 + bytes[at + 9]!]! ^
      tables[1280 + bytes[at + 10]!]! ^
      tables[1024 + bytes[at + 11]!]! ^
      tables[768 + bytes[at + 12]!]! ^
      tables[512 + bytes[at + 13]!]! ^
      tables[256 + bytes[at + 14]!]! ^
      tables[bytes[at + 15]!]!;
  }
  for (; at < end; at++) crc = tables[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
