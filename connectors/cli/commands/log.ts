import { type Command, InvalidArgumentError, Option } from 'commander';
import { type PositionRange, parseRange } from '../../../storage/check/findings.ts';
import type { CliContext } from '../context.ts';
import {
  type DataFlags,
  type DumpFlags,
  logDump,
  logRepair,
  logVerify,
  type RepairFlags,
} from '../log-commands.ts';
import { dataDirOption, type Exit, formatOption, wholeNumber } from './options.ts';

/** These work on the files of a server that is not running. */
export function addLogCommands(program: Command, context: CliContext, exit: Exit): void {
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
