import type { Consumers, LiteStart } from '../../engine/broker/consumers.ts';
import { checkGroupName, type Groups } from '../../engine/broker/groups.ts';
import type { LiteAction } from '../../engine/broker/lite-subscriptions.ts';
import { MillraceError } from '../../platform/errors.ts';
import { clientIdOf } from './client-id.ts';
import { decode, encode } from './codec.ts';
import { type Named, namesOf } from './namespace.ts';
import type { UnaryCall } from './service.ts';
import { ok } from './status.ts';

interface OffsetOption {
  readonly policy?: 'LAST' | 'MIN' | 'MAX';
  readonly offset?: number;
  readonly tail_n?: number;
  readonly timestamp?: number;
}

interface SyncRequest {
  readonly action?: LiteAction;
  readonly topic?: Named;
  readonly group?: Named;
  readonly lite_topic_set?: readonly string[];
  readonly version?: number;
  readonly offset_option?: OffsetOption;
}

/** A client's lite topics (reference rocketmq-v2, 1.20). */
export async function syncLiteSubscription(
  consumers: Consumers,
  groups: Groups,
  call: UnaryCall,
): Promise<Buffer> {
  const request = decode<SyncRequest>('SyncLiteSubscriptionRequest', call.request);
  const names = namesOf(call);
  const group = names.group(request.group);
  checkGroupName(group);
  await groups.use(group);
  const { action = 'PARTIAL_ADD', lite_topic_set: lites = [] } = request;
  if (!actions.has(action)) {
    throw new MillraceError('INVALID_ARGUMENT', `${action} is nothing to do with lite topics`);
  }
  await consumers.syncLites(
    {
      clientId: clientIdOf(call),
      group,
      topic: names.topic(request.topic),
      action,
      lites,
      ...(request.version === undefined ? {} : { version: request.version }),
    },
    startOf(request.offset_option),
  );
  return encode('SyncLiteSubscriptionResponse', { status: ok });
}

const actions: ReadonlySet<string> = new Set<LiteAction>([
  'PARTIAL_ADD',
  'PARTIAL_REMOVE',
  'COMPLETE_ADD',
  'COMPLETE_REMOVE',
]);

/** `undefined`: where the group is, which is what LAST says, too. */
function startOf(option: OffsetOption | undefined): LiteStart | undefined {
  if (option === undefined) return undefined;
  const { policy, offset, tail_n: tail, timestamp: timeMs } = option;
  if (policy === 'MIN' || policy === 'MAX') return policy;
  if (offset !== undefined) return { offset };
  if (tail !== undefined) return { tail };
  return timeMs === undefined ? undefined : { timeMs };
}

/** For a client whose lite topic is another one's now: `notify_unsubscribe_lite_command = 9`. */
export function evictionCommand(lite: string): Buffer {
  return encode('TelemetryCommand', { notify_unsubscribe_lite_command: { lite_topic: lite } });
}
