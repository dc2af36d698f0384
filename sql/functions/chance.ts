import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import type { SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/**
 * Functions whose value is another one at each call (documentation 9.3, table 9.6, and 9.14): a
 * statement evaluates them once per row, and views refuse them. Chance comes from the system: a seed
 * would be the session's, and there is none (setseed is refused).
 */
const isVolatile = { volatile: true } as const;

export const chance: readonly ScalarFunction[] = [
  define('random() double precision', () => systemRandom.float(), isVolatile),
  define(
    'random(integer, integer) integer',
    ([low, high]) => Number(between(low!, high!)),
    isVolatile,
  ),
  define('random(bigint, bigint) bigint', ([low, high]) => between(low!, high!), isVolatile),
  define('random_normal() double precision', () => normal(), isVolatile),
  define(
    'random_normal(double precision, double precision) double precision',
    ([mean, deviation]) => (mean as number) + (deviation as number) * normal(),
    isVolatile,
  ),
  define('gen_random_uuid() uuid', () => versioned(systemRandom.bytes(16), 4), isVolatile),
  define('uuidv4() uuid', () => versioned(systemRandom.bytes(16), 4), isVolatile),
  define('uuidv7() uuid', () => timedUuid(systemClock.nowMs()), isVolatile),
  define(
    'setseed(double precision) text',
    () => {
      throw runtimeError('a seed for random() is not supported', '0A000');
    },
    isVolatile,
  ),
];

/** A whole number from low to high, both included. */
function between(low: SqlValue, high: SqlValue): bigint {
  const [from, to] = [BigInt(low as number | bigint), BigInt(high as number | bigint)];
  if (from > to)
    throw runtimeError('lower bound must be less than or equal to upper bound', '22023');
  const count = to - from + 1n;
  // 96 bits for a range of at most 64: what is left over at the end does not show.
  const wide = Buffer.from(systemRandom.bytes(12)).toString('hex');
  return from + (BigInt(`0x${wide}`) % count);
}

/** Of mean 0 and deviation 1 (G. Box, M. Muller, 1958). */
function normal(): number {
  const radius = Math.sqrt(-2 * Math.log(1 - systemRandom.float()));
  return radius * Math.cos(2 * Math.PI * systemRandom.float());
}

/** With the bits that RFC 9562 gives to version and variant. */
function versioned(bytes: Uint8Array, version: number): Uint8Array {
  bytes[6] = (version << 4) | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return bytes;
}

/** RFC 9562, 5.7: 48 bits of Unix time in milliseconds, then chance. */
function timedUuid(nowMs: number): Uint8Array {
  const bytes = systemRandom.bytes(16);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(nowMs));
  bytes.set(time.subarray(2), 0);
  return versioned(bytes, 7);
}
