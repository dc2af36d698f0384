import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessagingClient } from '../dist/connectors/client/messaging-client.js';
import { FlightSqlClient } from '../dist/connectors/flight/flight-client.js';
import { medianSeconds, percentile } from './measure.mjs';
import { startServer } from './server-process.mjs';

export async function throughServer() {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const server = await startServer(directory);
  const { endpoint } = server;
  const client = new MessagingClient(endpoint);
  const sql = new FlightSqlClient(endpoint);
  try {
    await sql.execute(
      'CREATE TOPIC t WITH (queues = 4); CREATE TOPIC bench_rows WITH (queues = 1)',
    );
    const one = await publishRate(client, 20_000, 1, 128);
    const batched = await publishRate(client, 200_000, 1000, 8);
    const latencies = await readable(client, sql);
    return [
      { name: 'publish, 1 message a request, 128 in flight', value: one, unit: 'messages/s' },
      {
        name: 'publish, 1,000 messages a request, 8 in flight',
        value: batched,
        unit: 'messages/s',
      },
      { name: 'publish to readable, p50', value: percentile(latencies, 0.5) * 1000, unit: 'us' },
      { name: 'publish to readable, p99', value: percentile(latencies, 0.99) * 1000, unit: 'us' },
    ];
  } finally {
    await sql.close();
    await client.close();
    await server.end();
    await rm(directory, { recursive: true, force: true });
  }
}

/** 100-byte messages, acked after fdatasync. */
async function publishRate(client, total, perRequest, inFlight) {
  const message = { body: Buffer.alloc(100, 'x') };
  const batch = Array.from({ length: perRequest }, () => message);
  const seconds = await medianSeconds(async () => {
    let left = total / perRequest;
    const sender = async () => {
      while (left-- > 0) await client.publish('t', batch);
    };
    await Promise.all(Array.from({ length: inFlight }, sender));
  });
  return total / seconds;
}

/** From the send of a message to the answer of a query on a view that counts it; ms. */
async function readable(client, sql) {
  await sql.execute(
    "CREATE SOURCE bench_rows (v bigint) WITH (topic = 'bench_rows', format = 'json')",
  );
  await sql.execute('CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM bench_rows');
  const latencies = [];
  for (let i = 1; i <= 300; i++) {
    const start = performance.now();
    await client.publish('bench_rows', [{ body: Buffer.from(`{"v":${i}}`) }]);
    const answer = await sql.execute('SELECT n FROM counted');
    for await (const [n] of answer.rows) {
      if (n !== String(i)) throw new Error(`the view says ${n}, ${i} were acked`);
    }
    latencies.push(performance.now() - start);
  }
  return latencies;
}
