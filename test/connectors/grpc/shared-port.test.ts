import { connect } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCertificate, selfSignedCertificate } from '../../../connectors/grpc/certificate.ts';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';

const same = (bytes: Buffer) => bytes;
let host: GrpcHost;
let port: number;
let generated = 0;

beforeEach(async () => {
  generated = 0;
  host = new GrpcHost([], () => {
    generated++;
    return selfSignedCertificate();
  });
  port = await host.listen('127.0.0.1', 0);
});
afterEach(() => host.close());

/** The health of the server, over a connection of its own. */
function check(secure: boolean): Promise<number> {
  const trusting = credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  const client = new Client(`127.0.0.1:${port}`, secure ? trusting : credentials.createInsecure());
  return new Promise<number>((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      same,
      same,
      Buffer.alloc(0),
      new Metadata(),
      { deadline: Date.now() + 20_000 },
      (error, answer) => (error === null ? resolve(answer![1]!) : reject(error)),
    );
  }).finally(() => client.close());
}

test('plaintext and TLS on one port, side by side; the certificate is made once', async () => {
  expect(await check(false)).toBe(1);
  expect(generated).toBe(0);
  expect(await Promise.all([true, false, true].map(check))).toEqual([1, 1, 1]);
  expect(generated).toBe(1);
});

test('connections that say nothing, rubbish, or hang up disturb nobody', async () => {
  const sockets = await Promise.all(
    ['', '\u0016rubbish instead of a handshake', 'GET / HTTP/1.1\r\n\r\n', '\u0000\u0001'].map(
      (text) =>
        new Promise<ReturnType<typeof connect>>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => {
            socket.write(text);
            resolve(socket);
          });
          socket.on('error', () => undefined);
        }),
    ),
  );
  expect(await check(false)).toBe(1);
  expect(await check(true)).toBe(1);
  for (const socket of sockets) socket.resetAndDestroy();
  expect(await check(true)).toBe(1);
});

test('a port in use is an error with its code', async () => {
  const other = new GrpcHost([]);
  await expect(other.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  await expect(other.listen('no such host', 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await other.close();
});

test('a certificate from files is checked before it is used', async () => {
  const fs = new MemoryFs();
  const write = async (path: string, bytes: Buffer) => {
    const file = await fs.open(path, 'create');
    await file.write(bytes, 0);
    await file.close();
  };
  const [one, other] = [await selfSignedCertificate(), await selfSignedCertificate()];
  await write('/cert', one.cert);
  await write('/key', one.key);
  await write('/other', other.key);
  expect(await readCertificate(fs, '/cert', '/key')).toEqual(one);
  await expect(readCertificate(fs, '/cert', '/other')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  await expect(readCertificate(fs, '/cert', '/none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a certificate that could not be made is asked for again', async () => {
  let asked = 0;
  const other = new GrpcHost([], () => {
    asked++;
    return asked === 1 ? Promise.reject(new Error('no entropy')) : selfSignedCertificate();
  });
  port = await other.listen('127.0.0.1', 0);
  // The client may try again by itself, then the first connection's end is not seen.
  await check(true).catch(() => undefined);
  expect(await check(true)).toBe(1);
  expect(asked).toBe(2);
  await other.close();
});
