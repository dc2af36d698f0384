import { createInterface, type Interface } from 'node:readline';
import type { CliContext, ExitCode } from './context.ts';
import { endpointText } from './endpoint.ts';
import { errorText } from './error-text.ts';
import { readHistory, writeHistory } from './history.ts';
import { runText } from './run-statement.ts';
import type { SqlConnection } from './services.ts';
import type { SqlCommandOptions } from './sql-commands.ts';
import { splitStatements } from './statements.ts';
import type { TableStyle } from './table.ts';

const help = `Statements end with a semicolon and may span lines.
  \\d          lists relations        \\d NAME  describes one
  \\dt         lists topics           \\x       switches vertical output: auto, on, off
  \\q, Ctrl-D  quits                  Ctrl-C   stops the query, or drops the input
`;

/** What \\x switches to. */
const nextStyle: Readonly<Record<TableStyle, TableStyle>> = {
  auto: 'vertical',
  vertical: 'table',
  table: 'auto',
  tsv: 'vertical',
  json: 'vertical',
};

/** The interactive shell, in psql's manner. */
export async function runShell(context: CliContext, options: SqlCommandOptions): Promise<ExitCode> {
  const connection = context.services.sql(options.endpoint);
  const history = await readHistory(context);
  const lines = createInterface({
    input: context.input,
    output: context.editorOutput,
    terminal: true,
    history: [...history],
    historySize: 500,
    removeHistoryDuplicates: true,
  });
  lines.on('history', (entries) => {
    history.splice(0, history.length, ...entries);
  });
  try {
    await context.screen.out(`Connected to ${endpointText(options.endpoint)}. help for help.\n`);
    const { dialect } = options;
    if (dialect !== undefined) await connection.execute(`SET dialect = '${dialect}'`);
    await new Shell(context, connection, lines, options.style ?? 'auto').run();
    return 0;
  } finally {
    lines.close();
    await writeHistory(context, history);
    await connection.close();
  }
}

class Shell {
  readonly #context: CliContext;
  readonly #connection: SqlConnection;
  readonly #lines: Interface;
  #style: TableStyle;
  #pending = '';
  #running: AbortController | undefined;

  constructor(context: CliContext, connection: SqlConnection, lines: Interface, style: TableStyle) {
    this.#context = context;
    this.#connection = connection;
    this.#lines = lines;
    this.#style = style;
  }

  /** Resolves when the user leaves. Lines that come while a statement runs wait their turn. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      let turn: Promise<void> = Promise.resolve();
      const quit = () => this.#lines.close();
      this.#lines.on('line', (line) => {
        turn = turn.then(() => this.#take(line, quit)).catch(reject);
      });
      this.#lines.on('SIGINT', () => this.#interrupt());
      this.#lines.on('close', () => {
        this.#running?.abort();
        turn.then(resolve);
      });
      this.#prompt();
    });
  }

  async #take(line: string, quit: () => void): Promise<void> {
    const word = line.trim();
    if (this.#pending === '' && word !== '') {
      if (word === '\\q' || word === 'quit' || word === 'exit') return quit();
      if (word === 'help' || word === '\\?' || word === '\\h') {
        await this.#context.screen.out(help);
        return this.#prompt();
      }
      if (word.startsWith('\\')) {
        await this.#backslash(word);
        return this.#prompt();
      }
    }
    this.#pending += `${line}\n`;
    const { statements, rest, open } = splitStatements(this.#pending);
    if (statements.length > 0 && !open) {
      const text = this.#pending.slice(0, rest?.offset);
      this.#pending = rest?.text ?? '';
      await this.#execute(text);
    } else if (rest === undefined) {
      this.#pending = '';
    }
    this.#prompt();
  }

  async #backslash(word: string): Promise<void> {
    const [command, name] = word.split(/\s+/, 2);
    if (command === '\\x') {
      this.#style = nextStyle[this.#style];
      const state = { auto: 'auto', vertical: 'on' }[this.#style as string] ?? 'off';
      await this.#context.screen.out(`Vertical output is ${state}.\n`);
    } else if (command === '\\dt') {
      await this.#execute('SHOW TOPICS');
    } else if (command === '\\d') {
      await this.#execute(name === undefined ? 'SHOW RELATIONS' : `DESCRIBE ${name}`);
    } else {
      this.#context.screen.error(`No such command: ${command}. help lists them.\n`);
    }
  }

  async #execute(text: string): Promise<void> {
    const { screen } = this.#context;
    this.#running = new AbortController();
    try {
      await runText(
        this.#context,
        this.#connection,
        text,
        { style: this.#style },
        this.#running.signal,
      );
    } catch (error) {
      screen.error(errorText(error, text, screen.color));
    } finally {
      this.#running = undefined;
    }
  }

  #interrupt(): void {
    if (this.#running !== undefined) {
      this.#running.abort();
      return;
    }
    this.#pending = '';
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    this.#context.editorOutput.write('^C\n');
    this.#prompt();
  }

  #prompt(): void {
    this.#lines.setPrompt(this.#pending === '' ? 'millrace=> ' : 'millrace-> ');
    this.#lines.prompt();
  }
}
