import type { CommandResult, SqlService } from '../../engine/views/sql-service.ts';
import { arrowSchema, schemaHeader } from './arrow-schema.ts';
import { batchMessages, headerMessage } from './flight-data.ts';
import { type StatementHandle, statementMetadata } from './messages.ts';

/**
 * Runs a statement and gives its FlightData messages: the schema, always, then the rows. A
 * statement without rows gives an empty schema, whose app_metadata holds the command's tag.
 * Reading slowly holds the query back; `return` ends it.
 */
export async function* statementMessages(
  sql: SqlService,
  handle: StatementHandle,
  signal: AbortSignal,
  /** Called with a message that may go out while the statement is still at work. */
  sendAhead: (message: Buffer) => void,
): AsyncGenerator<Buffer> {
  const result = await sql.execute(handle.query, {
    signal,
    ...(handle.progress
      ? {
          onProgress: (progress) =>
            sendAhead(headerMessage(new Uint8Array(0), statementMetadata.encode({ progress }))),
        }
      : {}),
  });
  if (result.kind === 'command') {
    yield headerMessage(schemaHeader(arrowSchema([])), commandMetadata(result));
    return;
  }
  yield headerMessage(schemaHeader(arrowSchema(result.fields)));
  for await (const batch of result.batches) yield* batchMessages(batch);
}

function commandMetadata({ tag, rowsAffected }: CommandResult): Uint8Array {
  return statementMetadata.encode({
    command: { tag, ...(rowsAffected === undefined ? {} : { rowsAffected }) },
  });
}
