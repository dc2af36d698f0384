import { type Command, InvalidArgumentError, Option } from 'commander';
import { limits } from '../../../platform/limits.ts';
import type { CliContext } from '../context.ts';
import { parsePartition } from '../partition-name.ts';
import { orNone, parseDurationMs, parseSizeBytes } from '../quantities.ts';
import {
  type TopicChanges,
  type TopicOptions,
  topicAlter,
  topicCreate,
  topicDescribe,
  topicList,
  topicMove,
} from '../topic-commands.ts';
import { addFindCommands } from './message.ts';
import {
  checked,
  type Exit,
  endpointOption,
  formatOption,
  jsonOption,
  type ListFlags,
  positive,
  type SqlFlags,
  sqlOptions,
  wholeNumber,
} from './options.ts';

export function addTopicCommands(program: Command, context: CliContext, exit: Exit): void {
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
        .choices(['mixed', 'normal', 'fifo', 'delay', 'transaction', 'priority', 'lite'])
        .default('mixed'),
    )
    .option('--if-not-exists', 'do nothing when it is there already', false)
    .addOption(retentionOption())
    .addOption(retentionBytesOption())
    .addOption(cleanupOption())
    .addOption(tombstoneOption())
    .addOption(topicFlushOption())
    .addOption(endpointOption())
    .action(async (name: string, options: SqlFlags & TopicOptions) => {
      exit(await topicCreate(context, name, options, sqlOptions(options)));
    });
  topic
    .command('alter')
    .description('give a topic more queues or another retention or flush mode, while it is in use')
    .argument('<name>')
    .option('--queues <count>', 'number of logical queues from now on', queues)
    .addOption(retentionOption())
    .addOption(retentionBytesOption())
    .addOption(cleanupOption())
    .addOption(tombstoneOption())
    .addOption(topicFlushOption())
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
    .addOption(jsonOption())
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (options: ListFlags) => {
      exit(await topicList(context, sqlOptions(options)));
    });
  topic
    .command('describe')
    .argument('<name>')
    .addOption(jsonOption())
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (name: string, options: ListFlags) => {
      exit(await topicDescribe(context, name, sqlOptions(options)));
    });
  addFindCommands(topic, context, exit);
}

function retentionOption(): Option {
  const text = 'keep messages for this long: 90s, 24h, 7d, or none for ever';
  return new Option('--retention <duration>', text).argParser(checked(orNone(parseDurationMs)));
}

function retentionBytesOption(): Option {
  const text = 'keep this much of the newest messages: 500MiB, 10GiB, or none for all';
  return new Option('--retention-bytes <size>', text).argParser(checked(orNone(parseSizeBytes)));
}

function topicFlushOption(): Option {
  const text =
    'sync: acknowledge when a message is on the disk; interval: sooner, and a crash may lose it; ' +
    'default: as the server was started';
  return new Option('--flush <mode>', text).choices(['sync', 'interval', 'default']);
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
