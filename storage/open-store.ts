import { dirname } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import type { Fs } from '../platform/fs.ts';
import { limits } from '../platform/limits.ts';
import type { Random } from '../platform/random.ts';
import { AppendLane } from './append-lane.ts';
import { catchUp } from './catch-up.ts';
import { Compactor } from './compaction/compactor.ts';
import { readOrCreateIdentity } from './identity.ts';
import type { KvOpener, KvStore } from './kv/kv-store.ts';
import { PeriodicFlush } from './kv/periodic-flush.ts';
import { openReopening } from './kv/reopening-store.ts';
import { findMessages } from './log/message-finder.ts';
import { openPartition } from './log/open-partition.ts';
import type { LogPartition } from './log/partition.ts';
import { StoreTimes } from './log/store-times.ts';
import { LogStore } from './log-store.ts';
import { ConsumeQueues } from './queues/consume-queues.ts';
import { DerivedKeyWriter } from './queues/derived-keys.ts';
import { checkIdentity, encodeIdentity, prefixes, prefixKey } from './queues/index-format.ts';
import { homePartition } from './queues/queue-mapping.ts';
import { Retention } from './retention.ts';
import type { FlushMode, KeyedFormat, NamesOf, Store } from './store.ts';

export interface StoreOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KvOpener;
  /** Absolute path of the data directory; created where it is missing. */
  readonly directory: string;
  /**
   * Further physical partitions: number (1 to 65535) to the directory that holds its directory
   * `pN`, on another disk for example. The same ones, or more, must be named at each start.
   */
  readonly dataDirectories?: ReadonlyMap<number, string>;
  /** `sync` unless it is given. */
  readonly flush?: FlushMode;
  readonly segmentBytes?: number;
  readonly strideBytes?: number;
  readonly diskReserveBytes?: number | undefined;
  /** Appends are refused while more index rows wait; limits.waitingIndexRowsMax when absent. */
  readonly waitingIndexRowsMax?: number;
  /** Names under which messages can be found. */
  readonly namesOf?: NamesOf;
  /** Rows of a key file that are sorted in memory (log/key-file-builder.ts). */
  readonly keyRowsInMemory?: number;
  /** Called while the index is brought up to date: bytes of the log that are in, and all. */
  readonly onIndexing?: (doneBytes: number, totalBytes: number) => void;
  /** Log bytes that are read between two writes of the index then. */
  readonly indexingPieceBytes?: number;
  /** Without it no topic is compacted. */
  readonly keyedFormat?: KeyedFormat;
  /** Memory for keys while topics are compacted; at least for those of one entry. */
  readonly compactionKeyBytes?: number;
}

/** Directory of each partition's segments, by number, ascending. */
export function partitionDirectories(
  directory: string,
  dataDirectories: ReadonlyMap<number, string> = new Map(),
): ReadonlyMap<number, string> {
  const others = [...dataDirectories].sort(([a], [b]) => a - b);
  return new Map([
    [homePartition, `${directory}/log/p${homePartition}`],
    ...others.map(([number, path]): [number, string] => [number, `${path}/p${number}`]),
  ]);
}

/**
 * Opens or creates a data directory:
 *
 * | name       | what                                                                      |
 * |------------|---------------------------------------------------------------------------|
 * | `index/`   | key-value database; opening it locks the directory, so it comes first     |
 * | `identity` | format version and server id (identity.ts)                                |
 * | `log/p0/`  | segments of physical partition 0                                          |
 *
 * Recovers the log's tail and brings the index up to date before it returns. Throws
 * DIRECTORY_LOCKED, FORMAT_VERSION, CORRUPTION, IO, DISK_FULL, and INVALID_ARGUMENT when a
 * partition's directory is not named; then everything is closed again.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { fs, clock, random, directory } = options;
  await createDirectory(fs, directory);
  const indexPath = `${directory}/index`;
  const database = await openReopening(options.kv, indexPath);
  const kv = new PeriodicFlush(database, clock, limits.indexFlushMs);
  const logs: LogPartition[] = [];
  try {
    const serverId = await readOrCreateIdentity(fs, directory, random);
    await claimIndex(kv, indexPath, serverId);
    const queues = new ConsumeQueues(kv, clock, options.waitingIndexRowsMax);
    const applied = await queues.load();
    for (const [partition, path] of partitionDirectories(directory, options.dataDirectories)) {
      // The directory that it lies in may be new, too.
      await createDirectory(fs, dirname(path));
      await createDirectory(fs, path);
      const { entryStart = 0, entryEnd = 0 } = applied.get(partition) ?? {};
      const known = entryEnd === 0 ? {} : { trusted: { position: entryStart, end: entryEnd } };
      const place = { directory: path, partition, serverId };
      logs.push(await openPartition({ ...options, ...known, ...place }));
    }
    const lastMs = await catchUp(logs, queues, applied, {
      onProgress: options.onIndexing,
      pieceBytes: options.indexingPieceBytes,
    });
    for (const log of logs) log.maintain();
    const derived = new DerivedKeyWriter(kv, clock);
    const { keyedFormat: format, compactionKeyBytes: keyBytes = limits.compactionKeyBytes } =
      options;
    const compactor =
      format && new Compactor({ logs, queues, keys: derived, format, clock, random, keyBytes });
    return new LogStore({
      serverId,
      retention: new Retention({ logs, queues, clock, compactor }),
      lanes: new Map(logs.map((log) => [log.number, new AppendLane(log)])),
      queues,
      derived,
      times: new StoreTimes(clock, lastMs),
      flush: options.flush ?? 'sync',
      kv,
      find: (log, wanted, max) => findMessages(fs, log, options.namesOf ?? (() => []), wanted, max),
    });
  } catch (error) {
    for (const log of logs) await log.close();
    await kv.close();
    throw error;
  }
}

/** Also when it was there: whoever made it may have died before its name was durable. */
async function createDirectory(fs: Fs, path: string): Promise<void> {
  const named = [path];
  for (let above = dirname(path); !(await fs.exists(above)); above = dirname(above)) {
    named.push(above);
  }
  await fs.makeDirectory(path);
  for (const one of named) await fs.syncDirectory(dirname(one));
}

async function claimIndex(kv: KvStore, path: string, serverId: string): Promise<void> {
  const key = prefixKey(prefixes.identity);
  const identity = await kv.get(key);
  if (identity !== undefined) checkIdentity(identity, path, serverId);
  else await kv.write([{ key, value: encodeIdentity(serverId) }]);
}
