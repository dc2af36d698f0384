import {
  Metadata,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import type { SqlResult, SqlService } from '../../engine/views/sql-service.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Random } from '../../platform/random.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { catalogName } from './catalogue.ts';
import {
  type SessionOptionValue,
  sessionOptions,
  sessionSettings,
  sessionSettingsResult,
} from './messages.ts';

/**
 * Sessions of Flight SQL. A client is known by the cookie `arrow_flight_session_id`, which the
 * first answer gives it (reference flight-sql, 1.3); one that keeps no cookies has a new session in
 * each call.
 */
const cookieName = 'arrow_flight_session_id';

type Call =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

/** The call's session; a new one's cookie goes out with the call's headers. */
export function sessionOf(call: Call, random: Random): string {
  for (const header of call.metadata.get('cookie')) {
    const found = cookieOf(String(header));
    if (found !== undefined) return found;
  }
  const id = Buffer.from(random.bytes(16)).toString('hex');
  const headers = new Metadata();
  headers.set('set-cookie', `${cookieName}=${id}`);
  call.sendMetadata(headers);
  return id;
}

/** The session of a `Cookie` or `Set-Cookie` header. */
export function cookieOf(header: string): string | undefined {
  const match = new RegExp(`(?:^|;)\\s*${cookieName}=([\\w-]{1,64})`).exec(header);
  return match?.[1];
}

export function cookieHeader(session: string): string {
  return `${cookieName}=${session}`;
}

const invalidName = 1;
const invalidValue = 2;
/** Names of Flight SQL for settings of ours. */
const settingNames: Readonly<Record<string, string>> = { schema: 'search_path' };

/** SetSessionOptions: each option is a SET; those that fail are told apart by name or value. */
export async function setOptions(
  sql: SqlService,
  body: Uint8Array,
  session: string,
): Promise<Uint8Array> {
  const errors: Record<string, { readonly value: number }> = {};
  for (const [name, value] of Object.entries(sessionOptions.decode(body).sessionOptions)) {
    const error = await setOption(sql, name, textOf(value), session);
    if (error !== undefined) errors[name] = { value: error };
  }
  return sessionSettingsResult.encode({ errors });
}

async function setOption(
  sql: SqlService,
  name: string,
  value: string | undefined,
  session: string,
): Promise<number | undefined> {
  if (name === 'catalog') {
    return value === undefined || value === catalogName ? undefined : invalidValue;
  }
  const setting = `"${(settingNames[name] ?? name).replaceAll('"', '""')}"`;
  const text = value === undefined ? 'DEFAULT' : `'${value.replaceAll("'", "''")}'`;
  try {
    await sql.execute(`SET ${setting} = ${text}`, { session });
    return undefined;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (error.sqlState === '22023') return invalidValue;
    if (error.sqlState === '42704') return invalidName;
    throw error;
  }
}

/** A value that is not there unsets the option. */
function textOf(value: SessionOptionValue): string | undefined {
  const { stringValue, boolValue, int64Value, doubleValue, stringListValue } = value;
  const given = stringValue ?? boolValue ?? int64Value ?? doubleValue;
  return stringListValue ? stringListValue.values.join(', ') : given?.toString();
}

/** GetSessionOptions: all settings as text. */
export async function getOptions(sql: SqlService, session: string): Promise<Uint8Array> {
  const options: Record<string, SessionOptionValue> = { catalog: { stringValue: catalogName } };
  for (const [name, value] of await rowsOf(await sql.execute('SHOW settings', { session }))) {
    options[name === 'search_path' ? 'schema' : name!] = { stringValue: value! };
  }
  return sessionSettings.encode({ sessionOptions: options });
}

async function rowsOf(result: SqlResult): Promise<string[][]> {
  const rows: string[][] = [];
  if (result.kind === 'command') return rows;
  for await (const { columns, rowCount } of result.batches) {
    for (let row = 0; row < rowCount; row++) {
      rows.push(columns.map((column) => String(valueAt(column, row))));
    }
  }
  return rows;
}
