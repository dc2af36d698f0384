import { typeName } from '../columns/type-name.ts';
import { SqlArray, type SqlType, type SqlValue } from '../columns/types.ts';
import { define, type ScalarFunction } from './function.ts';

/** Counting NULLs, types as text, uuids, where one is (documentation 9.2, 9.14, 9.26, 9.27). */

/** PostgreSQL knows a row only as `record`. */
function shownType(type: SqlType | undefined): string {
  if (type?.kind === 'record') return 'record';
  if (type?.kind === 'array' && type.element.kind === 'record') return 'record[]';
  return type === undefined
    ? 'unknown'
    : typeName(type)
        .replace(/\(.*?\)/, '')
        .replace(/^bpchar/, 'character');
}

function nullsOf(args: readonly SqlValue[]): number {
  return args.filter((arg) => arg === null).length;
}

const seven = (bytes: SqlValue | undefined) => (bytes as Uint8Array)[6]! >> 4;
const isRfc = (bytes: SqlValue | undefined) => (bytes as Uint8Array)[8]! >> 6 === 2;

/** 100 ns units from 1582-10-15 to 1970-01-01. */
const gregorianUnits = 122_192_928_000_000_000n;

function uuidTime(value: SqlValue | undefined): SqlValue {
  const bytes = value as Uint8Array;
  if (!isRfc(bytes)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  if (seven(bytes) === 7) {
    return ((BigInt(view.getUint32(0)) << 16n) | BigInt(view.getUint16(4))) * 1000n;
  }
  if (seven(bytes) !== 1) return null;
  const units =
    (BigInt(view.getUint16(6) & 0xfff) << 48n) |
    (BigInt(view.getUint16(4)) << 32n) |
    BigInt(view.getUint32(0));
  return (units - gregorianUnits) / 10n;
}

/** What tools ask for first. There is one database, one schema, and one role that SQL knows of. */
const whereabouts: readonly ScalarFunction[] = [
  ...['current_database', 'current_catalog'].map((name) =>
    define(`${name}() text`, () => 'millrace'),
  ),
  ...['current_user', 'current_role', 'session_user', 'user'].map((name) =>
    define(`${name}() text`, () => 'millrace'),
  ),
  define('current_schema() text', () => 'public'),
  define(
    'current_schemas(boolean) text[]',
    ([implicit]) => new SqlArray(implicit === true ? ['pg_catalog', 'public'] : ['public']),
  ),
  // As SHOW server_version says it; drivers look for the number behind the first word.
  define('version() text', () => 'PostgreSQL 17.0 (Millrace)'),
];

export const misc: readonly ScalarFunction[] = [
  define('num_nulls(VARIADIC any) integer', nullsOf, { strict: false }),
  define('num_nonnulls(VARIADIC any) integer', (args) => args.length - nullsOf(args), {
    strict: false,
  }),
  define('pg_typeof(any) text', (_args, _, [type]) => shownType(type), { strict: false }),
  ...whereabouts,
  define('uuid_extract_version(uuid) smallint', ([a]) => (isRfc(a) ? seven(a) : null)),
  define('uuid_extract_timestamp(uuid) timestamp with time zone', ([a]) => uuidTime(a)),
];
