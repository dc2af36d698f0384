import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { type SqlCommandOptions, sqlCommand, submitCommand } from '../sql-commands.ts';
import {
  type DialectFlag,
  dialectOption,
  type Exit,
  endpointOption,
  formatOption,
  type SqlFlags,
  sqlOptions,
} from './options.ts';

export function addSqlCommands(program: Command, context: CliContext, exit: Exit): void {
  program
    .command('sql')
    .description('run SQL: one text, standard input, or a shell on a terminal')
    .option('-c, --command <text>', 'the statements to run')
    .addOption(endpointOption())
    .addOption(formatOption())
    .addOption(dialectOption())
    .action(async (options: SqlFlags & DialectFlag & { command?: string }) => {
      exit(await sqlCommand(context, options.command, inDialect(options)));
    });
  program
    .command('submit')
    .description('run a file of SQL statements')
    .argument('<file>')
    .addOption(endpointOption())
    .addOption(formatOption())
    .addOption(dialectOption())
    .action(async (file: string, options: SqlFlags & DialectFlag) => {
      exit(await submitCommand(context, file, inDialect(options)));
    });
}

function inDialect(options: SqlFlags & DialectFlag): SqlCommandOptions {
  const { dialect } = options;
  return { ...sqlOptions(options), ...(dialect === undefined ? {} : { dialect }) };
}
