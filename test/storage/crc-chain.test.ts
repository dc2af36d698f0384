import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { crcOfTwoWords, joinedCrc } from '../../storage/log/crc-chain.ts';
import { areIntact, encodeEntry, entryHeaderBytes } from '../../storage/log/entry-format.ts';
import { entryKinds } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';

const viewOf = ({ buffer, byteOffset, length }: Buffer) => new DataView(buffer, byteOffset, length);

function entriesOf(bodies: readonly number[]): Buffer {
  const bytes = Buffer.alloc(bodies.reduce((sum, length) => sum + length + entryHeaderBytes, 0));
  let at = 0;
  for (const [i, length] of bodies.entries()) {
    const request = { topicId: 1, queueId: i, kind: entryKinds.rows, count: 1, tagHash: 9 };
    const body = Buffer.alloc(length, i + 1);
    const stamp = { commit: 1, commitDistance: at, baseOffset: i, storeTimeMs: 5 };
    at += encodeEntry(bytes, viewOf(bytes), at, { ...request, body, firstIdHash: i }, stamp);
  }
  return bytes;
}

describe('CRCs of entries in a row', () => {
  test('the CRC of parts is that of the whole', () => {
    const random = new SeededRandom(seed);
    for (let run = 0; run < 200; run++) {
      const first = Buffer.from(Array.from({ length: random.below(50) }, () => random.below(256)));
      const words = Buffer.from(Array.from({ length: 8 }, () => random.below(256)));
      const rest = Buffer.alloc(random.below(2 ** (1 + random.below(20))), random.below(256));
      const before = crc32(first) | 0;
      const whole = crc32(Buffer.concat([first, words, rest]));
      const middle = crcOfTwoWords(before, words.readInt32LE(0), words.readInt32LE(4));
      expect(middle >>> 0).toBe(crc32(Buffer.concat([first, words])));
      expect(joinedCrc(middle, crc32(rest) | 0, rest.length) >>> 0).toBe(whole);
    }
  });

  test('any bit changed in any of them, or a cut, shows', () => {
    const bytes = entriesOf([6, 0, 300, 1]);
    expect(areIntact(bytes, viewOf(bytes))).toBe(true);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(areIntact(bytes, viewOf(bytes)), `bit ${bit}`).toBe(false);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    for (let end = 1; end < bytes.length; end++) {
      const cut = bytes.subarray(0, end);
      const isBoundary = [70, 134, 498].includes(end);
      expect(areIntact(cut, viewOf(cut)), `cut at ${end}`).toBe(isBoundary);
    }
  });
});
