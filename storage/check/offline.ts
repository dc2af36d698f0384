import { type ErrorCode, MillraceError } from '../../platform/errors.ts';
import type { Fs } from '../../platform/fs.ts';
import { readIdentity } from '../identity.ts';
import type { KvOpener, KvStore } from '../kv/kv-store.ts';
import { checkIdentity, prefixes, prefixKey } from '../queues/index-format.ts';
import type { Finding, FindingKind } from './findings.ts';

/** A data directory that no server holds, as it is on disk. */
export interface Offline {
  readonly indexPath: string;
  /** `undefined` when the file `identity` cannot be read. */
  readonly serverId: string | undefined;
  /** Open, which keeps servers out; `undefined` when it cannot be opened. */
  readonly index: KvStore | undefined;
  readonly partitions: readonly OfflinePartition[];
  readonly findings: readonly Finding[];
}

export interface OfflinePartition {
  readonly number: number;
  readonly directory: string;
}

/**
 * Opens a data directory for checking. The caller closes the index. Throws NOT_FOUND when it is no
 * data directory, DIRECTORY_LOCKED when a server has it open, FORMAT_VERSION, IO.
 */
export async function openOffline(fs: Fs, kv: KvOpener, directory: string): Promise<Offline> {
  const identityPath = `${directory}/identity`;
  const logPath = `${directory}/log`;
  const indexPath = `${directory}/index`;
  if (!(await fs.exists(identityPath)) && !(await fs.exists(logPath))) {
    throw new MillraceError('NOT_FOUND', `${directory} is no data directory of Millrace`);
  }
  const findings: Finding[] = [];
  // First of all, for it is the lock.
  const index = await found(findings, 'index', indexPath, ['CORRUPTION', 'IO'], () =>
    kv.open(indexPath),
  );
  try {
    const serverId = await found(
      findings,
      'identity',
      identityPath,
      ['CORRUPTION', 'NOT_FOUND'],
      () => readIdentity(fs, identityPath),
    );
    const owner = await index?.get(prefixKey(prefixes.identity));
    if (owner !== undefined && serverId !== undefined) checkIdentity(owner, indexPath, serverId);
    const partitions = await partitionsOf(fs, logPath);
    return { indexPath, serverId, index, partitions, findings };
  } catch (error) {
    await index?.close();
    throw error;
  }
}

async function partitionsOf(fs: Fs, logPath: string): Promise<OfflinePartition[]> {
  if (!(await fs.exists(logPath))) return [];
  const names = await fs.list(logPath);
  return names
    .filter((name) => /^p\d+$/.test(name))
    .map((name) => ({ number: Number(name.slice(1)), directory: `${logPath}/${name}` }))
    .toSorted((a, b) => a.number - b.number);
}

/** The result, or a finding for the errors named. */
async function found<T>(
  findings: Finding[],
  kind: FindingKind,
  path: string,
  codes: readonly ErrorCode[],
  run: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof MillraceError) || !codes.includes(error.code)) throw error;
    findings.push({ kind, path, text: `cannot be read: ${error.message}` });
    return undefined;
  }
}
