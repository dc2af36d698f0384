import { randomBytes } from 'node:crypto';
import type { Random } from './random.ts';

/** The operating system's randomness. */
export const systemRandom: Random = {
  uint32: () => randomBytes(4).readUInt32LE(0),
  float: () => Math.random(),
  below: (bound) => Math.floor(Math.random() * bound),
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
