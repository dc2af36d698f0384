import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServerProcess, startServerProcess } from '../process/server.ts';
import { java, pythonProgram } from './clients.ts';

/**
 * Standard Flight SQL drivers: DDL, DML, queries, errors, prepared statements and the catalogue.
 * The programs check for themselves and print `done`.
 */
let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
  server = await startServerProcess(directory);
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
  await rm(directory, { recursive: true, force: true });
});

test.for([
  { name: 'Arrow Flight SQL JDBC driver', client: java('Flight') },
  { name: 'ADBC Flight SQL driver and pyarrow', client: pythonProgram('flight') },
])('$name', async ({ client }, { skip }) => {
  const missing = await client.prepare();
  if (missing !== undefined) return skip(missing);
  expect(await client.run(`127.0.0.1:${server.port}`)).toContain('done');
});
