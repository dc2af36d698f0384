/**
 * `node broker-process.mjs DIRECTORY PORT`: the messaging service over a real log and RocksDB, in
 * a process of its own that is cheap to start and to kill. It is the server (connectors/server.ts)
 * without SQL. Small segments, so that kills hit their ends, too. Has one topic, `t`, of one queue.
 */
import { GrpcHost } from '../../dist/connectors/grpc/server.js';
import { rocketmqFormat } from '../../dist/connectors/rocketmq/message-format.js';
import { namesOfEntry } from '../../dist/connectors/rocketmq/names.js';
import { createMessagingService } from '../../dist/connectors/rocketmq/service.js';
import { Groups } from '../../dist/engine/broker/groups.js';
import { openBroker } from '../../dist/engine/broker/open-broker.js';
import { SystemTopic } from '../../dist/engine/broker/system-topic.js';
import { Topics } from '../../dist/engine/broker/topics.js';
import { createDiskFs } from '../../dist/platform/disk-fs.js';
import { createLogger } from '../../dist/platform/logger.js';
import { systemClock as clock } from '../../dist/platform/system-clock.js';
import { systemRandom as random } from '../../dist/platform/system-random.js';
import { rocksDb } from '../../dist/storage/kv/rocksdb-store.js';
import { openStore } from '../../dist/storage/open-store.js';

const [directory, port] = process.argv.slice(2);
const store = await openStore({
  fs: createDiskFs(),
  clock,
  random,
  kv: rocksDb,
  directory,
  namesOf: namesOfEntry,
  segmentBytes: 256 * 1024,
  strideBytes: 64 * 1024,
});
const systemTopic = new SystemTopic(store);
const topics = new Topics(systemTopic, clock);
const groups = new Groups(systemTopic, clock);
await systemTopic.open();
await topics.create('t', { queues: 1, ifNotExists: true });
const logger = createLogger('error');
const broker = await openBroker({ store, topics, groups, clock, logger, format: rocketmqFormat });
const host = new GrpcHost([createMessagingService({ ...broker, store, topics, clock })]);
process.stdout.write(`listens on 127.0.0.1:${await host.listen('127.0.0.1', Number(port))}\n`);
