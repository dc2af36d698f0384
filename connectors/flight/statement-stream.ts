import type { SqlService } from '../../engine/views/sql-service.ts';
import { MillraceError } from '../../platform/errors.ts';
import { arrowSchema, schemaHeader } from './arrow-schema.ts';
import { batchMessages, headerMessage } from './flight-data.ts';
import { type CommandOutcome, type StatementHandle, statementMetadata } from './messages.ts';

import { parameterSets } from './parameters.ts';

/**
 * Runs a statement and gives its FlightData messages: the schema, always, then the rows. A
 * statement without rows gives an empty schema, whose app_metadata holds the command's tag; one
 * that has run when its ticket was made is not run again.
 * Reading slowly holds the query back; `return` ends it.
 */
export async function* statementMessages(
  sql: SqlService,
  handle: StatementHandle,
  { signal, session }: { readonly signal: AbortSignal; readonly session: string },
  /** Called with a message that may go out while the statement is still at work. */
  sendAhead: (message: Buffer) => void,
): AsyncGenerator<Buffer> {
  if (handle.done) {
    yield commandMessage(handle.done);
    return;
  }
  const sets = parameterSets(handle);
  if (sets.length > 1) {
    throw new MillraceError('UNSUPPORTED', 'a query takes one set of parameters at a time');
  }
  const result = await sql.execute(handle.query, {
    parameters: sets[0]!,
    signal,
    session,
    ...(handle.progress
      ? {
          onProgress: (progress) =>
            sendAhead(headerMessage(new Uint8Array(0), statementMetadata.encode({ progress }))),
        }
      : {}),
  });
  if (result.kind === 'command') {
    yield commandMessage(result);
    return;
  }
  yield headerMessage(schemaHeader(arrowSchema(result.fields)));
  for await (const batch of result.batches) yield* batchMessages(batch);
}

function commandMessage({ tag, rowsAffected }: CommandOutcome): Buffer {
  const command = { tag, ...(rowsAffected === undefined ? {} : { rowsAffected }) };
  return headerMessage(schemaHeader(arrowSchema([])), statementMetadata.encode({ command }));
}
