import type {
  GroupCreated,
  GroupSettings,
  TopicCreated,
} from '../../engine/broker/catalogue-record.ts';
import type { ConnectedClient } from '../../engine/broker/clients.ts';
import { defaultGroup } from '../../engine/broker/groups.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { AdminRequest, WireClient, WireGroup } from './proto.ts';
import type { AdminHandlers, AdminOptions } from './service.ts';

/** Consumer groups, their clients and their dead letters. */
export function groupMethods(
  options: AdminOptions,
): Omit<AdminHandlers, 'FindMessages' | 'Status' | `${string}User${string}`> {
  const { groups, consumers, clients, redrive } = options.broker;
  return {
    CreateGroup: async ({ group = {}, if_not_exists: ifNotExists = false }) => {
      const settings = { ...defaultGroup, ...settingsOf(group) };
      await groups.create(group.name ?? '', settings, ifNotExists);
      return {};
    },
    AlterGroup: async ({ group = {} }) => {
      await groups.alter(group.name ?? '', settingsOf(group));
      return {};
    },
    DeleteGroup: async ({ group = '' }) => {
      await groups.drop(group);
      consumers.forget(group);
      return {};
    },
    ListGroups: () => ({ groups: groups.list().map(wireGroup) }),
    DescribeGroup: async ({ group: name = '' }) => {
      const group = groups.get(name);
      const queues = (await consumers.progress(name)).map((queue) => ({
        topic: options.topics.nameOf(queue.topicId),
        queue: queue.queueId,
        offset: queue.cursor,
        end: queue.maxOffset,
        in_flight: queue.inFlight,
        expired: queue.expired,
      }));
      const connected = clients.list().filter((client) => client.group === name);
      return { group: wireGroup(group), queues, clients: connected.map(wireClient) };
    },
    ResetGroup: async (request) => {
      await reset(options, request);
      return {};
    },
    ListClients: () => ({ clients: clients.list().map(wireClient) }),
    Redrive: async ({ group = '', max }) => ({
      count: await redrive(group, max === undefined || max <= 0 ? Number.MAX_SAFE_INTEGER : max),
    }),
  };
}

async function reset(
  { broker, topics, store }: AdminOptions,
  request: AdminRequest<'ResetGroup'>,
): Promise<void> {
  const { name } = broker.groups.get(request.group ?? '');
  const topic = topics.get(request.topic ?? '');
  for (const queueId of queuesOf(topic, request.queue)) {
    const { minOffset, maxOffset } = await store.range(topic.topicId, queueId);
    let offset = request.offset;
    if (request.beginning === true) offset = minOffset;
    else if (request.end === true) offset = maxOffset;
    else if (request.time_ms !== undefined) {
      offset = await store.offsetAtTime(topic.topicId, queueId, request.time_ms);
    }
    if (offset === undefined || offset < minOffset || offset > maxOffset) {
      throw new MillraceError(
        'ILLEGAL_OFFSET',
        `queue ${queueId} of topic "${topic.name}" has offsets ${minOffset} to ${maxOffset}`,
      );
    }
    await broker.consumers.resetOffset(name, topic.name, queueId, offset);
  }
}

function queuesOf({ name, queues }: TopicCreated, queue: number | undefined): number[] {
  if (queue === undefined) return Array.from({ length: queues }, (_, queueId) => queueId);
  if (queue >= 0 && queue < queues) return [queue];
  throw new MillraceError('INVALID_ARGUMENT', `topic "${name}" has no queue ${queue}`);
}

function settingsOf(group: WireGroup): Partial<GroupSettings> {
  const { fifo, broadcast, exclusive, max_attempts, start, lite_quota } = group;
  return {
    ...(exclusive === undefined ? {} : { exclusive }),
    ...(lite_quota === undefined ? {} : { liteQuota: lite_quota }),
    ...(fifo === undefined ? {} : { fifo }),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(max_attempts === undefined ? {} : { maxAttempts: max_attempts }),
    ...(start === undefined ? {} : { start: startOf(start) }),
  };
}

function startOf(text: string): GroupSettings['start'] {
  if (text === 'beginning' || text === 'end') return text;
  const timeMs = Number(text);
  if (text !== '' && Number.isFinite(timeMs)) return timeMs;
  throw new MillraceError('INVALID_ARGUMENT', `"${text}" is no place for a group to start`);
}

function wireGroup(group: GroupCreated): WireGroup {
  const { name, fifo, broadcast, exclusive = false, maxAttempts, start, liteQuota } = group;
  return {
    name,
    fifo,
    broadcast,
    exclusive,
    max_attempts: maxAttempts,
    start: String(start),
    ...(liteQuota === undefined ? {} : { lite_quota: liteQuota }),
  };
}

function wireClient({ clientId, language, kind, group, sinceMs }: ConnectedClient): WireClient {
  return { client_id: clientId, language, kind, group: group ?? '', since_ms: sinceMs };
}
