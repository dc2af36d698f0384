import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../connectors/cli/program.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryTopics } from './memory-topics.ts';
import { rowsAnswer, type TestContext, testContext } from './test-context.ts';

function run(context: TestContext, ...args: string[]): Promise<number> {
  return runCommandLine(context, '1.2.3', args);
}

const bytes = (text: string) => new TextEncoder().encode(text);

async function putFile(context: TestContext, path: string, content: Uint8Array): Promise<void> {
  await context.fs.makeDirectory('dir');
  const file = await context.fs.open(path, 'create');
  await file.write(content, 0);
  await file.close();
}

describe('exit codes and streams', () => {
  test.each([
    [[], 2],
    [['nonsense'], 2],
    [['sql', '--nonsense'], 2],
    [['pub', 'topic'], 2],
    [['server'], 2],
    [['sql', '-c', 'x', '--endpoint', 'nowhere'], 2],
    [['sql', '-c', 'x', '--endpoint', 'host:99999'], 2],
    [['sql', '-c', 'x', '--format', 'xml'], 2],
    [['server', '--data', 'd', '--port', '-1'], 2],
    [['topic', 'create', 't', '--queues', '0'], 2],
    [['topic', 'create', 't', '--queues', '5000'], 2],
    [['demo', '--data', 'd', '--rate', '1.5'], 2],
    [['sub', 't', '--group', 'g', '--from-beginning'], 2],
    [['--help'], 0],
    [['topic', '--help'], 0],
    [['--version'], 0],
  ])('%j ends with %i', async (args, code) => {
    const context = testContext();
    expect(await run(context, ...args)).toBe(code);
    expect(code === 0 ? context.screen.output : context.screen.errors).not.toBe('');
    expect(code === 0 ? context.screen.errors : context.screen.output).toBe('');
    expect(context.statements).toEqual([]);
  });

  test('a server that cannot start is an error with its reason', async () => {
    const context = testContext({
      async startServer() {
        throw new MillraceError('PORT_IN_USE', 'port 8081 is in use', { hint: 'Pass --port.' });
      },
    });
    for (const command of ['server', 'demo']) {
      context.screen.errors = '';
      expect(await run(context, command, '--data', 'd')).toBe(1);
      expect(context.screen.errors).toBe('ERROR: port 8081 is in use\nHINT: Pass --port.\n');
    }
    expect(context.open).toEqual({ sql: 0, messaging: 0, admin: 0, servers: 0 });
  });

  test('Ctrl-C during a query ends with 130 and says nothing', async () => {
    const context = testContext({
      answer: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () =>
            reject(new MillraceError('CANCELLED', 'cancelled')),
          );
          context.interruption.abort();
        }),
    });
    expect(await run(context, 'sql', '-c', 'SELECT 1')).toBe(130);
    expect(context.screen.errors).toBe('');
    expect(context.open.sql).toBe(0);
  });

  test('server runs until it is interrupted, then stops', async () => {
    const context = testContext();
    const ended = run(context, 'server', '--data', 'd', '--host', '::1', '--port', '0');
    await expect.poll(() => context.screen.output).toContain('[::1]:4711, data in d\n');
    context.interruption.abort();
    expect(await ended).toBe(0);
    expect(context.open.servers).toBe(0);
  });
});

describe('sql', () => {
  const answer = () =>
    rowsAnswer(
      ['id#', 'name'],
      [
        ['1', 'a'],
        ['22', null],
      ],
    );

  test('prints a table on a terminal and bare rows elsewhere', async () => {
    const terminal = testContext({ terminal: true, answer });
    expect(await run(terminal, 'sql', '-c', 'SELECT 1')).toBe(0);
    expect(terminal.screen.output).toBe(' id | name\n----+------\n  1 | a\n 22 | NULL\n(2 rows)\n');
    const pipe = testContext({ answer });
    expect(await run(pipe, 'sql', '-c', 'SELECT 1', '--endpoint', '[::1]:9')).toBe(0);
    expect(pipe.screen.output).toBe('id\tname\n1\ta\n22\t\\N\n');
    expect(pipe.endpoints).toEqual(['::1:9']);
    const asked = testContext({ answer });
    await run(asked, 'sql', '--format', 'table', '-c', 'SELECT 1');
    expect(asked.screen.output).toContain('(2 rows)');
  });

  test('submit runs statement by statement and points into the file', async () => {
    const text = `CREATE TABLE t (a INT);\n-- then\nSELECT 1; SELECT\n  ${'x'}yz FROM t;\nSELECT 3;`;
    const context = testContext({
      answer(statement) {
        if (!statement.includes('xyz')) return { kind: 'command', tag: 'DONE' };
        const offset = statement.indexOf('xyz');
        const line = statement.slice(0, offset).split('\n').length;
        const column = offset - statement.lastIndexOf('\n', offset);
        throw new MillraceError('SQL_SEMANTIC', 'no column xyz', {
          position: { offset, line, column, length: 3 },
          hint: 'Try a.',
        });
      },
    });
    await putFile(context, 'dir/orders.sql', bytes(text));
    expect(await run(context, 'submit', 'dir/orders.sql')).toBe(1);
    expect(context.statements).toHaveLength(3);
    expect(context.screen.output).toBe('DONE\nDONE\n');
    expect(context.screen.errors).toContain('ERROR: no column xyz\n');
    expect(context.screen.errors).toMatch(/xyz FROM t;\n.*\^/);
    expect(context.screen.errors).toContain('4');
    expect(context.screen.errors.endsWith('HINT: Try a.\n')).toBe(true);
  });

  test('submit of a missing file or of bytes that are no text', async () => {
    const context = testContext();
    await context.fs.makeDirectory('dir');
    expect(await run(context, 'submit', 'dir/missing.sql')).toBe(1);
    expect(context.screen.errors).toContain('dir/missing.sql');
    await putFile(context, 'dir/bad.sql', Uint8Array.of(0x53, 0xff));
    expect(await run(context, 'submit', 'dir/bad.sql')).toBe(1);
    expect(context.screen.errors).toContain('bad.sql is not UTF-8 text');
    expect(context.statements).toEqual([]);
  });

  test('topic commands speak SQL, whatever the name', async () => {
    const context = testContext();
    await run(context, 'topic', 'create', 'my "topic"', '--queues', '8', '--if-not-exists');
    await run(context, 'topic', 'create', 'early', '--flush', 'interval');
    await run(context, 'topic', 'alter', 'early', '--flush', 'default');
    await run(context, 'topic', 'list');
    await run(context, 'topic', 'describe', 'orders');
    expect(context.statements).toEqual([
      'CREATE TOPIC IF NOT EXISTS "my ""topic""" WITH (queues = 8)',
      `CREATE TOPIC "early" WITH (queues = 4, flush = 'interval')`,
      `ALTER TOPIC "early" SET (flush = 'default')`,
      'SHOW TOPICS',
      'DESCRIBE TOPIC "orders"',
    ]);
  });
});

describe('pub and sub', () => {
  test('what is published can be read from the beginning', async () => {
    const topics = new MemoryTopics(4);
    const context = testContext({ topics });
    for (const body of ['one', 'zwei', '三']) {
      expect(await run(context, 'pub', 'orders', body, '--key', 'k')).toBe(0);
    }
    expect(topics.all('orders').map((message) => message.keys)).toEqual([['k'], ['k'], ['k']]);
    expect(await run(context, 'sub', 'orders', '--from-beginning', '--max', '3')).toBe(0);
    expect(context.screen.output.split('\n').sort()).toEqual(['', 'one', 'zwei', '三']);
    expect(context.open.messaging).toBe(0);
  });

  test('sub without --from-beginning starts at the end and waits', async () => {
    const topics = new MemoryTopics(4);
    const context = testContext({ topics });
    await run(context, 'pub', 'orders', 'old');
    const ended = run(context, 'sub', 'orders', '--max', '1');
    await expect.poll(() => topics.pulls).toBeGreaterThan(0);
    await run(context, 'pub', 'orders', 'new');
    expect(await ended).toBe(0);
    expect(context.screen.output).toBe('new\n');
  });

  test('Ctrl-C ends sub with 130', async () => {
    const topics = new MemoryTopics(4);
    const context = testContext({ topics });
    const ended = run(context, 'sub', 'orders');
    await expect.poll(() => topics.pulls).toBeGreaterThan(0);
    context.interruption.abort();
    expect(await ended).toBe(130);
    expect(context.open.messaging).toBe(0);
  });

  test('a group acknowledges what was printed', async () => {
    const acknowledged: string[] = [];
    class Group extends MemoryTopics {
      override async receive(_topic: string, group: string, max: number) {
        return ['a', 'b'].slice(0, max).map((body) => ({
          body: bytes(body),
          async acknowledge() {
            acknowledged.push(group + body);
          },
        }));
      }
    }
    const context = testContext({ topics: new Group(4) });
    expect(await run(context, 'sub', 'orders', '--group', 'g', '--max', '3')).toBe(0);
    expect(context.screen.output).toBe('a\nb\na\n');
    expect(acknowledged).toEqual(['ga', 'gb', 'ga']);
  });
});

describe('topic find and topic peek', () => {
  async function published() {
    const topics = new MemoryTopics(2);
    const context = testContext({ topics });
    for (const [body, key] of [
      ['one', 'a'],
      ['two', 'b'],
      ['three', 'a'],
    ] as const) {
      await run(context, 'pub', 'orders', body, '--key', key);
    }
    return topics;
  }

  test('find shows the newest first, as a table or as JSON', async () => {
    const topics = await published();
    const table = testContext({ topics });
    expect(await run(table, 'topic', 'find', 'orders', '--key', 'a')).toBe(0);
    const [head, ...rows] = table.screen.output.trimEnd().split('\n');
    expect(head).toBe('queue\toffset\tstored\tid\ttag\tkeys\tbody');
    expect(rows.map((row) => row.split('\t').at(-1)).sort()).toEqual(['one', 'three']);
    const [message] = topics.all('orders');
    const json = testContext({ topics });
    const byId = ['topic', 'find', 'orders', '--id', message!.messageId, '--json'];
    expect(await run(json, ...byId)).toBe(0);
    expect(JSON.parse(json.screen.output)).toEqual({
      ...{ queue: message!.queue, offset: 0, stored: '2026-01-01T00:00:00.000Z', tag: null },
      ...{ id: message!.messageId, keys: message!.keys, properties: {} },
      body: new TextDecoder().decode(message!.body),
    });
    expect(await run(testContext({ topics }), 'topic', 'find', 'orders')).toBe(1);
    const both = ['topic', 'find', 'orders', '--id', 'x', '--key', 'y'];
    expect(await run(testContext({ topics }), ...both)).toBe(2);
  });

  test('peek starts at an offset or a time of one queue', async () => {
    const topics = await published();
    const { queue } = topics.all('orders').find(({ offset }) => offset === 1)!;
    const at = ['topic', 'peek', 'orders', '--queue', String(queue)];
    const peek = async (...options: string[]) => {
      const context = testContext({ topics });
      const code = await run(context, ...at, '--json', ...options);
      const lines = context.screen.output.split('\n').filter((line) => line !== '');
      return [code, ...lines.map((line) => JSON.parse(line).offset)];
    };
    expect(await peek()).toEqual([0, 0]);
    expect(await peek('--offset', '1')).toEqual([0, 1]);
    expect(await peek('--offset', '0', '--count', '5')).toEqual([0, 0, 1]);
    expect(await peek('--time', '2026-01-01T00:00:01Z')).toEqual([0, 1]);
    expect(await peek('--time', '1767225600001')).toEqual([0, 1]);
    expect(await peek('--time', '2027-01-01')).toEqual([0]);
    expect(await peek('--time', 'soon')).toEqual([2]);
    expect(await peek('--offset', '-1')).toEqual([2]);
  });
});

describe('demo', () => {
  const answer = (text: string) =>
    text.startsWith('SELECT')
      ? rowsAnswer(['auction#', 'bids#'], [['1000', '17']])
      : ({ kind: 'command', tag: 'OK' } as const);

  test('publishes, says what it did, and carries on', async () => {
    const topics = new MemoryTopics(4);
    const first = testContext({ topics, answer });
    const args = ['demo', '--data', 'd', '--rate', '20000', '--events', '3000'];
    expect(await run(first, ...args)).toBe(0);
    expect(first.screen.output).toContain('starts at event 0\n');
    expect(first.screen.output).toContain('busiest auction 1000 with 17 bids');
    expect(
      first.screen.output.endsWith('stopped after event 2999; 3000 events in the topics\n'),
    ).toBe(true);
    expect(first.open).toEqual({ sql: 0, messaging: 0, admin: 0, servers: 0 });
    const second = testContext({ topics, answer });
    expect(await run(second, ...args)).toBe(0);
    expect(second.screen.output).toContain('carries on at event 3000\n');
    expect(
      second.screen.output.endsWith('stopped after event 5999; 6000 events in the topics\n'),
    ).toBe(true);
    const created = second.statements.filter((text) => text.startsWith('CREATE'));
    expect(created).toHaveLength(9);
    for (const text of created) expect(text).toContain(' IF NOT EXISTS ');
  });

  test('Ctrl-C ends it cleanly; the rate is kept', async () => {
    const topics = new MemoryTopics(4);
    const clock = new ManualClock();
    const context = testContext({ topics, answer, terminal: true, clock });
    const ended = run(context, 'demo', '--data', 'd', '--rate', '1000');
    // Between two timers there are only promises, which are all done at the next turn.
    for (let tenths = 0; tenths < 600; tenths++) {
      await new Promise(setImmediate);
      clock.advance(100);
    }
    context.interruption.abort();
    expect(await ended).toBe(0);
    const events = ['person', 'auction', 'bid'].flatMap((topic) => topics.all(topic)).length;
    expect(Math.abs(events - 60_000)).toBeLessThan(500);
    expect(context.screen.output).toContain(`stopped after event ${events - 1}; ${events} events`);
    expect(context.screen.output).toContain('\x1b[');
  });

  test('an error of a view or of a publish ends it with 1, and everything is closed', async () => {
    const failing = testContext({
      answer(text) {
        if (text.startsWith('SELECT')) throw new MillraceError('INTERNAL', 'no view');
        return { kind: 'command', tag: 'OK' };
      },
    });
    expect(await run(failing, 'demo', '--data', 'd', '--events', '10')).toBe(1);
    expect(failing.screen.errors).toBe('ERROR: no view\n');
    expect(failing.open).toEqual({ sql: 0, messaging: 0, admin: 0, servers: 0 });
  });
});
