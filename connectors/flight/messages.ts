import protobuf from 'protobufjs';
import { MillraceError } from '../../platform/errors.ts';
import { flightProto, flightSqlProto, handleProto } from './proto.ts';

const root = new protobuf.Root();
for (const text of [flightProto, flightSqlProto, handleProto]) protobuf.parse(text, root);
root.resolveAll();

/** Bytes of one protobuf message and back. `decode` throws MALFORMED. */
export interface Codec<T> {
  encode(value: T): Buffer;
  decode(bytes: Uint8Array): T;
}

/** Decoded objects have every field but the absent `optional` ones; int64 become numbers. */
function codecOf<T extends object>(name: string): Codec<T> {
  const type = root.lookupType(name);
  return {
    encode: (value) => Buffer.from(type.encode(type.fromObject(value)).finish()),
    decode(bytes) {
      try {
        // Not BufferReader, protobufjs' choice for a Buffer: it accepts strings that are cut off.
        const reader = new protobuf.Reader(bytes);
        return type.toObject(type.decode(reader), { defaults: true, longs: Number }) as T;
      } catch (error) {
        throw new MillraceError('MALFORMED', `not a ${name} message`, { cause: error });
      }
    },
  };
}

export interface FlightDescriptor {
  readonly type: number;
  readonly cmd: Uint8Array;
}
export interface Ticket {
  readonly ticket: Uint8Array;
}
export interface FlightInfo {
  readonly schema: Uint8Array;
  readonly flightDescriptor?: FlightDescriptor | null;
  readonly endpoint: readonly { readonly ticket: Ticket | null }[];
  readonly totalRecords: number;
  readonly totalBytes: number;
}
export interface FlightData {
  readonly flightDescriptor: FlightDescriptor | null;
  readonly dataHeader: Uint8Array;
  readonly appMetadata: Uint8Array;
  readonly dataBody: Uint8Array;
}
export interface Body {
  readonly body: Uint8Array;
}
export interface StatementHandle {
  readonly query: string;
  readonly execution: number;
  readonly progress: boolean;
  /** Of a statement that has run already: what it said. */
  readonly done?: CommandOutcome | null;
  readonly parameters?: readonly ParameterSet[];
}
/** Values as text; an absent one is NULL. */
export interface ParameterSet {
  readonly values: readonly { readonly text?: string }[];
}
export interface CommandOutcome {
  readonly tag: string;
  readonly rowsAffected?: number;
}
/** One of the fields; none unsets the option. */
export interface SessionOptionValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly int64Value?: number;
  readonly doubleValue?: number;
  readonly stringListValue?: { readonly values: readonly string[] } | null;
}
interface SessionOptions {
  readonly sessionOptions: Readonly<Record<string, SessionOptionValue>>;
}
export interface StatementMetadata {
  readonly progress?: { readonly done: number; readonly total: number } | null;
  readonly command?: CommandOutcome | null;
}

const flight = 'arrow.flight.protocol';
export const flightDescriptor = codecOf<FlightDescriptor>(`${flight}.FlightDescriptor`);
export const ticketMessage = codecOf<Ticket>(`${flight}.Ticket`);
export const flightInfo = codecOf<FlightInfo>(`${flight}.FlightInfo`);
export const schemaResult = codecOf<{ readonly schema: Uint8Array }>(`${flight}.SchemaResult`);
export const flightData = codecOf<FlightData>(`${flight}.FlightData`);
export const putResult = codecOf<{ readonly appMetadata: Uint8Array }>(`${flight}.PutResult`);
export const action = codecOf<Body & { readonly type: string }>(`${flight}.Action`);
export const actionType = codecOf<{ readonly type: string; readonly description: string }>(
  `${flight}.ActionType`,
);
export const result = codecOf<Body>(`${flight}.Result`);
export const handshakeResponse = codecOf<{ readonly payload: Uint8Array }>(
  `${flight}.HandshakeResponse`,
);
export const cancelRequest = codecOf<{ readonly info: FlightInfo | null }>(
  `${flight}.CancelFlightInfoRequest`,
);
export const cancelResult = codecOf<{ readonly status: number }>(
  `${flight}.CancelFlightInfoResult`,
);
export const closeSessionResult = codecOf<{ readonly status: number }>(
  `${flight}.CloseSessionResult`,
);

export const sessionOptions = codecOf<SessionOptions>(`${flight}.SetSessionOptionsRequest`);
export const sessionSettings = codecOf<SessionOptions>(`${flight}.GetSessionOptionsResult`);
export const sessionSettingsResult = codecOf<{
  readonly errors: Readonly<Record<string, { readonly value: number }>>;
}>(`${flight}.SetSessionOptionsResult`);

export const statementHandle = codecOf<StatementHandle>('millrace.flight.StatementHandle');
export const statementMetadata = codecOf<StatementMetadata>('millrace.flight.StatementMetadata');

const sql = `${flight}.sql`;
export const updateResult = codecOf<{ readonly recordCount: number }>(`${sql}.DoPutUpdateResult`);
export const bindResult = codecOf<{ readonly preparedStatementHandle: Uint8Array }>(
  `${sql}.DoPutPreparedStatementResult`,
);

/** The messages that travel inside an Any, by the name in its type URL. */
export interface SqlMessages {
  readonly CommandStatementQuery: { readonly query: string };
  readonly CommandStatementUpdate: { readonly query: string };
  readonly TicketStatementQuery: { readonly statementHandle: Uint8Array };
  readonly CommandPreparedStatementQuery: { readonly preparedStatementHandle: Uint8Array };
  readonly CommandPreparedStatementUpdate: { readonly preparedStatementHandle: Uint8Array };
  readonly CommandGetSqlInfo: { readonly info: readonly number[] };
  readonly CommandGetCatalogs: object;
  readonly CommandGetDbSchemas: {
    readonly catalog?: string;
    readonly dbSchemaFilterPattern?: string;
  };
  readonly CommandGetTables: {
    readonly catalog?: string;
    readonly dbSchemaFilterPattern?: string;
    readonly tableNameFilterPattern?: string;
    readonly tableTypes: readonly string[];
    readonly includeSchema: boolean;
  };
  readonly CommandGetTableTypes: object;
  readonly CommandGetPrimaryKeys: {
    readonly catalog?: string;
    readonly dbSchema?: string;
    readonly table: string;
  };
  readonly ActionCreatePreparedStatementRequest: { readonly query: string };
  readonly ActionCreatePreparedStatementResult: {
    readonly preparedStatementHandle: Uint8Array;
    readonly datasetSchema: Uint8Array;
    readonly parameterSchema: Uint8Array;
    readonly isUpdate?: boolean;
  };
  readonly ActionClosePreparedStatementRequest: { readonly preparedStatementHandle: Uint8Array };
}

/** One message of an Any. */
export type SqlMessage = {
  [Name in keyof SqlMessages]: { readonly name: Name; readonly value: SqlMessages[Name] };
}[keyof SqlMessages];

/** A message of `arrow.flight.protocol.sql`, for the bytes of an Any. */
export function sqlCodec<Name extends keyof SqlMessages>(name: Name): Codec<SqlMessages[Name]> {
  return codecOf<SqlMessages[Name]>(`${sql}.${name}`);
}
