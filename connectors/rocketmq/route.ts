import type { Topics } from '../../engine/broker/topics.ts';
import { decode, encode, type Fields } from './codec.ts';
import type { UnaryCall } from './service.ts';
import { ok } from './status.ts';

interface RouteRequest {
  readonly topic?: { readonly name?: string };
  readonly endpoints?: Fields;
}

/** The queues of a topic. The broker's address is the one that the client reached us at. */
function queuesOf(topics: Topics, { topic, endpoints }: RouteRequest): Fields[] {
  const { name, queues } = topics.get(topic?.name ?? '');
  return Array.from({ length: queues }, (_, id) => ({
    topic: { name },
    id,
    permission: 'READ_WRITE',
    broker: { name: 'millrace', id: 0, endpoints },
    accept_message_types: ['NORMAL'],
  }));
}

export function queryRoute(topics: Topics, { request }: UnaryCall): Buffer {
  const route = decode<RouteRequest>('QueryRouteRequest', request);
  return encode('QueryRouteResponse', { status: ok, message_queues: queuesOf(topics, route) });
}

/** Push consumers poll what they are assigned; one assignment stands for all queues in pop mode. */
export function queryAssignment(topics: Topics, { request }: UnaryCall): Buffer {
  const [first] = queuesOf(topics, decode<RouteRequest>('QueryAssignmentRequest', request));
  const assignments = [{ message_queue: { ...first, id: -1 } }];
  return encode('QueryAssignmentResponse', { status: ok, assignments });
}
