import { type ErrorCode, MillraceError } from '../../platform/errors.ts';
import type { Fs } from '../../platform/fs.ts';
import { readIdentity } from '../identity.ts';
import type { KvOpener, KvStore } from '../kv/kv-store.ts';
import { partitionDirectories } from '../open-store.ts';
import { checkIdentity, partitionOfKey, prefixes, prefixKey } from '../queues/index-format.ts';
import { homePartition } from '../queues/queue-mapping.ts';
import type { Finding, FindingKind } from './findings.ts';

export interface OfflineOptions {
  readonly fs: Fs;
  readonly kv: KvOpener;
  /** Absolute path of the data directory. */
  readonly directory: string;
  /** As the server is given them (StoreOptions). */
  readonly dataDirectories?: ReadonlyMap<number, string>;
}

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
 * data directory, DIRECTORY_LOCKED when a server has it open, INVALID_ARGUMENT when the index names
 * a partition whose directory is not given, FORMAT_VERSION, IO.
 */
export async function openOffline(options: OfflineOptions): Promise<Offline> {
  const { fs, kv, directory } = options;
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
    const partitions = await partitionsOf(options);
    if (index !== undefined) await checkAllGiven(index, partitions);
    return { indexPath, serverId, index, partitions, findings };
  } catch (error) {
    await index?.close();
    throw error;
  }
}

/** Those that were used: the server makes the directories of the others. */
async function partitionsOf(options: OfflineOptions): Promise<OfflinePartition[]> {
  const partitions: OfflinePartition[] = [];
  const given = partitionDirectories(options.directory, options.dataDirectories);
  for (const [number, directory] of given) {
    if (await options.fs.exists(directory)) partitions.push({ number, directory });
  }
  return partitions;
}

/** What is checked without a partition that the index knows would not be the whole. */
async function checkAllGiven(
  index: KvStore,
  partitions: readonly OfflinePartition[],
): Promise<void> {
  const range = { from: prefixKey(prefixes.applied), to: prefixKey(prefixes.applied + 1) };
  for (const { key } of await index.scan(range)) {
    const partition = partitionOfKey(key);
    // The home partition needs no naming: where it is gone, that is found.
    if (partition === homePartition || partitions.some(({ number }) => number === partition)) {
      continue;
    }
    throw new MillraceError(
      'INVALID_ARGUMENT',
      `the index knows partition p${partition}, but its directory is not given or not there`,
      { hint: `Add --data-dir p${partition}=PATH, as the server has it.` },
    );
  }
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
