import { dirname } from 'node:path';
import { assert } from '../platform/assert.ts';
import type { Clock } from '../platform/clock.ts';
import { MillraceError } from '../platform/errors.ts';
import type { Fs } from '../platform/fs.ts';
import type { Random } from '../platform/random.ts';
import { readOrCreateIdentity } from './identity.ts';
import type { KvOpener, KvStore } from './kv/kv-store.ts';
import { openReopening } from './kv/reopening-store.ts';
import { openPartition } from './log/file-partition.ts';
import { findMessages } from './log/message-finder.ts';
import type { LogPartition, ScannedEntry } from './log/partition.ts';
import { ConsumeQueues } from './queues/consume-queues.ts';
import { DerivedKeyWriter } from './queues/derived-keys.ts';
import { checkIdentity, encodeIdentity, prefixes, prefixKey } from './queues/index-format.ts';
import { col, type IndexRows, indexRowWidth } from './queues/index-rows.ts';
import { PendingRows } from './queues/pending-rows.ts';
import { queueNumber } from './queues/queue-ranges.ts';
import type {
  Appended,
  AppendRequest,
  Entry,
  FoundMessage,
  NameKind,
  NamesOf,
  QueueRange,
  Store,
} from './store.ts';

export interface StoreOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KvOpener;
  /** Absolute path of the data directory; created where it is missing. */
  readonly directory: string;
  readonly segmentBytes?: number;
  readonly strideBytes?: number;
  /** Names under which messages can be found. */
  readonly namesOf?: NamesOf;
}

/** Log bytes that catching up reads between two writes of the index. */
const catchUpBytes = 64 * 1024 * 1024;

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
 * DIRECTORY_LOCKED, FORMAT_VERSION, CORRUPTION, IO, DISK_FULL; then everything is closed again.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { fs, clock, random, directory } = options;
  const logPath = `${directory}/log/p0`;
  if (!(await fs.exists(directory))) {
    await fs.makeDirectory(directory);
    await fs.syncDirectory(dirname(directory));
  }
  const indexPath = `${directory}/index`;
  const kv = await openReopening(options.kv, indexPath);
  let log: LogPartition | undefined;
  try {
    await fs.makeDirectory(logPath);
    await fs.syncDirectory(dirname(logPath));
    const serverId = await readOrCreateIdentity(fs, directory, random);
    await claimIndex(kv, indexPath, serverId);
    log = await openPartition({
      ...options,
      directory: logPath,
      partition: 0,
      serverId,
    });
    const queues = new ConsumeQueues(kv, clock, log.number);
    await catchUp(log, queues);
    return new LogStore(options, serverId, log, queues, new DerivedKeyWriter(kv, clock), kv);
  } catch (error) {
    await log?.close();
    await kv.close();
    throw error;
  }
}

async function claimIndex(kv: KvStore, path: string, serverId: string): Promise<void> {
  const key = prefixKey(prefixes.identity);
  const identity = await kv.get(key);
  if (identity !== undefined) checkIdentity(identity, path, serverId);
  else await kv.write([{ key, value: encodeIdentity(serverId) }]);
}

/** Takes in the part of the log that the index lacks: all of it when the index was lost. */
async function catchUp(log: LogPartition, queues: ConsumeQueues): Promise<void> {
  let position = await queues.load();
  if (position > log.durableEnd) {
    throw new MillraceError(
      'CORRUPTION',
      `the index reflects the log up to position ${position}, but partition ${log.number} ` +
        `ends at ${log.durableEnd}: synced entries were lost. Nothing was changed`,
    );
  }
  const rows = new PendingRows();
  while (position < log.durableEnd) {
    const next = new Map<number, number>();
    const visit = (entry: ScannedEntry) => {
      checkDense(entry, next, queues);
      rows.push(rowOf(entry, entry.baseOffset, entry));
    };
    position = await log.scan(position, visit, position + catchUpBytes);
    queues.take(rows.takeBelow(position), position);
    await queues.write();
  }
}

function checkDense(entry: ScannedEntry, next: Map<number, number>, queues: ConsumeQueues): void {
  const { topicId, queueId, baseOffset, position, partition } = entry;
  const number = queueNumber(topicId, queueId);
  const expected = next.get(number) ?? queues.maxOffset(topicId, queueId);
  if (baseOffset !== expected) {
    throw new MillraceError(
      'CORRUPTION',
      `the entry at position ${position} of partition ${partition} has offset ${baseOffset} ` +
        `of topic ${topicId}, queue ${queueId}, where ${expected} follows`,
    );
  }
  next.set(number, baseOffset + entry.count);
}

/** In the order of `indexColumns`. */
function rowOf(
  entry: Pick<AppendRequest, 'topicId' | 'queueId' | 'count' | 'tagHash'>,
  baseOffset: number,
  placed: { readonly position: number; readonly length: number; readonly storeTimeMs: number },
): readonly number[] {
  const { topicId, queueId, count, tagHash } = entry;
  const { position, length, storeTimeMs } = placed;
  return [topicId, queueId, baseOffset, count, 0, position, length, storeTimeMs, tagHash >>> 0];
}

class LogStore implements Store {
  readonly #options: StoreOptions;
  readonly serverId: string;
  readonly derived: DerivedKeyWriter;
  readonly #log: LogPartition;
  readonly #queues: ConsumeQueues;
  readonly #kv: KvStore;
  readonly #pending = new PendingRows();
  /** Next offset of each queue that has pending rows. */
  readonly #nextOffsets = new Map<number, number>();
  #listeners: readonly ((rows: IndexRows) => void)[] = [];
  #appendedMessages = 0;
  #closing: Promise<void> | undefined;

  constructor(
    options: StoreOptions,
    serverId: string,
    log: LogPartition,
    queues: ConsumeQueues,
    derived: DerivedKeyWriter,
    kv: KvStore,
  ) {
    this.#options = options;
    this.serverId = serverId;
    this.derived = derived;
    this.#log = log;
    this.#queues = queues;
    this.#kv = kv;
    log.onCommit((durableEnd) => this.#onCommit(durableEnd));
    log.onAbandon(() => {
      this.#pending.clear();
      this.#nextOffsets.clear();
    });
  }

  async append(request: AppendRequest): Promise<Appended> {
    // Up to the first await all of this happens in the caller's turn: offsets and positions are
    // given in the order of the calls.
    const { topicId, queueId, count } = request;
    assert(count >= 1, 'an entry holds a message');
    const number = queueNumber(topicId, queueId);
    const baseOffset = this.#nextOffsets.get(number) ?? this.#queues.maxOffset(topicId, queueId);
    const { placed, durable } = this.#log.append({ ...request, baseOffset });
    this.#nextOffsets.set(number, baseOffset + count);
    this.#pending.push(rowOf(request, baseOffset, placed));
    await durable;
    return { partition: this.#log.number, ...placed, baseOffset };
  }

  range(topicId: number, queueId: number): QueueRange {
    return { minOffset: 0, maxOffset: this.#queues.maxOffset(topicId, queueId) };
  }

  indexRows(
    topicId: number,
    queueId: number,
    fromOffset: number,
    maxEntries: number,
  ): Promise<IndexRows> {
    return this.#queues.read(topicId, queueId, fromOffset, maxEntries);
  }

  offsetAtTime(topicId: number, queueId: number, timeMs: number): Promise<number> {
    return this.#queues.offsetAtTime(topicId, queueId, timeMs);
  }

  async readEntry(partition: number, position: number, length: number): Promise<Entry | undefined> {
    assert(partition === this.#log.number, 'there is one partition');
    return this.#log.read(position, length);
  }

  find(
    topicId: number,
    kind: NameKind,
    name: string,
    max: number,
  ): Promise<readonly FoundMessage[]> {
    const { fs, namesOf = () => [] } = this.#options;
    return findMessages(fs, this.#log, namesOf, { topicId, kind, name }, max);
  }

  onDurable(listener: (rows: IndexRows) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  stats() {
    const { durableEnd, stats } = this.#log;
    return { ...stats, appendedMessages: this.#appendedMessages, durableEnd };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#log.close();
    try {
      await Promise.all([this.#queues.close(), this.derived.close()]);
    } finally {
      await this.#kv.close();
    }
  }

  #onCommit(durableEnd: number): void {
    const rows = this.#pending.takeBelow(durableEnd);
    if (this.#pending.rowCount === 0) this.#nextOffsets.clear();
    this.#queues.take(rows, durableEnd);
    for (let row = 0; row < rows.rowCount; row++) {
      this.#appendedMessages += rows.values[row * indexRowWidth + col.count]!;
    }
    for (const listener of this.#listeners) listener(rows);
  }
}
