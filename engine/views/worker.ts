import { createLogger } from '../../platform/logger.ts';
import { nodeFs } from '../../platform/node-fs.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { Port } from '../../platform/threads.ts';
import { openReopening } from '../../storage/kv/reopening-store.ts';
import { rocksDb } from '../../storage/kv/rocksdb-store.ts';
import { SyncEntryReader } from '../../storage/log/sync-entry-reader.ts';
import { SqlEngine } from './sql-engine.ts';

/** What the worker is started with. */
export interface WorkerData {
  /** The server's data directory. */
  readonly directory: string;
  /** Directory of each physical partition's segments, by number. */
  readonly partitions: ReadonlyMap<number, string>;
}

/** The dataflow worker's thread (DESIGN section 3, Threads). */
export function main(port: Port, data: unknown): void {
  const { directory, partitions: paths } = data as WorkerData;
  const readers = new Map<number, SyncEntryReader>();
  const partitions = (partition: number) => {
    let reader = readers.get(partition);
    if (reader === undefined) {
      reader = new SyncEntryReader(nodeFs, paths.get(partition)!, partition);
      readers.set(partition, reader);
    }
    return reader;
  };
  new SqlEngine({
    port,
    partitions,
    refreshPartitions: () => {
      for (const reader of readers.values()) void reader.refresh();
    },
    openState: () => openReopening(rocksDb, `${directory}/state`),
    clock: systemClock,
    logger: createLogger('warn'),
  });
}
