import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';
import {
  clientList,
  deadLetterList,
  type GroupFlags,
  groupAlter,
  groupCreate,
  groupDelete,
  groupDescribe,
  groupList,
  groupReset,
  type ResetFlags,
  redriveCommand,
} from '../group-commands.ts';
import {
  type Exit,
  endpointOption,
  formatOption,
  jsonOption,
  type ListFlags,
  positive,
  sqlOptions,
  timeMs,
  wholeNumber,
} from './options.ts';

type GroupOptions = GroupFlags & { endpoint: Endpoint };

export function addGroupCommands(program: Command, context: CliContext, exit: Exit): void {
  const settings = (command: Command) =>
    command
      .argument('<name>')
      .option('--fifo', 'messages of one message group go out one after the other')
      .option('--no-fifo', 'they do not')
      .option('--broadcast', 'every client gets every message')
      .option('--exclusive', "a lite topic is one client's at a time, the last that subscribed")
      .option('--no-exclusive', 'lite topics are shared')
      .option('--lite-quota <count>', 'lite topics that a client subscribes to at most', positive)
      .option('--max-attempts <count>', 'deliveries before a message is dead', positive)
      .option('--start <where>', 'beginning, end, or a time', startPlace)
      .addOption(endpointOption());
  const list = (command: Command) =>
    command.addOption(jsonOption()).addOption(endpointOption()).addOption(formatOption());
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
  const dlq = program
    .command('dlq')
    .description('dead letters; they are in the topic %DLQ%GROUP, for sub and message peek');
  list(dlq.command('list'))
    .description('groups that have some')
    .action(async (options: ListFlags) => {
      exit(await deadLetterList(context, { ...sqlOptions(options), json: options.json }));
    });
  dlq
    .command('redrive')
    .description('send a group its dead letters again')
    .argument('<group>')
    .option('--max <count>', 'at most this many', positive)
    .addOption(endpointOption())
    .action(async (name: string, { max, endpoint }: { max?: number; endpoint: Endpoint }) => {
      exit(await redriveCommand(context, name, max, endpoint));
    });
}

function startPlace(text: string): string {
  return text === 'beginning' || text === 'end' ? text : String(timeMs(text));
}
