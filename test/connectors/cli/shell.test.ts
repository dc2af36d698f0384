import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { runCommandLine } from '../../../connectors/cli/program.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import {
  rowsAnswer,
  type TestContext,
  type TestContextOptions,
  testContext,
} from './test-context.ts';

interface Session {
  readonly context: TestContext;
  readonly ended: Promise<number>;
  type(text: string): void;
  drawn(): string;
}

function open(options: TestContextOptions = {}): Session {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const editorOutput = new PassThrough();
  let drawn = '';
  editorOutput.on('data', (data: Buffer) => {
    drawn += data.toString();
  });
  const context = testContext({ terminal: true, input, editorOutput, ...options });
  return {
    context,
    ended: runCommandLine(context, '1.2.3', ['sql']),
    type: (text) => void input.write(text),
    drawn: () => drawn,
  };
}

test('a statement may span lines; several may share one', async () => {
  const { context, ended, type, drawn } = open();
  type('SELECT 1\n');
  type("  , ';\n");
  type("';SELECT 2; SELECT\n");
  type('3;\n\\q\n');
  expect(await ended).toBe(0);
  expect(context.statements).toEqual(["SELECT 1\n  , ';\n'", 'SELECT 2', 'SELECT\n3']);
  expect(drawn()).toContain('millrace=> ');
  expect(drawn()).toContain('millrace-> ');
  expect(context.open.sql).toBe(0);
});

test('an error is shown and the session goes on; Ctrl-D ends it', async () => {
  const { context, ended, type } = open({
    answer(text) {
      if (text.includes('bad')) throw new MillraceError('SQL_SYNTAX', 'bad it is');
      return rowsAnswer(['n#'], [['1']]);
    },
  });
  type('bad;\nSELECT 1;\n');
  await expect.poll(() => context.screen.output).toContain('(1 row)');
  type('\x04');
  expect(await ended).toBe(0);
  expect(context.screen.errors).toBe('ERROR: bad it is\n');
});

test('\\x, \\d, \\dt, help and what is no command', async () => {
  const { context, ended, type } = open({ answer: () => rowsAnswer(['n#'], [['1']]) });
  type('\\x\nSELECT 1;\n\\d bid\n\\d\n\\dt\nhelp\n\\nope\nquit\n');
  expect(await ended).toBe(0);
  expect(context.statements).toEqual(['SELECT 1', 'DESCRIBE bid', 'SHOW RELATIONS', 'SHOW TOPICS']);
  expect(context.screen.output).toContain('Vertical output is on.\n-[ RECORD 1 ]\nn | 1\n');
  expect(context.screen.output).toContain('Statements end with a semicolon');
  expect(context.screen.errors).toContain('No such command: \\nope');
});

test('Ctrl-C drops the input, and stops a query, but never ends the session', async () => {
  let cancelled = 0;
  const { context, ended, type, drawn } = open({
    answer: (text, { signal }) =>
      text.includes('slow')
        ? new Promise((_, reject) => {
            signal?.addEventListener('abort', () => {
              cancelled++;
              reject(new MillraceError('CANCELLED', 'cancelled'));
            });
          })
        : { kind: 'command', tag: 'OK' },
  });
  type('SELECT garbage');
  type('\x03');
  await expect.poll(drawn).toContain('^C');
  type('slow;\n');
  await expect.poll(() => context.statements).toEqual(['slow']);
  type('\x03');
  await expect.poll(() => cancelled).toBe(1);
  type('SELECT 1;\n');
  await expect.poll(() => context.screen.output).toContain('OK\n');
  type('\\q\n');
  expect(await ended).toBe(0);
  expect(context.statements).toEqual(['slow', 'SELECT 1']);
});

test('history comes back in the next session', async () => {
  const fs = new MemoryFs();
  await fs.makeDirectory('home');
  const first = open({ homeDirectory: 'home', fs });
  first.type('SELECT 41;\nSELECT 42;\n\\q\n');
  await first.ended;
  const second = open({ homeDirectory: 'home', fs });
  await expect.poll(second.drawn).toContain('millrace=> ');
  second.type('\x1b[A\x1b[A\n\\q\n');
  await second.ended;
  expect(second.context.statements).toEqual(['SELECT 42']);
});
