import { expect, test } from 'vitest';
import { runCommandLine } from '../../../connectors/cli/program.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { testContext } from './test-context.ts';

const group = { name: 'g', fifo: true, broadcast: false, max_attempts: 3, start: 'end' };
const answers: Readonly<Record<string, object>> = {
  ListGroups: { groups: [group] },
  DescribeGroup: {
    group,
    queues: [{ topic: 't', queue: 1, offset: 5, end: 9, in_flight: 2 }],
    clients: [{ client_id: 'c', language: 'JAVA', kind: 'PUSH_CONSUMER', group: 'g', since_ms: 0 }],
  },
  ListClients: { clients: [] },
  Redrive: { count: 1 },
  ListUsers: { users: [{ access_key: 'k', admin: true, grants: { list: ['sql:*=admin'] } }] },
};

async function run(...args: string[]) {
  const context = testContext({ admin: (method) => answers[method] ?? {} });
  const code = await runCommandLine(context, '1.0', args);
  expect(context.open.admin).toBe(0);
  const { output, errors } = context.screen;
  return { code, out: output, error: errors, calls: context.calls };
}

test.each([
  [
    ['group', 'create', 'g', '--fifo', '--max-attempts', '3', '--start', '2026-01-31T12:00:00Z'],
    'CreateGroup',
    {
      group: { name: 'g', fifo: true, max_attempts: 3, start: '1769860800000' },
      if_not_exists: false,
    },
  ],
  [['group', 'alter', 'g', '--no-fifo'], 'AlterGroup', { group: { name: 'g', fifo: false } }],
  [['group', 'delete', 'g'], 'DeleteGroup', { group: 'g' }],
  [
    ['group', 'reset', 'g', '--topic', 't', '--queue', '2', '--offset', '7'],
    'ResetGroup',
    { group: 'g', topic: 't', queue: 2, offset: 7 },
  ],
  [
    ['group', 'reset', 'g', '--topic', 't', '--beginning'],
    'ResetGroup',
    { group: 'g', topic: 't', beginning: true },
  ],
  [['dlq', 'redrive', 'g', '--max', '5'], 'Redrive', { group: 'g', max: 5 }],
  [
    ['group', 'create', 'g', '--exclusive', '--lite-quota', '5'],
    'CreateGroup',
    { group: { name: 'g', exclusive: true, lite_quota: 5 }, if_not_exists: false },
  ],
  [
    ['acl', 'create', 'k', '--secret-key', 'secret', '--grant', 'topic:a=publish', '--grant', 'x'],
    'CreateUser',
    { user: { access_key: 'k', secret_key: 'secret', grants: { list: ['topic:a=publish', 'x'] } } },
  ],
  [['acl', 'alter', 'k', '--no-admin'], 'AlterUser', { user: { access_key: 'k', admin: false } }],
  [['acl', 'delete', 'k'], 'DeleteUser', { access_key: 'k' }],
])('%j calls %s', async (args, method, request) => {
  const { code, calls } = await run(...args);
  expect(code).toBe(0);
  expect(calls).toEqual([[method, request]]);
});

test('lists are tables, or JSON by the line', async () => {
  expect((await run('group', 'list')).out).toBe(
    'group\tfifo\tbroadcast\tmax_attempts\tstart\ng\ttrue\tfalse\t3\tend\n',
  );
  expect(JSON.parse((await run('group', 'list', '--json')).out)).toEqual(group);
  const { out } = await run('group', 'describe', 'g');
  expect(out).toContain('t\t1\t5\t9\t4\t2');
  expect(out).toContain('c\tJAVA\tPUSH_CONSUMER\tg\t1970-01-01T00:00:00.000Z');
  expect((await run('dlq', 'redrive', 'g')).out).toBe('1 message sent back\n');
});

test('a reset says where to, once', async () => {
  for (const where of [[], ['--beginning', '--end']]) {
    const { code, error, calls } = await run('group', 'reset', 'g', '--topic', 't', ...where);
    expect([code, calls]).toEqual([1, []]);
    expect(error).toContain('say where to');
  }
  expect((await run('group', 'create', 'g', '--start', 'soon')).code).toBe(2);
});

test('what the server refuses is said', async () => {
  const context = testContext({
    admin: () => {
      throw new MillraceError('GROUP_NOT_FOUND', 'consumer group "g" does not exist');
    },
  });
  expect(await runCommandLine(context, '1.0', ['group', 'delete', 'g'])).toBe(1);
  expect(context.screen.errors).toContain('consumer group "g" does not exist');
  expect(context.open.admin).toBe(0);
});

test('access keys: a secret is made and shown once, and never listed', async () => {
  const { out, calls } = await run('acl', 'create', 'k', '--admin');
  const [, secret] = /^secret key: (\S{32})\nCREATE ACCESS KEY\n$/.exec(out) ?? [];
  expect(calls).toEqual([
    ['CreateUser', { user: { access_key: 'k', secret_key: secret, admin: true } }],
  ]);
  expect((await run('acl', 'list')).out).toBe('access_key\tadmin\tgrants\nk\ttrue\tsql:*=admin\n');
  expect(JSON.parse((await run('acl', 'list', '--json')).out)).toEqual({
    access_key: 'k',
    admin: true,
    grants: ['sql:*=admin'],
  });
});
