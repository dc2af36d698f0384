import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageKeys } from '../../../connectors/rocketmq/keyed-messages.ts';
import { keyedEntries } from '../../../engine/broker/keyed-entries.ts';
import { RetentionKeeper } from '../../../engine/broker/retention-keeper.ts';
import { SystemTopic } from '../../../engine/broker/system-topic.ts';
import { TopicAdmin } from '../../../engine/broker/topic-admin.ts';
import { Topics } from '../../../engine/broker/topics.ts';
import type { StartReport } from '../../../engine/views/protocol.ts';
import { SqlClient } from '../../../engine/views/sql-client.ts';
import { SqlEngine } from '../../../engine/views/sql-engine.ts';
import type { SqlResult } from '../../../engine/views/sql-service.ts';
import type { Clock, Timer } from '../../../platform/clock.ts';
import { MillraceError } from '../../../platform/errors.ts';
import type { Fs } from '../../../platform/fs.ts';
import { connectedPorts } from '../../../platform/inline-threads.ts';
import { createLogger } from '../../../platform/logger.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { nodeFs } from '../../../platform/node-fs.ts';
import { systemClock } from '../../../platform/system-clock.ts';
import { systemRandom } from '../../../platform/system-random.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import { toText } from '../../../sql/columns/text.ts';
import type { KvStore } from '../../../storage/kv/kv-store.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { SyncEntryReader } from '../../../storage/log/sync-entry-reader.ts';
import { openStore } from '../../../storage/open-store.ts';
import { entryKinds, type Store, tagNone } from '../../../storage/store.ts';

/** The system's clock, whose timers fire only when the test says so: checkpoints, in the engine. */
class HeldTimers implements Clock {
  readonly nowMs = systemClock.nowMs;
  readonly monotonicMs = systemClock.monotonicMs;
  readonly soon = systemClock.soon;
  readonly #held = new Set<() => void>();

  after(_delayMs: number, action: () => void): Timer {
    this.#held.add(action);
    return { cancel: () => this.#held.delete(action) };
  }

  /** Fires what is waiting now; false if nothing was. */
  fire(): boolean {
    const due = [...this.#held];
    this.#held.clear();
    for (const action of due) action();
    return due.length > 0;
  }
}

/** What happens to the databases while the engine is down; `state` is the path of its own. */
export type Between = (kv: MemoryKv, state: string) => Promise<void> | void;

/** The engine's database, which can be told to fail. */
class WatchedState {
  toFail = 0;
  #onWritten: (() => void) | undefined;

  /** Resolves when a write has ended, either way, and its writer has gone on. */
  nextWrite(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWritten = () => systemClock.soon(resolve);
    });
  }

  wrap(kv: KvStore): KvStore {
    const write = kv.write.bind(kv);
    kv.write = async (puts) => {
      this.#onWritten?.();
      if (this.toFail > 0) {
        this.toFail--;
        throw new MillraceError('DISK_FULL', 'no space left');
      }
      await write(puts);
    };
    return kv;
  }
}

/** The engine over a real log in a temporary directory, its worker on this thread. */
export interface Engine {
  readonly sql: SqlClient;
  readonly store: Store;
  readonly topics: Topics;
  /** It runs when it is told to. */
  readonly keeper: RetentionKeeper;
  /** Cells of the last statement's result as text, or its tag. */
  run(text: string): Promise<string[][] | string>;
  publish(topic: string, bodies: readonly string[]): Promise<void>;
  readonly kv: MemoryKv;
  /** How the state came back at start. */
  readonly report: StartReport;
  /** Stops everything and starts again on the same files. */
  restart(between?: Between): Promise<Engine>;
  /** The same, on the databases as they are now: no last checkpoint is written. */
  crash(between?: Between): Promise<Engine>;
  /**
   * Resolves when a checkpoint holds everything that was published before. No other checkpoint is
   * written but that of a clean stop.
   */
  checkpointed(): Promise<void>;
  /** Fires the timers that the engine waits for. */
  fireTimers(): void;
  /** The next writes of checkpoints fail. */
  failWrites(count: number): void;
  /** Writes that are still to fail. */
  writesToFail(): number;
  close(): Promise<void>;
}

interface Files {
  readonly fs: Fs;
  readonly directory: string;
  readonly kv: MemoryKv;
  readonly segmentBytes?: number;
}

/** On a log of its own in a temporary directory, unless told where. */
export async function openEngine(given?: Files): Promise<Engine> {
  const files: Files = given ?? {
    fs: nodeFs,
    directory: await mkdtemp(join(tmpdir(), 'millrace-')),
    kv: new MemoryKv(),
  };
  const { fs, directory, kv, segmentBytes = 1 << 20 } = files;
  const store = await openStore({
    fs,
    clock: systemClock,
    random: systemRandom,
    kv,
    directory,
    segmentBytes,
    strideBytes: Math.min(segmentBytes, 1 << 16),
    keyedFormat: keyedEntries(messageKeys),
  });
  const systemTopic = new SystemTopic(store);
  const topics = new Topics(systemTopic, systemClock);
  const [thread, theirs] = connectedPorts();
  const state = new WatchedState();
  const timers = new HeldTimers();
  const readers = new Map<number, SyncEntryReader>();
  new SqlEngine({
    port: theirs,
    partitions: (partition) => {
      const path = `${directory}/log/p${partition}`;
      const reader = readers.get(partition) ?? new SyncEntryReader(fs, path, partition);
      readers.set(partition, reader);
      return reader;
    },
    refreshPartitions: () => {
      for (const reader of readers.values()) void reader.refresh();
    },
    openState: async () => state.wrap(await kv.open(join(directory, 'state'))),
    clock: timers,
    logger: createLogger('error'),
  });
  const topicAdmin = new TopicAdmin({ store, topics, systemTopic });
  const sql = new SqlClient({ store, systemTopic, topics, topicAdmin, thread, clock: systemClock });
  const keeper = new RetentionKeeper({
    ...{ store, topics, systemTopic, readers: sql },
    ...{ clock: systemClock, logger: createLogger('error'), compactionAgeMs: 0 },
  });
  await systemTopic.open();
  const report = await sql.start();
  let queue = 0;
  const stop = async () => {
    await keeper.close();
    await sql.close();
    await store.close();
  };
  return {
    sql,
    store,
    topics,
    keeper,
    kv,
    report,
    run: async (text) => cells(await sql.execute(text)),
    async publish(name, bodies) {
      const { topicId, queues } = topics.get(name);
      await store.append({
        topicId,
        queueId: queue++ % queues,
        kind: entryKinds.messages,
        count: bodies.length,
        body: sendMessageRequest(name, bodies),
        firstIdHash: 0,
        tagHash: tagNone,
      });
    },
    async restart(between) {
      await stop();
      await between?.(kv, join(directory, 'state'));
      return openEngine(files);
    },
    async crash(between) {
      const left = kv.clone();
      await stop();
      await between?.(left, join(directory, 'state'));
      return openEngine({ ...files, kv: left });
    },
    async checkpointed() {
      await sql.execute('SELECT 1');
      for (;;) {
        const written = state.nextWrite();
        if (!timers.fire()) return;
        await written;
      }
    },
    fireTimers: () => {
      timers.fire();
    },
    failWrites: (count) => {
      state.toFail = count;
    },
    writesToFail: () => state.toFail,
    async close() {
      await stop();
      if (fs === nodeFs) await rm(directory, { recursive: true, force: true });
    },
  };
}

/** With its log in memory: for tests that make many changes and lose no power. */
export function openEngineInMemory(segmentBytes = 1 << 20): Promise<Engine> {
  return openEngine({ fs: new MemoryFs(), directory: '/data', kv: new MemoryKv(), segmentBytes });
}

async function cells(result: SqlResult): Promise<string[][] | string> {
  if (result.kind === 'command') return result.tag;
  const rows: string[][] = [];
  for await (const batch of result.batches) {
    for (let row = 0; row < batch.rowCount; row++) {
      rows.push(
        batch.columns.map((column) => {
          const value = valueAt(column, row);
          return value === null ? 'NULL' : toText(column.type, value);
        }),
      );
    }
  }
  return rows;
}

/** A SendMessageRequest as a client writes it: messages = 1 { topic = 1 { name = 2 }, body = 4 }. */
export function sendMessageRequest(topic: string, bodies: readonly string[]): Buffer {
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
  const name = field(1, field(2, Buffer.from(topic)));
  return Buffer.concat(
    bodies.map((body) => field(1, Buffer.concat([name, field(4, Buffer.from(body))]))),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  bytes.push(value);
  return Buffer.from(bytes);
}
