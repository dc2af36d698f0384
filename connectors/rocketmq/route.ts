import type { TopicCreated } from '../../engine/broker/catalogue-record.ts';
import type { Groups } from '../../engine/broker/groups.ts';
import { acceptedTypes } from '../../engine/broker/message-check.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import { decode, encode, type Fields } from './codec.ts';
import { type Named, type Names, namesOf } from './namespace.ts';
import type { UnaryCall } from './service.ts';
import { ok } from './status.ts';

interface RouteRequest {
  readonly topic?: Named;
  readonly group?: Named;
  readonly endpoints?: Fields;
}

/** The queues of a topic. The broker's address is the one that the client reached us at. */
async function queuesOf(
  topics: Topics,
  names: Names,
  { topic, endpoints }: RouteRequest,
): Promise<Fields[]> {
  const found = await usedTopic(topics, names.topic(topic));
  return Array.from({ length: found.queues }, (_, id) => ({
    topic,
    id,
    permission: 'READ_WRITE',
    broker: { name: 'millrace', id: 0, endpoints },
    accept_message_types: acceptedTypes(found),
  }));
}

export async function queryRoute(topics: Topics, call: UnaryCall): Promise<Buffer> {
  const route = decode<RouteRequest>('QueryRouteRequest', call.request);
  const queues = await queuesOf(topics, namesOf(call), route);
  return encode('QueryRouteResponse', { status: ok, message_queues: queues });
}

/** An unknown topic has RocketMQ's text, to the letter: clients compare it (reference 1.9). */
async function usedTopic(topics: Topics, name: string): Promise<TopicCreated> {
  try {
    return await topics.use(name);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'TOPIC_NOT_FOUND') throw error;
    const text = `CODE: 17  DESC: No topic route info in name server for the topic: ${name}`;
    throw new MillraceError('TOPIC_NOT_FOUND', text, { cause: error });
  }
}

/**
 * What a push consumer polls: one assignment stands for all queues, but a FIFO group's clients
 * expect one for each (reference rocketmq-v2, 1.10). Every client gets all of them, always the same.
 */
export async function queryAssignment(
  topics: Topics,
  groups: Groups,
  call: UnaryCall,
): Promise<Buffer> {
  const query = decode<RouteRequest>('QueryAssignmentRequest', call.request);
  const names = namesOf(call);
  const { fifo } = await groups.use(names.group(query.group));
  const queues = (await queuesOf(topics, names, query)).map(
    ({ accept_message_types, ...queue }) => queue,
  );
  const assigned = fifo ? queues : [{ ...queues[0], id: -1 }];
  const assignments = assigned.map((message_queue) => ({ message_queue }));
  return encode('QueryAssignmentResponse', { status: ok, assignments });
}
