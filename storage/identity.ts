import { crc32 } from 'node:zlib';
import { MillraceError } from '../platform/errors.ts';
import type { Fs } from '../platform/fs.ts';
import type { Random } from '../platform/random.ts';

/**
 * The file `identity` of a data directory. Little-endian.
 *
 * | offset | bytes | field                          |
 * |--------|-------|--------------------------------|
 * | 0      | 8     | magic `MILLRACE`               |
 * | 8      | 2     | format version, 1              |
 * | 10     | 2     | reserved, 0                    |
 * | 12     | 4     | CRC-32 of bytes 0-11 and 16-31 |
 * | 16     | 16    | server id                      |
 *
 * It is written beside its name, synced and renamed before anything else is put in the directory:
 * it is there whole, or nothing of the server is.
 */
const magic = Buffer.from('MILLRACE', 'latin1');
const formatVersion = 1;
const identityBytes = 32;

/**
 * The server id of the data directory, 16 bytes in lower-case hex; a new directory gets a new one.
 * Throws FORMAT_VERSION for a version that this server does not know, CORRUPTION for a damaged
 * file or one that is missing beside a log.
 */
export async function readOrCreateIdentity(
  fs: Fs,
  directory: string,
  random: Random,
): Promise<string> {
  const path = `${directory}/identity`;
  if (await fs.exists(path)) {
    const serverId = await readIdentity(fs, path);
    // The process that gave the file its name may have died before the name was durable.
    await fs.syncDirectory(directory);
    return serverId;
  }
  const log = `${directory}/log/p0`;
  if ((await fs.exists(log)) && (await fs.list(log)).length > 0) {
    throw new MillraceError('CORRUPTION', `${path} is missing, but there is a log beside it`);
  }
  return createIdentity(fs, directory, path, random);
}

/** The server id in the file. Throws CORRUPTION, FORMAT_VERSION, NOT_FOUND. */
export async function readIdentity(fs: Fs, path: string): Promise<string> {
  const file = await fs.open(path, 'read');
  const bytes = Buffer.alloc(identityBytes);
  const count = await file.read(bytes, 0);
  await file.close();
  if (count >= 10 && bytes.subarray(0, 8).equals(magic)) {
    const version = bytes.readUInt16LE(8);
    if (version !== formatVersion) {
      throw new MillraceError(
        'FORMAT_VERSION',
        `${path} has format version ${version}; this server reads version ${formatVersion}`,
      );
    }
    if (count === identityBytes && bytes.readUInt32LE(12) === checksum(bytes)) {
      return bytes.toString('hex', 16, 32);
    }
  }
  throw new MillraceError('CORRUPTION', `${path} is damaged`);
}

async function createIdentity(
  fs: Fs,
  directory: string,
  path: string,
  random: Random,
): Promise<string> {
  const bytes = Buffer.alloc(identityBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.set(random.bytes(16), 16);
  bytes.writeUInt32LE(checksum(bytes), 12);
  const draft = `${path}.new`;
  if (await fs.exists(draft)) await fs.unlink(draft);
  const file = await fs.open(draft, 'create');
  try {
    await file.write(bytes, 0);
    await file.fdatasync();
  } finally {
    await file.close();
  }
  await fs.rename(draft, path);
  await fs.syncDirectory(directory);
  return bytes.toString('hex', 16, 32);
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(16, identityBytes), crc32(bytes.subarray(0, 12))) >>> 0;
}
