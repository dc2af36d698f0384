import { randomBytes } from 'node:crypto';
import type { Random } from './random.ts';

/** The operating system's randomness. */
export const systemRandom: Random = {
  uint32: () => randomBytes(4).readUInt32LE(0),
  float: () => Math.random(),
  below: (bound) => Math.floor(Math.random() * bound),
  bytes: (count) => (count <= smallBytes ? pooled(count) : new Uint8Array(randomBytes(count))),
};

const poolBytes = 4096;
const smallBytes = 64;
let pool = new Uint8Array(0);
let used = 0;

/** Few bytes, of many that were asked of the system at once: a call costs far more than a byte. */
function pooled(count: number): Uint8Array {
  if (pool.length - used < count) {
    pool = new Uint8Array(randomBytes(poolBytes));
    used = 0;
  }
  const bytes = pool.slice(used, used + count);
  // What was given out is nowhere else.
  pool.fill(0, used, used + count);
  used += count;
  return bytes;
}
