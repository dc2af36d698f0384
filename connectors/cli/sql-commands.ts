import { text as readAll } from 'node:stream/consumers';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { errorText } from './error-text.ts';
import { runText } from './run-statement.ts';
import { runShell } from './shell.ts';
import type { TableStyle } from './table.ts';

export interface SqlCommandOptions {
  readonly endpoint: Endpoint;
  /** `undefined`: `auto` on a terminal, else `tsv`. */
  readonly style: TableStyle | undefined;
  /** What the text is written in, when not in ours. */
  readonly dialect?: string;
}

/** `millrace sql`: the text, or standard input when that is no terminal, or the shell. */
export async function sqlCommand(
  context: CliContext,
  text: string | undefined,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  if (text !== undefined) return runScript(context, text, options);
  if (context.input.isTTY !== true) {
    return runScript(context, await readAll(context.input), options);
  }
  return runShell(context, options);
}

/** `millrace submit FILE`. */
export async function submitCommand(
  context: CliContext,
  path: string,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  return runScript(context, await readText(context, path), options);
}

async function runScript(
  context: CliContext,
  text: string,
  { endpoint, style, dialect }: SqlCommandOptions,
): Promise<ExitCode> {
  const { screen, services, interrupted } = context;
  const connection = services.sql(endpoint);
  try {
    const shape = style ?? (screen.outIsTerminal ? 'auto' : 'tsv');
    if (dialect !== undefined) await connection.execute(`SET dialect = '${dialect}'`);
    await runText(context, connection, text, { style: shape, dialect }, interrupted);
    return 0;
  } catch (error) {
    if (interrupted.aborted) return 130;
    screen.error(errorText(error, text, screen.color));
    return 1;
  } finally {
    await connection.close();
  }
}

async function readText({ fs }: CliContext, path: string): Promise<string> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = new Uint8Array(await file.size());
    if (bytes.length > limits.entryBytesMax) {
      throw new MillraceError('RESOURCE_LIMIT', `${path} is larger than 32 MiB`);
    }
    let at = 0;
    while (at < bytes.length) {
      const read = await file.read(bytes.subarray(at), at);
      if (read === 0) break;
      at += read;
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, at));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new MillraceError('MALFORMED', `${path} is not UTF-8 text`, { cause: error });
  } finally {
    await file.close();
  }
}
