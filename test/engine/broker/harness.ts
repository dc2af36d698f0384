import { encode } from '../../../connectors/rocketmq/codec.ts';
import { rocketmqFormat } from '../../../connectors/rocketmq/message-format.ts';
import { scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import type { TopicMessageType } from '../../../engine/broker/catalogue-record.ts';
import { Clients } from '../../../engine/broker/clients.ts';
import { Consumers, type Popped, type PopRequest } from '../../../engine/broker/consumers.ts';
import { Groups } from '../../../engine/broker/groups.ts';
import { Publisher } from '../../../engine/broker/publisher.ts';
import { SystemTopic } from '../../../engine/broker/system-topic.ts';
import { Topics } from '../../../engine/broker/topics.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { openStore } from '../../../storage/open-store.ts';

export interface Sent {
  readonly body: string;
  readonly group?: string;
  readonly tag?: string;
  readonly priority?: number;
  readonly properties?: Readonly<Record<string, string>>;
}

export type Pop = Partial<Omit<PopRequest, 'group' | 'topic'>>;

/** The broker over a log and a database in memory, on a clock that stands still. */
export async function openTestBroker(given?: { fs: MemoryFs; kv: MemoryKv; clock: ManualClock }) {
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
  });
  const systemTopic = new SystemTopic(store);
  const topics = new Topics(systemTopic, clock);
  const groups = new Groups(systemTopic, clock);
  await systemTopic.open();
  const clients = new Clients(clock);
  const format = rocketmqFormat;
  const consumers = new Consumers({ store, topics, groups, clients, clock, format });
  await consumers.open();
  const publisher = new Publisher(store, topics);
  let sent = 0;

  async function stop(): Promise<void> {
    consumers.close();
    clients.close();
    await store.close();
  }

  return {
    store,
    clock,
    topics,
    groups,
    clients,
    consumers,
    topic: (name: string, queues = 1, messageType: TopicMessageType = 'MIXED') =>
      topics.create(name, { queues, ifNotExists: false, messageType }),

    async publish(topic: string, messages: readonly Sent[]): Promise<void> {
      for (const { body, group, tag, priority, properties = {} } of messages) {
        const request = encode('SendMessageRequest', {
          messages: [
            {
              topic: { name: topic },
              user_properties: properties,
              body: Buffer.from(body),
              system_properties: {
                message_id: `id-${sent++}`,
                ...(group === undefined ? {} : { message_group: group }),
                ...(tag === undefined ? {} : { tag }),
                ...(priority === undefined ? {} : { priority }),
              },
            },
          ],
        });
        const parts = scanSendRequest(request).map(({ bodyStart, bodyEnd, ...rest }) => ({
          ...rest,
          bodyBytes: bodyEnd - bodyStart,
          isTransaction: false,
        }));
        await publisher.publish(request, parts);
      }
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
    stop,
  };
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
