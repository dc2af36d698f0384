import type { Schema } from 'apache-arrow';
import type { CommandResult, SqlService } from '../../engine/views/sql-service.ts';
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
  type StatementHandle,
  statementHandle,
  updateResult,
} from './messages.ts';
import { boundParameters, parameterFields, parameterSets } from './parameters.ts';
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
  readonly handle: StatementHandle;
  readonly returnsRows: boolean;
}

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
        return this.#update(handleOf(command.value.query), caller);
      case 'CommandPreparedStatementUpdate': {
        const handle = statementHandle.decode(command.value.preparedStatementHandle);
        const bound = boundParameters(messages);
        return this.#update(bound.length === 0 ? handle : { ...handle, parameters: bound }, caller);
      }
      case 'CommandPreparedStatementQuery':
        return bindResult.encode({
          preparedStatementHandle: bound(command.value.preparedStatementHandle, messages),
        });
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
        return this.#planQuery(handleOf(command.value.query), caller);
      case 'CommandPreparedStatementQuery':
        return this.#planQuery(
          statementHandle.decode(command.value.preparedStatementHandle),
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
    handle: StatementHandle,
    { session }: Caller,
  ): Promise<{ schema: Schema; statement: Statement }> {
    const { fields } = await this.#sql.describe(handle.query, { session });
    const statement = { handle, returnsRows: fields !== undefined };
    return { schema: arrowSchema(fields ?? []), statement };
  }

  /** Runs the statement first if it returns no rows. */
  async #ticket({ handle, returnsRows }: Statement, caller: Caller): Promise<Uint8Array> {
    const execution = ++this.#executions;
    const done = returnsRows ? undefined : await this.#command(handle, caller);
    const run = { ...handle, execution, ...(done === undefined ? {} : { done }) };
    return packAny('TicketStatementQuery', { statementHandle: statementHandle.encode(run) });
  }

  async #prepare(body: Uint8Array, session: string): Promise<Uint8Array> {
    const request = unpackAny(body);
    if (request.name !== 'ActionCreatePreparedStatementRequest') {
      throw unsupported(request.name, 'CreatePreparedStatement');
    }
    const { query } = request.value;
    const { fields, parameters } = await this.#sql.describe(query, { session });
    return packAny('ActionCreatePreparedStatementResult', {
      preparedStatementHandle: statementHandle.encode(handleOf(query)),
      datasetSchema:
        fields === undefined ? new Uint8Array(0) : encapsulatedSchema(arrowSchema(fields)),
      parameterSchema: encapsulatedSchema(arrowSchema(parameterFields(parameters))),
      isUpdate: fields === undefined,
    });
  }

  /** DDL changes 0 rows. */
  async #update(handle: StatementHandle, caller: Caller): Promise<Uint8Array> {
    const { rowsAffected = 0 } = await this.#command(handle, caller);
    return updateResult.encode({ recordCount: rowsAffected });
  }

  /** Once for each set of parameters; what it says is the last run's, with the sum of the rows. */
  async #command(handle: StatementHandle, caller: Caller): Promise<CommandResult> {
    let last: CommandResult | undefined;
    let rows: number | undefined;
    for (const parameters of parameterSets(handle)) {
      last = await this.#run(handle.query, parameters, caller);
      if (last.rowsAffected !== undefined) rows = (rows ?? 0) + last.rowsAffected;
    }
    return rows === undefined ? last! : { ...last!, rowsAffected: rows };
  }

  async #run(
    query: string,
    parameters: readonly (string | null)[],
    { signal, session }: Caller,
  ): Promise<CommandResult> {
    const result = await this.#sql.execute(query, { signal, session, parameters });
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
/** A handle of a text as it stands. */
function handleOf(query: string): StatementHandle {
  return { query, execution: 0, progress: false };
}

/** The prepared statement's handle with what was bound, in place of what was bound before. */
function bound(handle: Uint8Array, messages: readonly FlightData[]): Uint8Array {
  const parameters = boundParameters(messages);
  return statementHandle.encode({ ...statementHandle.decode(handle), parameters });
}

function unsupported(command: string, method: string): MillraceError {
  return new MillraceError('UNSUPPORTED', `Flight SQL ${command} is not supported in ${method}`);
}
