import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { type PositionRange, parseRange } from '../../storage/check/findings.ts';
import type { CliContext, ExitCode } from './context.ts';
import { runDemo } from './demo/demo.ts';
import { defaultEndpoint, type Endpoint, parseEndpoint, parsePort } from './endpoint.ts';
import { errorText } from './error-text.ts';
import { topicFind, topicPeek } from './find-commands.ts';
import {
  clientList,
  type GroupFlags,
  groupAlter,
  groupCreate,
  groupDelete,
  groupDescribe,
  groupList,
  groupReset,
  type ResetFlags,
  redriveCommand,
} from './group-commands.ts';
import {
  type DataFlags,
  type DumpFlags,
  logDump,
  logRepair,
  logVerify,
  type RepairFlags,
} from './log-commands.ts';
import { publishCommand, subscribeCommand } from './message-commands.ts';
import { addDataDirectory, parsePartition } from './partition-name.ts';
import { orNone, parseDurationMs, parseSizeBytes } from './quantities.ts';
import { serverCommand } from './server-command.ts';
import { sqlCommand, submitCommand } from './sql-commands.ts';
import { statusCommand } from './status-command.ts';
import type { TableStyle } from './table.ts';
import {
  type TopicChanges,
  type TopicOptions,
  topicAlter,
  topicCreate,
  topicDescribe,
  topicList,
  topicMove,
} from './topic-commands.ts';

/** Runs one command line, given without the program's own name. Never rejects. */
export async function runCommandLine(
  context: CliContext,
  version: string,
  args: readonly string[],
): Promise<ExitCode> {
  const { screen } = context;
  let exitCode: ExitCode = 0;
  const program = createProgram(context, version, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (context.interrupted.aborted) return 130;
    screen.error(errorText(error, undefined, screen.color));
    return 1;
  }
}

function createProgram(
  context: CliContext,
  version: string,
  exit: (code: ExitCode) => void,
): Command {
  const { screen } = context;
  const program = new Command('millrace')
    .description('A stream-processing database with a message broker inside')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void screen.out(text),
      writeErr: (text) => screen.error(text),
      getOutHasColors: () => screen.color,
    });
  addServerCommands(program, context, exit);
  addSqlCommands(program, context, exit);
  addTopicCommands(program, context, exit);
  addMessageCommands(program, context, exit);
  addGroupCommands(program, context, exit);
  addLogCommands(program, context, exit);
  return program;
}

interface ServerFlags {
  readonly data: string;
  readonly dataDir?: ReadonlyMap<number, string>;
  readonly segmentSize: number;
  readonly flush: 'sync' | 'interval';
  readonly port: number;
  readonly host: string;
}

function addServerCommands(
  program: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  program
    .command('server')
    .description('serve until Ctrl-C')
    .requiredOption('--data <dir>', 'data directory; created when missing')
    .addOption(dataDirOption())
    .option(
      '--segment-size <size>',
      'bytes of one log file; all topics share them',
      checked(parseSizeBytes),
      limits.segmentBytes,
    )
    .addOption(
      new Option(
        '--flush <when>',
        'interval: messages are acknowledged up to 100 ms before fdatasync',
      )
        .choices(['sync', 'interval'] as const)
        .default('sync' as const),
    )
    .option('--port <port>', 'gRPC port; 0 lets the system choose', checked(parsePort), 8081)
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--strict', 'do not make topics and groups by their first use', false)
    .option('--tls-cert <file>', 'certificate, PEM; without it TLS has one made at the start')
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--disk-reserve <MiB>', 'refuse publishing while less is free (256)', wholeNumber)
    .action(async (options: ServerFlags) => {
      const { data, dataDir, segmentSize: segmentBytes, port, host, strict } = options;
      const { tlsCert, tlsKey, diskReserve } = options;
      if ((tlsCert === undefined) !== (tlsKey === undefined)) {
        throw new MillraceError('INVALID_ARGUMENT', '--tls-cert and --tls-key come together');
      }
      const tls = tlsCert === undefined ? {} : { tls: { cert: tlsCert, key: tlsKey! } };
      const dataDirectories = dataDir === undefined ? {} : { dataDirectories: dataDir };
      const settings = {
        dataDirectory: data,
        port,
        host,
        strict,
        segmentBytes,
        flush: options.flush,
        diskReserveBytes: diskReserve === undefined ? undefined : diskReserve * 1024 * 1024,
        ...tls,
        ...dataDirectories,
      };
      exit(await serverCommand(context, settings));
    });
  program
    .command('status')
    .description('counters of a running server')
    .addOption(endpointOption())
    .addOption(formatOption())
    .addOption(new Option('--json', 'print JSON').default(false))
    .action(async (options: SqlFlags & { json: boolean }) => {
      exit(await statusCommand(context, { ...sqlOptions(options), json: options.json }));
    });
  program
    .command('demo')
    .description('serve, publish Nexmark events, and show views that follow them')
    .requiredOption('--data <dir>', 'data directory; created when missing')
    .option('--port <port>', 'gRPC port', checked(parsePort), 8081)
    .option('--rate <events>', 'events per second', positive, 2000)
    .option('--events <count>', 'stop after this many events instead of at Ctrl-C', positive)
    .action(async (options: { data: string; port: number; rate: number; events?: number }) => {
      const { data, port, rate, events } = options;
      const demo = { dataDirectory: data, port, eventsPerSecond: rate, events };
      exit(await runDemo(context, demo));
    });
}

interface ServerFlags {
  readonly data: string;
  readonly port: number;
  readonly host: string;
  readonly strict: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly diskReserve?: number;
}

interface SqlFlags {
  readonly endpoint: Endpoint;
  readonly format?: TableStyle;
}

function addSqlCommands(
  program: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  program
    .command('sql')
    .description('run SQL: one text, standard input, or a shell on a terminal')
    .option('-c, --command <text>', 'the statements to run')
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (options: SqlFlags & { command?: string }) => {
      exit(await sqlCommand(context, options.command, sqlOptions(options)));
    });
  program
    .command('submit')
    .description('run a file of SQL statements')
    .argument('<file>')
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (file: string, options: SqlFlags) => {
      exit(await submitCommand(context, file, sqlOptions(options)));
    });
}

function addTopicCommands(
  program: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  const topic = program.command('topic').description('administer topics');
  const queues = checked((text) => {
    const count = positive(text);
    if (count > limits.topicQueuesMax) {
      throw new InvalidArgumentError(`at most ${limits.topicQueuesMax}`);
    }
    return count;
  });
  topic
    .command('create')
    .argument('<name>')
    .option('--queues <count>', 'number of logical queues', queues, 4)
    .addOption(
      new Option('--type <type>', 'messages that it takes')
        .choices(['mixed', 'normal', 'fifo', 'delay', 'transaction', 'priority'])
        .default('mixed'),
    )
    .option('--if-not-exists', 'do nothing when it is there already', false)
    .addOption(retentionOption())
    .addOption(retentionBytesOption())
    .addOption(cleanupOption())
    .addOption(tombstoneOption())
    .addOption(endpointOption())
    .action(async (name: string, options: SqlFlags & TopicOptions) => {
      exit(await topicCreate(context, name, options, sqlOptions(options)));
    });
  topic
    .command('alter')
    .description('give a topic more queues or another retention, while it is in use')
    .argument('<name>')
    .option('--queues <count>', 'number of logical queues from now on', queues)
    .addOption(retentionOption())
    .addOption(retentionBytesOption())
    .addOption(cleanupOption())
    .addOption(tombstoneOption())
    .addOption(endpointOption())
    .action(async (name: string, options: SqlFlags & TopicChanges) => {
      exit(await topicAlter(context, name, options, sqlOptions(options)));
    });
  topic
    .command('move')
    .description('move a queue to another physical partition, while it is in use')
    .argument('<name>')
    .requiredOption('--queue <number>', 'the queue', wholeNumber)
    .requiredOption('--to <partition>', 'p0, p1 and so on', checked(parsePartition))
    .addOption(endpointOption())
    .action(async (name: string, options: SqlFlags & { queue: number; to: number }) => {
      const { queue, to } = options;
      exit(await topicMove(context, name, queue, to, sqlOptions(options)));
    });
  topic
    .command('list')
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (options: SqlFlags) => {
      exit(await topicList(context, sqlOptions(options)));
    });
  topic
    .command('describe')
    .argument('<name>')
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (name: string, options: SqlFlags) => {
      exit(await topicDescribe(context, name, sqlOptions(options)));
    });
  addFindCommands(topic, context, exit);
}

function addFindCommands(
  topic: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  topic
    .command('find')
    .description('show the newest messages that have an id or a key')
    .argument('<name>')
    .addOption(new Option('--id <id>', 'message id').conflicts('key'))
    .option('--key <key>', 'message key')
    .option('--count <count>', 'at most this many', positive, 32)
    .option('--json', 'one JSON object per line', false)
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(
      async (
        name: string,
        options: SqlFlags & { id?: string; key?: string; count: number; json: boolean },
      ) => {
        const { id, key, count, json } = options;
        exit(await topicFind(context, name, { ...sqlOptions(options), id, key, count, json }));
      },
    );
  topic
    .command('peek')
    .description('show messages of one queue; nobody consumes them')
    .argument('<name>')
    .option('--queue <number>', 'logical queue', wholeNumber, 0)
    .addOption(
      new Option('--offset <offset>', 'first offset; without it, the oldest')
        .argParser(wholeNumber)
        .conflicts('time'),
    )
    .option('--time <time>', 'first store time: 2026-01-31T12:00:00Z, or ms since 1970', timeMs)
    .option('--count <count>', 'at most this many', positive, 1)
    .option('--json', 'one JSON object per line', false)
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(
      async (
        name: string,
        options: SqlFlags & {
          queue: number;
          offset?: number;
          time?: number;
          count: number;
          json: boolean;
        },
      ) => {
        const { queue, offset, time, count, json } = options;
        const peek = { ...sqlOptions(options), queue, offset, timeMs: time, count, json };
        exit(await topicPeek(context, name, peek));
      },
    );
}

function addMessageCommands(
  program: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  program
    .command('pub')
    .description('publish one message; returns when it is durable')
    .argument('<topic>')
    .argument('<body>')
    .option('--tag <tag>')
    .option('--key <key>')
    .addOption(endpointOption())
    .action(
      async (
        topic: string,
        body: string,
        options: { endpoint: Endpoint; tag?: string; key?: string },
      ) => {
        const { endpoint, tag, key } = options;
        exit(await publishCommand(context, topic, body, { endpoint, tag, key }));
      },
    );
  program
    .command('sub')
    .description('print the messages of a topic as they come, one per line')
    .argument('<topic>')
    .addOption(
      new Option('--group <group>', 'consume and acknowledge as a member of this group').conflicts(
        'fromBeginning',
      ),
    )
    .option('--from-beginning', 'start with the oldest message', false)
    .option('--max <count>', 'stop after this many messages', positive)
    .addOption(endpointOption())
    .action(
      async (
        topic: string,
        options: { endpoint: Endpoint; group?: string; fromBeginning: boolean; max?: number },
      ) => {
        const { endpoint, group, fromBeginning, max } = options;
        exit(await subscribeCommand(context, topic, { endpoint, group, fromBeginning, max }));
      },
    );
}

type GroupOptions = GroupFlags & { endpoint: Endpoint };
type ListFlags = SqlFlags & { json: boolean };

function addGroupCommands(
  program: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  const json = () => new Option('--json', 'one JSON object per line').default(false);
  const settings = (command: Command) =>
    command
      .argument('<name>')
      .option('--fifo', 'messages of one message group go out one after the other')
      .option('--no-fifo', 'they do not')
      .option('--broadcast', 'every client gets every message')
      .option('--max-attempts <count>', 'deliveries before a message is dead', positive)
      .option('--start <where>', 'beginning, end, or a time', startPlace)
      .addOption(endpointOption());
  const list = (command: Command) =>
    command.addOption(json()).addOption(endpointOption()).addOption(formatOption());
  const group = program.command('group').description('administer consumer groups');
  settings(group.command('create'))
    .option('--if-not-exists', 'do nothing when it is there already', false)
    .action(async (name: string, options: GroupOptions & { ifNotExists: boolean }) => {
      const { endpoint, ...flags } = options;
      exit(await groupCreate(context, name, flags, endpoint));
    });
  settings(group.command('alter')).action(async (name: string, options: GroupOptions) => {
    const { endpoint, ...flags } = options;
    exit(await groupAlter(context, name, flags, endpoint));
  });
  group
    .command('delete')
    .argument('<name>')
    .addOption(endpointOption())
    .action(async (name: string, { endpoint }: { endpoint: Endpoint }) => {
      exit(await groupDelete(context, name, endpoint));
    });
  list(group.command('list')).action(async (options: ListFlags) => {
    exit(await groupList(context, { ...sqlOptions(options), json: options.json }));
  });
  list(group.command('describe').argument('<name>'))
    .description('settings, lag by queue, and connected clients')
    .action(async (name: string, options: ListFlags) => {
      exit(await groupDescribe(context, name, { ...sqlOptions(options), json: options.json }));
    });
  group
    .command('reset')
    .description('put a group elsewhere on a topic')
    .argument('<name>')
    .requiredOption('--topic <name>', 'the topic')
    .option('--queue <id>', 'one queue; all without it', wholeNumber)
    .option('--beginning', 'to the first message')
    .option('--end', 'past the last message')
    .option('--offset <offset>', 'to an offset', wholeNumber)
    .option('--time <ms>', 'to a time, or milliseconds since 1970', timeMs)
    .addOption(endpointOption())
    .action(async (name: string, options: ResetFlags & { endpoint: Endpoint }) => {
      const { endpoint, ...flags } = options;
      exit(await groupReset(context, name, flags, endpoint));
    });
  list(program.command('client').description('connected clients').command('list')).action(
    async (options: ListFlags) => {
      exit(await clientList(context, { ...sqlOptions(options), json: options.json }));
    },
  );
  program
    .command('dlq')
    .description('dead letters; they are in the topic %DLQ%GROUP')
    .command('redrive')
    .description('send a group its dead letters again')
    .argument('<group>')
    .option('--max <count>', 'at most this many', positive)
    .addOption(endpointOption())
    .action(async (name: string, { max, endpoint }: { max?: number; endpoint: Endpoint }) => {
      exit(await redriveCommand(context, name, max, endpoint));
    });
}

/** These work on the files of a server that is not running. */
function addLogCommands(
  program: Command,
  context: CliContext,
  exit: (code: ExitCode) => void,
): void {
  const log = program
    .command('log')
    .description('check and mend the log of a server that is not running');
  const json = () => new Option('--json', 'print JSON').default(false);
  const data = (command: Command) =>
    command.requiredOption('--data <dir>', 'data directory').addOption(dataDirOption());
  data(log.command('verify'))
    .description('read everything and compare it; exit code 3 when something is damaged')
    .addOption(json())
    .action(async (options: DataFlags & { json: boolean }) => {
      exit(await logVerify(context, options, options.json));
    });
  data(log.command('dump'))
    .description('print the entries of the log; ranges are FROM-TO, TO excluded')
    .option('--partition <number>', 'of this physical partition', wholeNumber)
    .option('--segment <sequence>', 'of the segment with this sequence number', wholeNumber)
    .option('--position <from-to>', 'that touch these bytes of the stream', range)
    .option('--topic <id>', 'of the topic with this id', wholeNumber)
    .option('--queue <id>', 'of this logical queue', wholeNumber)
    .option('--offset <from-to>', 'that hold these offsets', range)
    .option('--body', 'with their bodies, in base64', false)
    .addOption(json())
    .addOption(formatOption())
    .action(async (options: DumpFlags & DataFlags) => {
      exit(await logDump(context, options, options));
    });
  data(log.command('repair'))
    .description('cut a torn tail and bring the index up to date; damage of the log stays')
    .option('--rebuild-index', 'build the index from the log again', false)
    .option(
      '--skip <range>',
      'take a damaged range out of the log, as verify names it; may be given again',
      (text: string, before: readonly PositionRange[]) => [...before, damagedRange(text)],
      [],
    )
    .addOption(json())
    .action(async (options: RepairFlags & DataFlags) => {
      exit(await logRepair(context, options, options));
    });
}

function dataDirOption(): Option {
  const text = 'a further physical partition, for example p1=/disk1; repeatable';
  return new Option('--data-dir <name=path>', text).argParser(checked(addDataDirectory));
}

function retentionOption(): Option {
  const text = 'keep messages for this long: 90s, 24h, 7d, or none for ever';
  return new Option('--retention <duration>', text).argParser(checked(orNone(parseDurationMs)));
}

function retentionBytesOption(): Option {
  const text = 'keep this much of the newest messages: 500MiB, 10GiB, or none for all';
  return new Option('--retention-bytes <size>', text).argParser(checked(orNone(parseSizeBytes)));
}

function cleanupOption(): Option {
  const text = 'delete: messages go by retention; compact: the newest one of each key stays';
  return new Option('--cleanup <policy>', text).choices(['delete', 'compact']);
}

function tombstoneOption(): Option {
  const text = 'keep messages that delete their key for this long, when compacting (default 24h)';
  return new Option('--tombstone-retention <duration>', text).argParser(
    checked(orNone(parseDurationMs)),
  );
}

function sqlOptions({ endpoint, format }: SqlFlags): {
  endpoint: Endpoint;
  style: TableStyle | undefined;
} {
  return { endpoint, style: format };
}

function endpointOption(): Option {
  return new Option('--endpoint <host:port>', 'server to talk to')
    .argParser(checked(parseEndpoint))
    .default(parseEndpoint(defaultEndpoint), defaultEndpoint);
}

function formatOption(): Option {
  return new Option('--format <style>', 'auto on a terminal, else tsv').choices([
    'auto',
    'table',
    'vertical',
    'tsv',
  ]);
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('not a whole number');
  }
  return number;
}

function damagedRange(text: string): PositionRange {
  const range = parseRange(text);
  if (range === undefined) throw new InvalidArgumentError('not a range like p0:1024-2048');
  return range;
}

/** `5-10`, `5-` or `-10`; the upper bound is excluded. */
function range(text: string): { readonly from: number; readonly to: number } {
  const match = /^(\d{0,16})-(\d{0,16})$/.exec(text);
  const from = Number(match?.[1] || 0);
  const to = Number(match?.[2] || Infinity);
  if (match === null || text === '-' || from >= to) throw new InvalidArgumentError('not a range');
  return { from, to };
}

function startPlace(text: string): string {
  return text === 'beginning' || text === 'end' ? text : String(timeMs(text));
}

function timeMs(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError('not a time: 2026-01-31T12:00:00Z, or milliseconds since 1970');
}

function positive(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('not a positive whole number');
  }
  return number;
}

/** A parser whose MillraceErrors count as wrong usage. */
function checked<T>(parse: (text: string, previous?: T) => T): (text: string, previous?: T) => T {
  return (text, previous) => {
    try {
      return parse(text, previous);
    } catch (error) {
      if (error instanceof MillraceError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}
