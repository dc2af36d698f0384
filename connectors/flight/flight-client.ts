import { Client, type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js';
import type { Schema } from 'apache-arrow';
import { Message, type RecordBatch } from 'apache-arrow/ipc/metadata/message';
import type { ExecuteOptions } from '../../engine/views/sql-service.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { Credentials } from '../auth/signature.ts';
import { packAny } from './any.ts';
import { readBatch } from './arrow-read.ts';
import { sqlTypeOf } from './arrow-schema.ts';
import {
  type FlightData,
  flightData,
  type StatementMetadata,
  statementHandle,
  statementMetadata,
  ticketMessage,
} from './messages.ts';
import { cookieHeader, cookieOf } from './sessions.ts';
import { fromStatus } from './status.ts';

const doGetPath = '/arrow.flight.protocol.FlightService/DoGet';
const windowBytes = 4 * 1024 * 1024;

/** One row as PostgreSQL prints it; `null` is NULL. */
export type TextCells = (string | null)[];

export type StatementAnswer =
  | {
      readonly kind: 'rows';
      readonly fields: readonly Pick<Field, 'name' | 'type'>[];
      /** To be drained or returned; returning cancels the statement. */
      readonly rows: AsyncIterable<TextCells>;
    }
  | { readonly kind: 'command'; readonly tag: string; readonly rowsAffected?: number };

/**
 * Statements over Flight SQL to a Millrace server. It writes the ticket itself (proto.ts,
 * StatementHandle), so that a statement takes one round trip; errors are the server's
 * MillraceErrors with their position, or UNAVAILABLE when nobody answers. What one statement sets
 * holds for the later ones.
 */
export class FlightSqlClient {
  readonly #client: Client;
  /** The server's name for our session, once it gave one. */
  #session: string | undefined;

  readonly #metadata = new Metadata();

  /** `HOST:PORT`, without TLS; `login` for a server with access control. */
  constructor(endpoint: string, login?: Credentials) {
    if (login !== undefined) {
      const text = Buffer.from(`${login.accessKey}:${login.secretKey}`).toString('base64');
      this.#metadata.set('authorization', `Basic ${text}`);
    }
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc-node.flow_control_window': windowBytes,
    });
  }

  /** Runs every statement of `text`; the answer is the last one's. */
  async execute(text: string, options: ExecuteOptions = {}): Promise<StatementAnswer> {
    const { signal, onProgress } = options;
    if (signal?.aborted === true)
      throw new MillraceError('CANCELLED', 'the statement was cancelled');
    const call = this.#start(text, onProgress !== undefined);
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel);
    const messages = messagesOf(call, () => signal?.removeEventListener('abort', cancel));
    for await (const message of unending(messages)) {
      const metadata = metadataOf(message);
      if (message.dataHeader.length > 0) return answer(message, metadata, messages);
      if (metadata.progress) onProgress?.(metadata.progress);
    }
    throw new MillraceError('MALFORMED', 'the server sent no schema');
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #start(query: string, progress: boolean): ClientReadableStream<Buffer> {
    const handle = statementHandle.encode({ query, execution: 0, progress });
    const ticket = packAny('TicketStatementQuery', { statementHandle: handle });
    const same = (bytes: Buffer): Buffer => bytes;
    const metadata = this.#metadata.clone();
    if (this.#session !== undefined) metadata.set('cookie', cookieHeader(this.#session));
    const call = this.#client.makeServerStreamRequest(
      doGetPath,
      same,
      same,
      ticketMessage.encode({ ticket }),
      metadata,
    );
    call.on('metadata', (headers: Metadata) => {
      for (const header of headers.get('set-cookie')) this.#session = cookieOf(String(header));
    });
    return call;
  }
}

async function* messagesOf(
  call: ClientReadableStream<Buffer>,
  ended: () => void,
): AsyncGenerator<FlightData> {
  // The cancel below is itself reported as an error, when nobody reads any more.
  call.on('error', () => undefined);
  try {
    for await (const bytes of call) yield flightData.decode(bytes as Buffer);
  } catch (error) {
    throw fromStatus(error);
  } finally {
    call.cancel();
    ended();
  }
}

/** For a loop that leaves early and lets another one go on. */
function unending<T>(source: AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
}

async function answer(
  first: FlightData,
  { command }: StatementMetadata,
  messages: AsyncGenerator<FlightData>,
): Promise<StatementAnswer> {
  if (command) {
    for await (const _ of messages);
    return { kind: 'command', ...command };
  }
  const schema = Message.decode(first.dataHeader).header() as Schema;
  const fields = schema.fields.map((field) => ({ name: field.name, type: sqlTypeOf(field) }));
  return { kind: 'rows', fields, rows: textRows(fields, messages) };
}

async function* textRows(
  fields: readonly Pick<Field, 'type'>[],
  messages: AsyncIterable<FlightData>,
): AsyncGenerator<TextCells> {
  const types = fields.map(({ type }) => type);
  for await (const { dataHeader, dataBody } of messages) {
    if (dataHeader.length === 0) continue;
    const header = Message.decode(dataHeader).header() as RecordBatch;
    const batch = readBatch(types, header, dataBody);
    for (let row = 0; row < batch.rowCount; row++) yield textRow(batch, row);
  }
}

function textRow(batch: Batch, row: number): TextCells {
  return batch.columns.map((column) => {
    const value = valueAt(column, row);
    return value === null ? null : toText(column.type, value);
  });
}

function metadataOf({ appMetadata }: FlightData): StatementMetadata {
  return statementMetadata.decode(appMetadata);
}
