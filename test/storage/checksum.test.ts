import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { checksum } from '../../storage/log/checksum.ts';
import { seed } from '../random-seed.ts';

test(`the checksum of any piece of a buffer, short or long, is the CRC-32 of zlib (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  const whole = Buffer.alloc(2048);
  for (let i = 0; i < whole.length; i++) whole[i] = random.below(256);
  // In the middle of a larger one, as Node's pool gives them.
  const bytes = whole.subarray(5, 2000);
  for (let length = 0; length <= 1200; length++) {
    const start = random.below(bytes.length - length);
    const piece = bytes.subarray(start, start + length);
    expect(checksum(bytes, start, start + length), `${length} bytes`).toBe(crc32(piece) >>> 0);
  }
});
