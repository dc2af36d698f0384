import { Command, CommanderError } from 'commander';
import { addAclCommands } from './commands/acl.ts';
import { addGroupCommands } from './commands/group.ts';
import { addLogCommands } from './commands/log.ts';
import { addMessageCommands } from './commands/message.ts';
import type { Exit } from './commands/options.ts';
import { addServerCommands } from './commands/server.ts';
import { addSqlCommands } from './commands/sql.ts';
import { addTopicCommands } from './commands/topic.ts';
import type { CliContext, ExitCode } from './context.ts';
import { errorText } from './error-text.ts';

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

function createProgram(context: CliContext, version: string, exit: Exit): Command {
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
  addAclCommands(program, context, exit);
  addLogCommands(program, context, exit);
  return program;
}
