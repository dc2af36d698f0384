import { isUtf8 } from 'node:buffer';
import { createHash, createHmac, getHashes } from 'node:crypto';
import { Json } from '../columns/json.ts';
import type { Decimal, SqlType, SqlValue } from '../columns/types.ts';
import { SqlArray } from '../columns/types.ts';
import { addDecimals } from './arithmetic.ts';
import { compareValues } from './compare.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/** Functions that RisingWave has beyond PostgreSQL's; names, arguments and results are its. */

const present = (value: SqlValue | undefined) =>
  (value as SqlArray).items.filter((item) => item !== null);
const elementOf = (type: SqlType | undefined): SqlType =>
  type?.kind === 'array' ? type.element : type!;

/** The largest item, or with sign -1 the smallest; NULL where there is none. */
function extreme(type: SqlType, items: readonly SqlValue[], sign: number): SqlValue {
  if (items.length === 0) return null;
  return items.reduce((best, item) => (sign * compareValues(type, item, best) > 0 ? item : best));
}

function distinct(type: SqlType, items: readonly SqlValue[]): SqlArray {
  const kept: SqlValue[] = [];
  for (const item of items) {
    const isNew = !kept.some((known) =>
      known === null || item === null ? known === item : compareValues(type, known, item) === 0,
    );
    if (isNew) kept.push(item);
  }
  return new SqlArray(kept);
}

function bigSum(items: readonly SqlValue[]): bigint {
  return items.reduce((sum: bigint, item) => sum + BigInt(item as number | bigint), 0n);
}

function sums(): ScalarFunction[] {
  const whole = (result: (sum: bigint) => SqlValue) => (args: readonly SqlValue[]) => {
    const items = present(args[0]);
    return items.length === 0 ? null : result(bigSum(items));
  };
  return [
    define(
      'array_sum(smallint[]) bigint',
      whole((sum) => sum),
    ),
    define(
      'array_sum(integer[]) bigint',
      whole((sum) => sum),
    ),
    define(
      'array_sum(bigint[]) numeric',
      whole((unscaled) => ({ unscaled, scale: 0 })),
    ),
    define('array_sum(numeric[]) numeric', ([a]) => {
      const [first, ...rest] = present(a) as Decimal[];
      if (first === undefined) return null;
      return rest.reduce((sum, item) => addDecimals(sum, item, 1n), first);
    }),
    define('array_sum(double precision[]) double precision', ([a]) => {
      const items = present(a) as number[];
      return items.length === 0 ? null : items.reduce((sum, item) => sum + item, 0);
    }),
  ];
}

function hmac(secret: string, payload: Uint8Array, hash: string): Uint8Array {
  if (!/^sha\d+$/i.test(hash) || !getHashes().includes(hash.toLowerCase())) {
    throw runtimeError(
      `the hash "${hash}" is not known: sha1, sha256, sha384 and sha512 are`,
      '22023',
    );
  }
  return new Uint8Array(createHmac(hash.toLowerCase(), secret).update(payload).digest());
}

const addressPattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** An IPv4 address as a number. */
function addressNumber(address: string): bigint {
  const parts = addressPattern.exec(address)?.slice(1).map(Number) ?? [];
  if (parts.length !== 4 || parts.some((part) => part > 255)) {
    throw runtimeError(`invalid IPv4 address: "${address}"`, '22P02');
  }
  return BigInt(parts.reduce((number, part) => number * 256 + part, 0));
}

function addressText(number: bigint): string {
  if (number < 0n || number > 0xffffffffn) {
    throw runtimeError(`${number} is no IPv4 address`, '22003');
  }
  return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.');
}

function textOf(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  throw runtimeError('invalid byte sequence for encoding "UTF8"', '22021');
}

/** What IS JSON asks, as the analyzer writes it. */
const jsonTests: readonly ScalarFunction[] = [
  define('is_json(text) boolean', ([a]) => Json.isJson(a as string, 'value', false)),
  define('is_json(text, text, boolean) boolean', ([a, type, unique]) =>
    Json.isJson(a as string, type as string, unique === true),
  ),
  define('is_json(bytea, text, boolean) boolean', ([a, type, unique]) =>
    Json.isJson(textOf(a as Uint8Array), type as string, unique === true),
  ),
];

export const neighbours: readonly ScalarFunction[] = [
  ...jsonTests,
  define('array_max(anyarray) anyelement', ([a], _, [type]) =>
    extreme(elementOf(type), present(a), 1),
  ),
  define('array_min(anyarray) anyelement', ([a], _, [type]) =>
    extreme(elementOf(type), present(a), -1),
  ),
  define('array_distinct(anyarray) anyarray', ([a], _, [type]) =>
    distinct(elementOf(type), (a as SqlArray).items),
  ),
  ...sums(),
  define(
    'sha1(bytea) bytea',
    ([a]) =>
      new Uint8Array(
        createHash('sha1')
          .update(a as Uint8Array)
          .digest(),
      ),
  ),
  define('hmac(text, bytea, text) bytea', ([secret, payload, hash]) =>
    hmac(secret as string, payload as Uint8Array, hash as string),
  ),
  define('inet_aton(text) bigint', ([a]) => addressNumber(a as string)),
  define('inet_ntoa(bigint) text', ([a]) => addressText(a as bigint)),
];
