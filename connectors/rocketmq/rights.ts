import type { Action, Right } from '../../engine/broker/access.ts';
import { decode } from './codec.ts';
import type { Named, Names } from './namespace.ts';
import { scanSendRequest } from './scan.ts';
import type { ClientSettings } from './settings.ts';

/** The parts of requests that name what they are about. */
interface Naming {
  readonly topic?: Named;
  readonly group?: Named;
  readonly message_queue?: { readonly topic?: Named };
}

type RightsOf = (request: Buffer, names: Names) => readonly Right[];

const publish: readonly Action[] = ['publish'];
const subscribe: readonly Action[] = ['subscribe'];

/** What each method needs, as RocketMQ has it (reference rocketmq-v2, 1.5). */
export const methodRights: Readonly<Record<string, RightsOf>> = {
  QueryRoute: (request, names) => {
    const { topic } = decode<Naming>('QueryRouteRequest', request);
    return [{ kind: 'topic', name: names.topic(topic), actions: ['publish', 'subscribe'] }];
  },
  SendMessage: (request, names) =>
    [
      // Each under the name that it is published under: its own namespace counts, too.
      ...new Set(
        scanSendRequest(request).map(({ topic, topicNamespace }) =>
          names.topic({ name: topic, resource_namespace: topicNamespace }),
        ),
      ),
    ].map((name) => topicRight(name, publish)),
  RecallMessage: ofTopic('RecallMessageRequest', publish),
  EndTransaction: ofTopic('EndTransactionRequest', publish),
  QueryAssignment: ofBoth('QueryAssignmentRequest'),
  ReceiveMessage: ofBoth('ReceiveMessageRequest'),
  AckMessage: ofBoth('AckMessageRequest'),
  ForwardMessageToDeadLetterQueue: ofBoth('ForwardMessageToDeadLetterQueueRequest'),
  SyncLiteSubscription: ofBoth('SyncLiteSubscriptionRequest'),
  PullMessage: ofBoth('PullMessageRequest'),
  UpdateOffset: ofBoth('UpdateOffsetRequest'),
  GetOffset: ofBoth('GetOffsetRequest'),
  QueryOffset: ofBoth('QueryOffsetRequest'),
  ChangeInvisibleDuration: ofGroup('ChangeInvisibleDurationRequest'),
  Heartbeat: ofGroup('HeartbeatRequest'),
  NotifyClientTermination: ofGroup('NotifyClientTerminationRequest'),
};

/** What a client's settings say that it will do. */
export function settingsRights(
  { publishing, subscription }: ClientSettings,
  names: Names,
): readonly Right[] {
  const entries = subscription?.subscriptions ?? [];
  return [
    ...(publishing?.topics ?? []).map((topic) => topicRight(names.topic(topic), publish)),
    ...entries.map(({ topic }) => topicRight(names.topic(topic), subscribe)),
    ...groupRight(names.group(subscription?.group)),
  ];
}

function ofTopic(type: string, actions: readonly Action[]): RightsOf {
  return (request, names) => [
    topicRight(names.topic(decode<Naming>(type, request).topic), actions),
  ];
}

/** Producers name no group, or one without a name. */
function ofGroup(type: string): RightsOf {
  return (request, names) => groupRight(names.group(decode<Naming>(type, request).group));
}

function ofBoth(type: string): RightsOf {
  return (request, names) => {
    const { topic, group, message_queue: queue } = decode<Naming>(type, request);
    return [
      topicRight(names.topic(topic ?? queue?.topic), subscribe),
      ...groupRight(names.group(group)),
    ];
  };
}

function topicRight(name: string, actions: readonly Action[]): Right {
  return { kind: 'topic', name, actions };
}

function groupRight(name: string): readonly Right[] {
  return name === '' ? [] : [{ kind: 'group', name, actions: subscribe }];
}
