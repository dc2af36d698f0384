import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GrpcHost } from '../../connectors/grpc/server.ts';
import { rocketmqFormat } from '../../connectors/rocketmq/message-format.ts';
import { createMessagingService } from '../../connectors/rocketmq/service.ts';
import { Groups } from '../../engine/broker/groups.ts';
import { openBroker as openMessaging } from '../../engine/broker/open-broker.ts';
import { SystemTopic } from '../../engine/broker/system-topic.ts';
import { Topics } from '../../engine/broker/topics.ts';
import { createLogger } from '../../platform/logger.ts';
import { nodeFs } from '../../platform/node-fs.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';

export interface Broker {
  readonly endpoint: string;
  readonly topics: Topics;
  readonly groups: Groups;
  /** Stops and starts again on the same files and the same port. */
  restart(): Promise<Broker>;
  close(): Promise<void>;
}

/** The messaging service over a real log, on a port of its own. */
export async function openBroker(given?: {
  directory: string;
  kv: MemoryKv;
  port: number;
}): Promise<Broker> {
  const directory = given?.directory ?? (await mkdtemp(join(tmpdir(), 'millrace-')));
  const kv = given?.kv ?? new MemoryKv();
  const clock = systemClock;
  const store = await openStore({
    fs: nodeFs,
    clock,
    random: systemRandom,
    kv,
    directory,
    segmentBytes: 1 << 24,
    strideBytes: 1 << 20,
  });
  const systemTopic = new SystemTopic(store);
  const topics = new Topics(systemTopic, clock);
  const groups = new Groups(systemTopic, clock);
  await systemTopic.open();
  const broker = await openMessaging({
    store,
    topics,
    groups,
    clock,
    logger: createLogger('error'),
    format: rocketmqFormat,
  });
  const host = new GrpcHost([createMessagingService({ ...broker, store, topics, clock })]);
  const port = await host.listen('127.0.0.1', given?.port ?? 0);
  const stop = async () => {
    await host.close();
    broker.close();
    await store.close();
  };
  return {
    endpoint: `127.0.0.1:${port}`,
    topics,
    groups,
    async restart() {
      await stop();
      return openBroker({ directory, kv, port });
    },
    async close() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
