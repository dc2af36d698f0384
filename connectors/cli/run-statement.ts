import { MillraceError, type SourcePosition } from '../../platform/errors.ts';
import { tableColumns } from './columns.ts';
import type { CliContext } from './context.ts';
import { printLines } from './print-lines.ts';
import { ProgressLine } from './progress.ts';
import type { SqlConnection } from './services.ts';
import { type StatementText, splitStatements } from './statements.ts';
import { type TableStyle, tableLines } from './table.ts';

export interface RunOptions {
  readonly style: TableStyle;
  readonly dialect?: string | undefined;
}

/**
 * Runs the statements of a text one by one and prints each answer. The first error ends it;
 * its position is relative to the whole text.
 */
export async function runText(
  context: CliContext,
  connection: SqlConnection,
  text: string,
  { style, dialect }: RunOptions,
  signal: AbortSignal,
): Promise<void> {
  const { statements, rest } = splitStatements(text, dialect);
  for (const statement of rest === undefined ? statements : [...statements, rest]) {
    try {
      await runStatement(context, connection, statement.text, style, signal);
    } catch (error) {
      throw inWholeText(error, text, statement);
    }
  }
}

async function runStatement(
  context: CliContext,
  connection: SqlConnection,
  text: string,
  style: TableStyle,
  signal: AbortSignal,
): Promise<void> {
  const { screen } = context;
  const progress = new ProgressLine(screen, context.clock);
  try {
    const answer = await connection.execute(text, {
      signal,
      onProgress: ({ done, total }) => progress.update(done, total),
    });
    progress.clear();
    if (answer.kind === 'command') return await screen.out(`${answer.tag}\n`);
    const options = { style, width: screen.width(), color: screen.color };
    await printLines(screen, tableLines(tableColumns(answer.fields), answer.rows, options));
  } finally {
    progress.clear();
  }
}

/** Moves an error's position from a statement to the text that it was cut from. */
function inWholeText(error: unknown, text: string, { offset }: StatementText): unknown {
  if (!(error instanceof MillraceError) || error.position === undefined) return error;
  const { code, message, hint, sqlState } = error;
  return new MillraceError(code, message, {
    position: shifted(error.position, text, offset),
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    ...(sqlState === undefined ? {} : { sqlState }),
  });
}

function shifted(position: SourcePosition, text: string, offset: number): SourcePosition {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  const lines = before.split('\n').length - 1;
  return {
    offset: position.offset + offset,
    line: position.line + lines,
    column: position.line === 1 ? position.column + offset - lineStart : position.column,
    length: position.length,
  };
}
