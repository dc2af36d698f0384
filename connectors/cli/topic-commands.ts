import type { CliContext, ExitCode } from './context.ts';
import { type SqlCommandOptions, sqlCommand } from './sql-commands.ts';

export interface TopicOptions {
  readonly queues: number;
  readonly type: string;
  readonly ifNotExists: boolean;
}

/** Topics are administered through SQL; these commands spare the typing. */
export function topicCreate(
  context: CliContext,
  name: string,
  { queues, type, ifNotExists }: TopicOptions,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  const guard = ifNotExists ? 'IF NOT EXISTS ' : '';
  const given = type === 'mixed' ? '' : `, type = '${type}'`;
  const text = `CREATE TOPIC ${guard}${quoted(name)} WITH (queues = ${queues}${given})`;
  return sqlCommand(context, text, options);
}

export function topicList(context: CliContext, options: SqlCommandOptions): Promise<ExitCode> {
  return sqlCommand(context, 'SHOW TOPICS', options);
}

export function topicDescribe(
  context: CliContext,
  name: string,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  return sqlCommand(context, `DESCRIBE TOPIC ${quoted(name)}`, options);
}

/** A SQL identifier that means exactly `name`. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
