import { type Command, Option } from 'commander';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import type { CliContext } from '../context.ts';
import { runDemo } from '../demo/demo.ts';
import { parsePort } from '../endpoint.ts';
import { parseSizeBytes } from '../quantities.ts';
import { serverCommand } from '../server-command.ts';
import { statusCommand } from '../status-command.ts';
import {
  checked,
  dataDirOption,
  type Exit,
  endpointOption,
  formatOption,
  type ListFlags,
  positive,
  sqlOptions,
  wholeNumber,
} from './options.ts';

interface ServerFlags {
  readonly data: string;
  readonly dataDir?: ReadonlyMap<number, string>;
  readonly segmentSize: number;
  readonly flush: 'sync' | 'interval';
  readonly port: number;
  readonly host: string;
  readonly strict: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly diskReserve?: number;
  readonly acl?: boolean;
  readonly limitClient?: number;
  readonly limitTopic?: number;
}

export function addServerCommands(program: Command, context: CliContext, exit: Exit): void {
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
    .option('--acl', 'requests must be signed with an access key that has grants (acl create)')
    .option('--limit-client <requests>', 'requests of one client a second', positive)
    .option('--limit-topic <messages>', 'messages published to one topic a second', positive)
    .option('--disk-reserve <MiB>', 'refuse publishing while less is free (256)', wholeNumber)
    .action(async (options: ServerFlags) => {
      const { data, dataDir, segmentSize: segmentBytes, port, host, strict } = options;
      const { tlsCert, tlsKey, diskReserve, limitClient, limitTopic } = options;
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
        acl: options.acl === true,
        rates: { clientRequests: limitClient, topicMessages: limitTopic },
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
    .action(async (options: ListFlags) => {
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
