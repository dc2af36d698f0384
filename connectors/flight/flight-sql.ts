import type { Schema } from 'apache-arrow';
import { Message } from 'apache-arrow/ipc/metadata/message';
import type {
  CommandResult,
  SqlService,
  StatementDescription,
} from '../../engine/views/sql-service.ts';
import { MillraceError } from '../../platform/errors.ts';
import { packAny, unpackAny } from './any.ts';
import { arrowSchema, encapsulatedSchema, plainArrowSchema, schemaHeader } from './arrow-schema.ts';
import { catalogueAnswer } from './catalogue.ts';
import { arrowBatchMessage, batchMessages, headerMessage } from './flight-data.ts';
import {
  bindResult,
  cancelRequest,
  cancelResult,
  closeSessionResult,
  type FlightData,
  type FlightDescriptor,
  type FlightInfo,
  statementHandle,
  updateResult,
} from './messages.ts';
import { getOptions, setOptions } from './sessions.ts';
import { sqlInfoBatch, sqlInfoSchema } from './sql-info.ts';
import { statementMessages } from './statement-stream.ts';

const cancelStatusCancelled = 1;
const cancelStatusNotCancellable = 3;
const closeSessionClosed = 1;

/** Whose call it is. */
export interface Caller {
  readonly signal: AbortSignal;
  readonly session: string;
}

/** A statement that came as a query. */
interface Statement {
  readonly query: string;
  readonly returnsRows: boolean;
}

const notArrow = 'not an Arrow schema or record batch';

/**
 * Flight SQL without its transport: commands and tickets in, messages out. A query runs when its
 * ticket is read. A statement that returns no rows and comes as a query, from a client that does
 * not tell DDL from SELECT, runs in GetFlightInfo and its ticket holds the outcome: it runs once,
 * however often the ticket is read, or never (reference flight-sql, 1.9). Tickets and prepared
 * statements hold the text itself: nothing is kept between calls but the running statements.
 */
export class FlightSql {
  readonly #sql: SqlService;
  /** Running statements by their ticket. */
  readonly #running = new Map<string, Set<AbortController>>();
  #executions = 0;

  constructor(sql: SqlService) {
    this.#sql = sql;
  }

  async flightInfo(descriptor: FlightDescriptor, caller: Caller): Promise<FlightInfo> {
    const { schema, statement } = await this.#plan(descriptor.cmd, caller);
    const ticket = statement === undefined ? descriptor.cmd : await this.#ticket(statement, caller);
    return {
      schema: encapsulatedSchema(schema),
      flightDescriptor: descriptor,
      endpoint: [{ ticket: { ticket } }],
      totalRecords: -1,
      totalBytes: -1,
    };
  }

  async schema(descriptor: FlightDescriptor, caller: Caller): Promise<Uint8Array> {
    return encapsulatedSchema((await this.#plan(descriptor.cmd, caller)).schema);
  }

  /** FlightData messages of a ticket; `controller` cancels them, here or in its owner's hands. */
  async *read(
    ticket: Uint8Array,
    { controller, session }: { readonly controller: AbortController; readonly session: string },
    sendAhead: (message: Buffer) => void,
  ): AsyncGenerator<Buffer> {
    const command = unpackAny(ticket);
    if (command.name === 'TicketStatementQuery') {
      const handle = statementHandle.decode(command.value.statementHandle);
      const key = keyOf(ticket);
      this.#started(key, controller);
      try {
        const caller = { signal: controller.signal, session };
        yield* statementMessages(this.#sql, handle, caller, sendAhead);
      } finally {
        this.#ended(key, controller);
      }
      return;
    }
    if (command.name === 'CommandGetSqlInfo') {
      yield headerMessage(schemaHeader(sqlInfoSchema));
      yield arrowBatchMessage(sqlInfoBatch(command.value.info));
      return;
    }
    const answer = catalogueAnswer(command, await this.#sql.relations());
    if (answer === undefined) throw unsupported(command.name, 'DoGet');
    yield headerMessage(schemaHeader(plainArrowSchema(answer.fields)));
    yield* batchMessages(answer.rows);
  }

  /** True when the client may wait for the answer before it ends its own side (reference, 1.9). */
  runsAtOnce(descriptor: FlightDescriptor): boolean {
    return unpackAny(descriptor.cmd).name === 'CommandStatementUpdate';
  }

  /** The app_metadata of DoPut's one result. */
  async put(
    descriptor: FlightDescriptor,
    messages: readonly FlightData[],
    caller: Caller,
  ): Promise<Uint8Array> {
    const command = unpackAny(descriptor.cmd);
    switch (command.name) {
      case 'CommandStatementUpdate':
        return this.#update(command.value.query, caller);
      case 'CommandPreparedStatementUpdate': {
        rejectParameters(messages);
        const handle = statementHandle.decode(command.value.preparedStatementHandle);
        return this.#update(handle.query, caller);
      }
      case 'CommandPreparedStatementQuery':
        rejectParameters(messages);
        return bindResult.encode(command.value);
      default:
        throw unsupported(command.name, 'DoPut');
    }
  }

  /** The bodies of DoAction's results. */
  async act(type: string, body: Uint8Array, session: string): Promise<readonly Uint8Array[]> {
    switch (type) {
      case 'CreatePreparedStatement':
        return [await this.#prepare(body, session)];
      case 'ClosePreparedStatement':
        return [];
      case 'CancelFlightInfo': {
        const ticket = cancelRequest.decode(body).info?.endpoint[0]?.ticket?.ticket;
        const cancelled = ticket !== undefined && this.#cancel(keyOf(ticket));
        const status = cancelled ? cancelStatusCancelled : cancelStatusNotCancellable;
        return [cancelResult.encode({ status })];
      }
      case 'SetSessionOptions':
        return [await setOptions(this.#sql, body, session)];
      case 'GetSessionOptions':
        return [await getOptions(this.#sql, session)];
      case 'CloseSession':
        this.#sql.closeSession(session);
        return [closeSessionResult.encode({ status: closeSessionClosed })];
      default:
        throw new MillraceError('UNSUPPORTED', `Flight action ${type} is not supported`);
    }
  }

  /** Cancels what is running. */
  close(): void {
    for (const key of this.#running.keys()) this.#cancel(key);
  }

  /** What a command gives, without running it. */
  async #plan(cmd: Uint8Array, caller: Caller): Promise<{ schema: Schema; statement?: Statement }> {
    const command = unpackAny(cmd);
    switch (command.name) {
      case 'CommandStatementQuery':
        return this.#planQuery(command.value.query, caller);
      case 'CommandPreparedStatementQuery':
        return this.#planQuery(
          statementHandle.decode(command.value.preparedStatementHandle).query,
          caller,
        );
      case 'CommandGetSqlInfo':
        return { schema: sqlInfoSchema };
    }
    const answer = catalogueAnswer(command, []);
    if (answer === undefined) throw unsupported(command.name, 'GetFlightInfo');
    return { schema: plainArrowSchema(answer.fields) };
  }

  async #planQuery(
    query: string,
    { session }: Caller,
  ): Promise<{ schema: Schema; statement: Statement }> {
    const { fields } = await this.#describe(query, session);
    const statement = { query, returnsRows: fields !== undefined };
    return { schema: arrowSchema(fields ?? []), statement };
  }

  /** Runs the statement first if it returns no rows. */
  async #ticket({ query, returnsRows }: Statement, caller: Caller): Promise<Uint8Array> {
    const execution = ++this.#executions;
    const done = returnsRows ? undefined : await this.#command(query, caller);
    const handle = { query, execution, progress: false, ...(done === undefined ? {} : { done }) };
    return packAny('TicketStatementQuery', { statementHandle: statementHandle.encode(handle) });
  }

  async #prepare(body: Uint8Array, session: string): Promise<Uint8Array> {
    const request = unpackAny(body);
    if (request.name !== 'ActionCreatePreparedStatementRequest') {
      throw unsupported(request.name, 'CreatePreparedStatement');
    }
    const { query } = request.value;
    const { fields } = await this.#describe(query, session);
    return packAny('ActionCreatePreparedStatementResult', {
      preparedStatementHandle: statementHandle.encode({ query, execution: 0, progress: false }),
      datasetSchema:
        fields === undefined ? new Uint8Array(0) : encapsulatedSchema(arrowSchema(fields)),
      parameterSchema: encapsulatedSchema(arrowSchema([])),
      isUpdate: fields === undefined,
    });
  }

  async #describe(query: string, session: string): Promise<StatementDescription> {
    const description = await this.#sql.describe(query, { session });
    if (description.parameterCount > 0) throw parametersUnsupported();
    return description;
  }

  /** DDL changes 0 rows. */
  async #update(query: string, caller: Caller): Promise<Uint8Array> {
    const { rowsAffected = 0 } = await this.#command(query, caller);
    return updateResult.encode({ recordCount: rowsAffected });
  }

  async #command(query: string, { signal, session }: Caller): Promise<CommandResult> {
    const result = await this.#sql.execute(query, { signal, session });
    if (result.kind === 'command') return result;
    await result.batches[Symbol.asyncIterator]().return?.();
    throw new MillraceError('INVALID_ARGUMENT', 'the statement returns rows', {
      hint: 'Send it as a query.',
    });
  }

  #started(key: string, controller: AbortController): void {
    const controllers = this.#running.get(key) ?? new Set();
    this.#running.set(key, controllers.add(controller));
  }

  #ended(key: string, controller: AbortController): void {
    const controllers = this.#running.get(key);
    controllers?.delete(controller);
    if (controllers?.size === 0) this.#running.delete(key);
  }

  #cancel(key: string): boolean {
    const controllers = this.#running.get(key) ?? [];
    for (const controller of controllers) controller.abort();
    return this.#running.has(key);
  }
}

function keyOf(ticket: Uint8Array): string {
  return Buffer.from(ticket).toString('latin1');
}

/** Clients send an empty schema, and an empty batch after it, where there is nothing to bind. */
function rejectParameters(messages: readonly FlightData[]): void {
  for (const { dataHeader } of messages) {
    if (dataHeader.length === 0) continue;
    if (columnCount(dataHeader) > 0) throw parametersUnsupported();
  }
}

/** Of a schema message; 0 for a record batch, which follows its schema. Throws MALFORMED. */
function columnCount(header: Uint8Array): number {
  try {
    const message = Message.decode(header);
    if (message.isSchema()) return message.header().fields.length;
    if (message.isRecordBatch()) return 0;
  } catch (error) {
    throw new MillraceError('MALFORMED', notArrow, { cause: error });
  }
  throw new MillraceError('MALFORMED', notArrow);
}

function parametersUnsupported(): MillraceError {
  return new MillraceError('UNSUPPORTED', 'statements with parameters are not supported');
}

function unsupported(command: string, method: string): MillraceError {
  return new MillraceError('UNSUPPORTED', `Flight SQL ${command} is not supported in ${method}`);
}
