/**
 * CRC-32 of a stretch of bytes out of the CRCs of its parts, as zlib's `crc32_combine` has it:
 * of A and then B it is the CRC of A moved on by B's length, and the CRC of B xored in. Moving on is
 * linear in the bits, and one-to-one. Many small parts can so be checked with one call of
 * `zlib.crc32` over all of them: a call for each costs more than its work.
 */

/** Bits of the length of a part. */
const lengthBits = 31;
const polynomial = 0xedb88320;
const tableSize = 4 * 256;

/** For each bit k, the four bytes of a CRC moved on by 2 ** k bytes. */
let shifts: Int32Array | undefined;

/** Checksum, as int32, of what has `crc`, four bytes that hold `word` and then `word2`. */
export function crcOfTwoWords(crc: number, word: number, word2: number): number {
  shifts ??= shiftTables();
  const tables = shifts;
  return ~shifted(tables, 2, shifted(tables, 2, ~crc ^ word) ^ word2);
}

/** Checksum, as int32, of what has `crc` and then `length` bytes that have `next`. */
export function joinedCrc(crc: number, next: number, length: number): number {
  shifts ??= shiftTables();
  const tables = shifts;
  let moved = crc;
  for (let left = length; left !== 0; left &= left - 1) {
    moved = shifted(tables, 31 - Math.clz32(left & -left), moved);
  }
  return moved ^ next;
}

function shifted(tables: Int32Array, bit: number, crc: number): number {
  const at = bit * tableSize;
  return (
    tables[at + (crc & 0xff)]! ^
    tables[at + 256 + ((crc >>> 8) & 0xff)]! ^
    tables[at + 512 + ((crc >>> 16) & 0xff)]! ^
    tables[at + 768 + (crc >>> 24)]!
  );
}

function shiftTables(): Int32Array {
  const tables = new Int32Array(lengthBits * tableSize);
  for (let i = 0; i < tableSize; i++) {
    let crc = (i & 0xff) << (8 * (i >> 8));
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (polynomial & -(crc & 1));
    tables[i] = crc;
  }
  for (let k = 1; k < lengthBits; k++) {
    const half = tables.subarray((k - 1) * tableSize, k * tableSize);
    for (let i = 0; i < tableSize; i++) tables[k * tableSize + i] = shifted(half, 0, half[i]!);
  }
  return tables;
}
