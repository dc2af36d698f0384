import { createSecureContext } from 'node:tls';
import { MillraceError } from '../../platform/errors.ts';
import type { Fs } from '../../platform/fs.ts';

/** A server certificate and its private key, PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws NOT_FOUND or IO for a file, INVALID_ARGUMENT when the two are no pair. */
export async function readCertificate(fs: Fs, cert: string, key: string): Promise<Certificate> {
  const certificate = { cert: await readWhole(fs, cert), key: await readWhole(fs, key) };
  try {
    createSecureContext(certificate);
  } catch (cause) {
    throw new MillraceError('INVALID_ARGUMENT', `${cert} and ${key} are no certificate and key`, {
      cause,
    });
  }
  return certificate;
}

async function readWhole(fs: Fs, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * A certificate that the server signs itself, new at each start. RocketMQ's Java, Go, C# and C++
 * clients use TLS by default and accept any certificate (reference rocketmq-v2, 1.6): with it they
 * connect as they come. It keeps out listeners, not impostors; for those give a certificate of
 * your own.
 */
export async function selfSignedCertificate(): Promise<Certificate> {
  // Loaded when the first client wants TLS: it takes longer than the rest of a start.
  const { generate } = await import('selfsigned');
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'millrace' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}
