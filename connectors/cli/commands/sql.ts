import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { sqlCommand, submitCommand } from '../sql-commands.ts';
import { type Exit, endpointOption, formatOption, type SqlFlags, sqlOptions } from './options.ts';

export function addSqlCommands(program: Command, context: CliContext, exit: Exit): void {
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
