import protobuf from 'protobufjs';
import { MillraceError } from '../../platform/errors.ts';
import { type Codec, type SqlMessage, type SqlMessages, sqlCodec } from './messages.ts';

/**
 * google.protobuf.Any around the commands of Flight SQL: type_url = 1, value = 2. Readers go by
 * what follows the last `/` of the URL.
 */
const typePrefix = 'type.googleapis.com/arrow.flight.protocol.sql.';

const codecs: { readonly [Name in keyof SqlMessages]: Codec<SqlMessages[Name]> } = {
  CommandStatementQuery: sqlCodec('CommandStatementQuery'),
  CommandStatementUpdate: sqlCodec('CommandStatementUpdate'),
  TicketStatementQuery: sqlCodec('TicketStatementQuery'),
  CommandPreparedStatementQuery: sqlCodec('CommandPreparedStatementQuery'),
  CommandPreparedStatementUpdate: sqlCodec('CommandPreparedStatementUpdate'),
  CommandGetSqlInfo: sqlCodec('CommandGetSqlInfo'),
  CommandGetCatalogs: sqlCodec('CommandGetCatalogs'),
  CommandGetDbSchemas: sqlCodec('CommandGetDbSchemas'),
  CommandGetTables: sqlCodec('CommandGetTables'),
  CommandGetTableTypes: sqlCodec('CommandGetTableTypes'),
  CommandGetPrimaryKeys: sqlCodec('CommandGetPrimaryKeys'),
  ActionCreatePreparedStatementRequest: sqlCodec('ActionCreatePreparedStatementRequest'),
  ActionCreatePreparedStatementResult: sqlCodec('ActionCreatePreparedStatementResult'),
  ActionClosePreparedStatementRequest: sqlCodec('ActionClosePreparedStatementRequest'),
};

export function packAny<Name extends keyof SqlMessages>(
  name: Name,
  value: SqlMessages[Name],
): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(10).string(typePrefix + name);
  writer.uint32(18).bytes(codecs[name].encode(value));
  return Buffer.from(writer.finish());
}

/** Throws MALFORMED, or UNSUPPORTED for a message that is not one of ours. */
export function unpackAny(bytes: Uint8Array): SqlMessage {
  const { typeUrl, value } = readAny(bytes);
  const slash = typeUrl.lastIndexOf('/');
  if (slash === -1) throw new MillraceError('MALFORMED', 'not a Flight SQL command');
  const name = typeUrl.slice(slash + 1);
  const short = name.replace('arrow.flight.protocol.sql.', '');
  if (!Object.hasOwn(codecs, short)) {
    throw new MillraceError('UNSUPPORTED', `Flight SQL command ${name} is not supported`);
  }
  const known = short as keyof SqlMessages;
  return { name: known, value: codecs[known].decode(value) } as SqlMessage;
}

function readAny(bytes: Uint8Array): { readonly typeUrl: string; readonly value: Uint8Array } {
  let typeUrl = '';
  let value: Uint8Array = new Uint8Array(0);
  try {
    const reader = new protobuf.Reader(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === 10) typeUrl = reader.string();
      else if (tag === 18) value = reader.bytes();
      else reader.skipType(tag & 7);
    }
  } catch (error) {
    throw new MillraceError('MALFORMED', 'not a Flight SQL command', { cause: error });
  }
  return { typeUrl, value };
}
