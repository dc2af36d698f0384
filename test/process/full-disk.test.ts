import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { startServerProcess } from './server.ts';

/** A file system of its own that is really full. Needs the right to mount one. */

const MiB = 1024 * 1024;

async function mounted(): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', directory], {
      stdio: 'ignore',
    });
    return directory;
  } catch {
    await rm(directory, { recursive: true });
    return undefined;
  }
}

/** Takes all space but `leave` bytes. */
async function fill(directory: string, leave: number): Promise<void> {
  const file = await open(join(directory, 'filler'), 'a');
  const block = Buffer.alloc(MiB);
  try {
    for (;;) {
      const { bavail, bsize } = await statfs(directory);
      const wanted = Math.min(block.length, bavail * bsize - leave);
      if (wanted <= 0) return;
      await file.write(block, 0, wanted);
    }
  } finally {
    await file.close();
  }
}

test('a full disk refuses messages, serves readers, loses nothing, and mends itself', async (context) => {
  const disk = await mounted();
  if (disk === undefined) return context.skip('no right to mount a small file system here');
  const directory = join(disk, 'data');
  let server = await startServerProcess(directory);
  try {
    const endpoint = `127.0.0.1:${server.port}`;
    let client = new MessagingClient(endpoint);
    let sql = new FlightSqlClient(endpoint);
    const publish = (n: number) => client.publish('t', [{ body: Buffer.from(`{"n":${n}}`) }]);
    const counted = async () => {
      const answer = await sql.execute('SELECT c, s FROM v');
      if (answer.kind !== 'rows') return undefined;
      for await (const row of answer.rows) return row;
      return undefined;
    };
    await sql.execute(`CREATE TOPIC t WITH (queues = 1);
      CREATE SOURCE t (n bigint) WITH (topic = 't', format = 'json');
      CREATE MATERIALIZED VIEW v AS SELECT count(*) AS c, sum(n) AS s FROM t`);
    let accepted = 0;
    let sum = 0;
    const send = async (n: number) => {
      await publish(n);
      accepted++;
      sum += n;
    };
    for (let n = 1; n <= 10; n++) await send(n);

    // Below the reserve, then to the last byte.
    for (const leave of [100 * MiB, 0]) {
      await fill(disk, leave);
      await expect
        .poll(() => send(100).then(String, (error: { code: string }) => error.code), {
          timeout: 20_000,
        })
        .toBe('DISK_FULL');
      expect(await counted()).toEqual([String(accepted), String(sum)]);
      const received = await client.receive('t', `group${leave}`, {
        max: 32,
        invisibleMs: 10_000,
        waitMs: 0,
      });
      expect(received.length).toBeGreaterThanOrEqual(10);
    }

    await rm(join(disk, 'filler'));
    await expect
      .poll(() => send(1000).then(() => 'sent', String), { timeout: 20_000 })
      .toBe('sent');
    expect(await counted()).toEqual([String(accepted), String(sum)]);
    await sql.close();
    await client.close();
    expect(await server.stop()).toBe(0);

    server = await startServerProcess(directory, server.port);
    client = new MessagingClient(endpoint);
    sql = new FlightSqlClient(endpoint);
    expect(await counted()).toEqual([String(accepted), String(sum)]);
    await send(5);
    expect(await counted()).toEqual([String(accepted), String(sum)]);
    await sql.close();
    await client.close();
  } finally {
    await server.kill();
    execFileSync('umount', ['-l', disk]);
    await rm(disk, { recursive: true });
  }
}, 120_000);
