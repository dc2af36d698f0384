import { MillraceError } from '../../platform/errors.ts';
import type { CliContext, ExitCode } from './context.ts';
import { type SqlCommandOptions, sqlCommand } from './sql-commands.ts';

/** `none` takes a limit away. */
export interface RetentionSettings {
  /** Milliseconds. */
  readonly retention?: number | 'none';
  readonly retentionBytes?: number | 'none';
  readonly cleanup?: 'compact' | 'delete';
  /** Milliseconds. */
  readonly tombstoneRetention?: number | 'none';
  readonly flush?: 'sync' | 'interval' | 'default';
}

export interface TopicChanges extends RetentionSettings {
  readonly queues?: number;
}

export interface TopicOptions extends RetentionSettings {
  readonly queues: number;
  readonly type: string;
  readonly ifNotExists: boolean;
}

/** Topics are administered through SQL; these commands spare the typing. */
export function topicCreate(
  context: CliContext,
  name: string,
  topic: TopicOptions,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  const guard = topic.ifNotExists ? 'IF NOT EXISTS ' : '';
  const type = topic.type === 'mixed' ? [] : [`type = '${topic.type}'`];
  const settings = [`queues = ${topic.queues}`, ...type, ...retentionOptions(topic)].join(', ');
  return sqlCommand(context, `CREATE TOPIC ${guard}${quoted(name)} WITH (${settings})`, options);
}

export function topicAlter(
  context: CliContext,
  name: string,
  settings: TopicChanges,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  const queues = settings.queues === undefined ? [] : [`queues = ${settings.queues}`];
  const changes = [...queues, ...retentionOptions(settings)];
  if (changes.length === 0) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      'give --queues, --retention, --retention-bytes, --cleanup, --tombstone-retention or --flush',
    );
  }
  return sqlCommand(context, `ALTER TOPIC ${quoted(name)} SET (${changes.join(', ')})`, options);
}

function retentionOptions(settings: RetentionSettings): string[] {
  const { retention, retentionBytes, cleanup, tombstoneRetention, flush } = settings;
  return [
    ...(cleanup === undefined ? [] : [`cleanup = '${cleanup}'`]),
    ...(tombstoneRetention === undefined ? [] : [`tombstone_ms = ${tombstoneRetention}`]),
    ...(flush === undefined ? [] : [`flush = '${flush}'`]),
    ...(retention === undefined ? [] : [`retention_ms = ${retention}`]),
    ...(retentionBytes === undefined ? [] : [`retention_bytes = ${retentionBytes}`]),
  ];
}

export function topicMove(
  context: CliContext,
  name: string,
  queue: number,
  partition: number,
  options: SqlCommandOptions,
): Promise<ExitCode> {
  const text = `ALTER TOPIC ${quoted(name)} MOVE QUEUE ${queue} TO p${partition}`;
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
