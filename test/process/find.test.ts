import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/** Messages of a real server are found by id, key, offset and time, also after a crash. */

let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-find-'));
  server = await startServerProcess(directory);
}, 60_000);

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
  await rm(directory, { recursive: true, force: true });
});

test('find and peek see what is durable, and survive kill -9', async () => {
  const endpoint = () => `127.0.0.1:${server.port}`;
  const sql = new FlightSqlClient(endpoint());
  await sql.execute('CREATE TOPIC a WITH (queues = 2); CREATE TOPIC b WITH (queues = 1)');
  await sql.close();
  const client = new MessagingClient(endpoint());
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) {
    const messages = [0, 1, 2].map((n) => ({
      body: Buffer.from(`${i}.${n}`),
      keys: [`key-${n}`, 'all'],
      tag: `t${i}`,
      properties: { n: String(n) },
    }));
    ids.push(...(await client.publish('a', messages)));
  }
  await client.publish('b', [{ body: Buffer.from('other'), keys: ['key-1'] }]);

  const check = async (own: MessagingClient) => {
    const bodies = async (name: { id: string } | { key: string }, max: number) =>
      (await own.find('a', name, max)).map(({ body }) => Buffer.from(body).toString());
    expect(await bodies({ key: 'key-1' }, 100)).toEqual([5, 4, 3, 2, 1, 0].map((i) => `${i}.1`));
    expect(await bodies({ key: 'all' }, 4)).toEqual(['5.2', '5.1', '5.0', '4.2']);
    expect(await bodies({ key: 'nobody' }, 4)).toEqual([]);
    expect(await bodies({ id: ids[7]! }, 4)).toEqual(['2.1']);
    const [found] = await own.find('a', { id: ids[7]! }, 1);
    expect(found).toMatchObject({ keys: ['key-1', 'all'], tag: 't2', properties: { n: '1' } });
    const { queue, offset, storeTimeMs } = found!;
    const [pulled] = await own.pull('a', queue, offset, 1);
    expect(pulled?.messageId).toBe(ids[7]);
    const at = await own.offsetAtTime('a', queue, storeTimeMs);
    expect(at).toBeLessThanOrEqual(offset);
    await expect(own.find('nowhere', { key: 'x' }, 1)).rejects.toMatchObject({
      code: 'TOPIC_NOT_FOUND',
    });
    await expect(own.find('a', { key: '' }, 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  };
  await check(client);
  await client.close();
  await server.kill();
  server = await startServerProcess(directory);
  const again = new MessagingClient(endpoint());
  await check(again);
  await again.close();
}, 60_000);
