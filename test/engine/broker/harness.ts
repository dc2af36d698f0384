import { encode, fromMillis } from '../../../connectors/rocketmq/codec.ts';
import { messageKeys } from '../../../connectors/rocketmq/keyed-messages.ts';
import { parkedMessage, rocketmqFormat } from '../../../connectors/rocketmq/message-format.ts';
import { scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import { Access } from '../../../engine/broker/access.ts';
import type { TopicMessageType } from '../../../engine/broker/catalogue-record.ts';
import { Groups } from '../../../engine/broker/groups.ts';
import { keyedEntries } from '../../../engine/broker/keyed-entries.ts';
import { openBroker } from '../../../engine/broker/open-broker.ts';
import type { Popped, PopRequest } from '../../../engine/broker/pop-request.ts';
import { SystemTopic } from '../../../engine/broker/system-topic.ts';
import { TopicAdmin } from '../../../engine/broker/topic-admin.ts';
import { Topics } from '../../../engine/broker/topics.ts';
import { createLogger } from '../../../platform/logger.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { openStore } from '../../../storage/open-store.ts';
import type { FlushMode } from '../../../storage/store.ts';

export interface Sent {
  readonly body: string;
  readonly id?: string;
  readonly group?: string;
  readonly key?: string;
  readonly tag?: string;
  readonly priority?: number;
  readonly liteTopic?: string;
  readonly deliverAtMs?: number;
  readonly isHalf?: boolean;
  readonly recoveryMs?: number | undefined;
  readonly properties?: Readonly<Record<string, string>>;
}

export type Pop = Partial<Omit<PopRequest, 'group' | 'topic'>>;

/** Ids go on over restarts: the same id again would be a duplicate. */
let sent = 0;

/** The broker over a log and a database in memory, on a clock that stands still. */
export async function openTestBroker(
  given?: { fs: MemoryFs; kv: MemoryKv; clock: ManualClock },
  flush: FlushMode = 'sync',
  /** Topics are made by their first use. */
  autoCreate = false,
) {
  const { fs, kv, clock } = given ?? {
    fs: new MemoryFs(),
    kv: new MemoryKv(),
    clock: new ManualClock(),
  };
  const store = await openStore({
    fs,
    clock,
    random: new SeededRandom(2),
    kv,
    directory: '/data',
    segmentBytes: 1 << 20,
    strideBytes: 1 << 16,
    keyedFormat: keyedEntries(messageKeys),
    flush,
  });
  const systemTopic = new SystemTopic(store);
  const topics = new Topics(systemTopic, clock, autoCreate);
  const groups = new Groups(systemTopic, clock);
  const access = new Access(systemTopic, clock);
  await systemTopic.open();
  const broker = await openBroker({
    store,
    topics,
    groups,
    clock,
    logger: createLogger('error'),
    format: rocketmqFormat,
  });
  const { clients, consumers, publisher, delays, transactions } = broker;
  const admin = new TopicAdmin({ store, topics, systemTopic });

  async function stop(): Promise<void> {
    broker.close();
    await store.close();
  }

  return {
    store,
    clock,
    topics,
    admin,
    groups,
    access,
    systemTopic,
    clients,
    consumers,
    publisher,
    delays,
    transactions,
    redrive: broker.redrive,
    topic: (name: string, queues = 1, messageType: TopicMessageType = 'MIXED') =>
      topics.create(name, { queues, ifNotExists: false, messageType }),

    /** One request each. */
    /** A request each; the offset of each message. */
    async publish(topic: string, messages: readonly Sent[]): Promise<readonly number[]> {
      const offsets: number[] = [];
      for (const message of messages) {
        offsets.push(...(await this.publishTogether(topic, [message])));
      }
      return offsets;
    },

    /** One request; the offset of each message. */
    async publishTogether(topic: string, messages: readonly Sent[]): Promise<readonly number[]> {
      const requests = messages.map((message) =>
        requestOf(topic, message.id ?? `id-${sent++}`, message),
      );
      const request = Buffer.concat(requests);
      const parts = scanSendRequest(request).map((scanned) => ({
        ...scanned,
        bodyBytes: scanned.bodyEnd - scanned.bodyStart,
        isTransaction: false,
      }));
      return publisher.publish(request, parts);
    },

    async later(topic: string, body: string, deliverAtMs: number, id = `id-${sent++}`) {
      const request = requestOf(topic, id, { body, deliverAtMs });
      return delays.add(request, parkedMessage(scanSendRequest(request)[0]!));
    },

    async half(topic: string, id: string, body: string, recoveryMs?: number): Promise<void> {
      const request = requestOf(topic, id, { body, isHalf: true, recoveryMs });
      await transactions.begin(request, parkedMessage(scanSendRequest(request)[0]!));
    },

    /** Bodies and attempts of what one pop hands out, and the messages themselves. */
    async pop(group: string, topic: string, options: Pop = {}): Promise<Popped[]> {
      return [
        ...(await consumers.pop({
          group,
          topic,
          clientId: 'c',
          filter: undefined,
          max: 32,
          invisibleMs: 1000,
          waitMs: 0,
          attemptId: undefined,
          signal: new AbortController().signal,
          ...options,
        })),
      ];
    },

    /** A clean stop and a start on the same files. */
    async restart() {
      await stop();
      return openTestBroker({ fs, kv, clock });
    },

    /** A start on what the database had before the last changes were written. */
    async crash() {
      const left = kv.clone();
      await stop();
      return openTestBroker({ fs, kv: left, clock });
    },
    /** A start on the log alone: the database is gone. */
    async lose() {
      await stop();
      return openTestBroker({ fs, kv: new MemoryKv(), clock });
    },
    stop,
  };
}

function requestOf(topic: string, id: string, message: Sent): Buffer {
  const { body, group, key, tag, priority, deliverAtMs, isHalf, recoveryMs } = message;
  const { properties = {}, liteTopic } = message;
  const given = Object.entries({
    message_group: group,
    keys: key === undefined ? undefined : [key],
    tag,
    priority,
    lite_topic: liteTopic,
    delivery_timestamp: deliverAtMs === undefined ? undefined : fromMillis(deliverAtMs),
    orphaned_transaction_recovery_duration:
      recoveryMs === undefined ? undefined : fromMillis(recoveryMs),
    message_type: isHalf === true ? 'TRANSACTION' : undefined,
  }).filter(([, value]) => value !== undefined);
  return encode('SendMessageRequest', {
    messages: [
      {
        topic: { name: topic },
        user_properties: properties,
        body: Buffer.from(body),
        system_properties: { message_id: id, ...Object.fromEntries(given) },
      },
    ],
  });
}

export type TestBroker = Awaited<ReturnType<typeof openTestBroker>>;

export function bodyOf({ entry, index }: Popped): string {
  const bytes = Buffer.from(entry.body.buffer, entry.body.byteOffset, entry.body.byteLength);
  const { bodyStart, bodyEnd } = scanSendRequest(bytes)[index]!;
  return bytes.toString('utf8', bodyStart, bodyEnd);
}

export function bodies(popped: readonly Popped[]): string[] {
  return popped.map(bodyOf);
}
