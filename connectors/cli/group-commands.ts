import { MillraceError } from '../../platform/errors.ts';
import type { WireClient, WireGroup, WireGroupQueue } from '../admin/proto.ts';
import { administer, column, type ListOptions, show } from './administer.ts';
import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import type { TextRow } from './table.ts';

/** What a command line says of a group; what it does not say stays as it is. */
export interface GroupFlags {
  readonly fifo?: boolean;
  readonly broadcast?: boolean;
  readonly exclusive?: boolean;
  readonly liteQuota?: number;
  readonly maxAttempts?: number;
  /** `beginning`, `end`, or ms since 1970. */
  readonly start?: string;
}

export function groupCreate(
  context: CliContext,
  name: string,
  { ifNotExists, ...flags }: GroupFlags & { readonly ifNotExists: boolean },
  endpoint: Endpoint,
): Promise<ExitCode> {
  return administer(context, endpoint, async (admin) => {
    await admin.call('CreateGroup', { group: wireGroup(name, flags), if_not_exists: ifNotExists });
    await context.screen.out('CREATE GROUP\n');
  });
}

export function groupAlter(
  context: CliContext,
  name: string,
  flags: GroupFlags,
  endpoint: Endpoint,
): Promise<ExitCode> {
  return administer(context, endpoint, async (admin) => {
    await admin.call('AlterGroup', { group: wireGroup(name, flags) });
    await context.screen.out('ALTER GROUP\n');
  });
}

export function groupDelete(
  context: CliContext,
  name: string,
  endpoint: Endpoint,
): Promise<ExitCode> {
  return administer(context, endpoint, async (admin) => {
    await admin.call('DeleteGroup', { group: name });
    await context.screen.out('DELETE GROUP\n');
  });
}

export function groupList(context: CliContext, options: ListOptions): Promise<ExitCode> {
  return administer(context, options.endpoint, async (admin) => {
    const { groups = [] } = await admin.call('ListGroups', {});
    await show(context, options, groupColumns, groups, groupRow);
  });
}

/** How far the group is: a line for each queue that it has read. */
export function groupDescribe(
  context: CliContext,
  name: string,
  options: ListOptions,
): Promise<ExitCode> {
  return administer(context, options.endpoint, async (admin) => {
    const { group, queues = [], clients = [] } = await admin.call('DescribeGroup', { group: name });
    if (options.json) {
      return context.screen.out(`${JSON.stringify({ ...group, queues, clients })}\n`);
    }
    await show(context, options, groupColumns, [group ?? {}], groupRow);
    await show(context, options, queueColumns, queues, queueRow);
    await show(context, options, clientColumns, clients, clientRow);
  });
}

export interface ResetFlags {
  readonly topic: string;
  readonly queue?: number;
  readonly offset?: number;
  /** ms since 1970. */
  readonly time?: number;
  readonly beginning?: boolean;
  readonly end?: boolean;
}

/** Puts a group elsewhere on a topic; what it holds is forgotten. */
export function groupReset(
  context: CliContext,
  group: string,
  { topic, queue, offset, time, beginning, end }: ResetFlags,
  endpoint: Endpoint,
): Promise<ExitCode> {
  const to = {
    ...(offset === undefined ? {} : { offset }),
    ...(time === undefined ? {} : { time_ms: time }),
    ...(beginning === true ? { beginning } : {}),
    ...(end === true ? { end } : {}),
  };
  return administer(context, endpoint, async (admin) => {
    if (Object.keys(to).length !== 1) {
      throw new MillraceError(
        'INVALID_ARGUMENT',
        'say where to: one of --beginning, --end, --offset and --time',
      );
    }
    await admin.call('ResetGroup', {
      group,
      topic,
      ...(queue === undefined ? {} : { queue }),
      ...to,
    });
    await context.screen.out('RESET GROUP\n');
  });
}

/** The groups that have dead letters, and how many are kept, those that were sent back included. */
export async function deadLetterList(context: CliContext, options: ListOptions): Promise<ExitCode> {
  const sql = context.services.sql(options.endpoint);
  const messaging = context.services.messaging(options.endpoint);
  try {
    const answer = await sql.execute('SHOW TOPICS');
    const letters: DeadLetters[] = [];
    for await (const [topic] of answer.kind === 'rows' ? answer.rows : []) {
      if (topic === null || topic === undefined || !topic.startsWith(deadLetterPrefix)) continue;
      const [queue] = await messaging.queueOffsets(topic);
      const messages = queue === undefined ? 0 : queue.max - queue.min;
      letters.push({ group: topic.slice(deadLetterPrefix.length), topic, messages });
    }
    await show(context, options, deadLetterColumns, letters, ({ group, topic, messages }) => [
      group,
      topic,
      String(messages),
    ]);
    return 0;
  } finally {
    await sql.close();
    await messaging.close();
  }
}

const deadLetterPrefix = '%DLQ%';

interface DeadLetters {
  readonly group: string;
  readonly topic: string;
  readonly messages: number;
}

const deadLetterColumns = [column('group'), column('topic'), column('messages', true)];

/** Sends a group's dead letters back to the topics that they came from. */
export function redriveCommand(
  context: CliContext,
  group: string,
  max: number | undefined,
  endpoint: Endpoint,
): Promise<ExitCode> {
  return administer(context, endpoint, async (admin) => {
    const { count = 0 } = await admin.call('Redrive', { group, max: max ?? 0 });
    await context.screen.out(`${count} ${count === 1 ? 'message' : 'messages'} sent back\n`);
  });
}

export function clientList(context: CliContext, options: ListOptions): Promise<ExitCode> {
  return administer(context, options.endpoint, async (admin) => {
    const { clients = [] } = await admin.call('ListClients', {});
    await show(context, options, clientColumns, clients, clientRow);
  });
}

function wireGroup(name: string, flags: GroupFlags): WireGroup {
  const { fifo, broadcast, exclusive, liteQuota, maxAttempts, start } = flags;
  return {
    name,
    ...(fifo === undefined ? {} : { fifo }),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(exclusive === undefined ? {} : { exclusive }),
    ...(liteQuota === undefined ? {} : { lite_quota: liteQuota }),
    ...(maxAttempts === undefined ? {} : { max_attempts: maxAttempts }),
    ...(start === undefined ? {} : { start }),
  };
}

const groupColumns = [
  column('group'),
  column('fifo'),
  column('broadcast'),
  column('max_attempts', true),
  column('start'),
];

function groupRow({ name, fifo, broadcast, max_attempts, start }: WireGroup): TextRow {
  return [name ?? '', String(fifo), String(broadcast), String(max_attempts), start ?? ''];
}

const queueColumns = [
  column('topic'),
  ...['queue', 'offset', 'end', 'lag', 'in_flight', 'expired'].map((name) => column(name, true)),
];

function queueRow(of: WireGroupQueue): TextRow {
  const { topic = '', queue = 0, offset = 0, end = 0, in_flight: inFlight = 0, expired = 0 } = of;
  return [topic, ...[queue, offset, end, end - offset, inFlight, expired].map(String)];
}

const clientColumns = ['client', 'language', 'kind', 'group', 'since'].map((name) => column(name));

function clientRow({ client_id, language, kind, group, since_ms }: WireClient): TextRow {
  const since = new Date(since_ms ?? 0).toISOString();
  return [client_id ?? '', language ?? '', kind ?? '', group ?? '', since];
}
