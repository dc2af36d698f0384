import { type Command, Option } from 'commander';
import type { CliContext } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';
import { topicFind, topicPeek } from '../find-commands.ts';
import { publishCommand, subscribeCommand } from '../message-commands.ts';
import {
  type Exit,
  endpointOption,
  formatOption,
  positive,
  type SqlFlags,
  sqlOptions,
  timeMs,
  wholeNumber,
} from './options.ts';

export function addMessageCommands(program: Command, context: CliContext, exit: Exit): void {
  const message = program.command('message').description('look at messages');
  addFindCommands(message, context, exit);
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

export function addFindCommands(topic: Command, context: CliContext, exit: Exit): void {
  topic
    .command('find')
    .description('show the newest messages that have an id or a key')
    .argument('<topic>')
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
    .argument('<topic>')
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
