import type { Clients } from '../../engine/broker/clients.ts';
import type { Consumers } from '../../engine/broker/consumers.ts';
import { checkGroupName } from '../../engine/broker/groups.ts';
import type { Member, Popped } from '../../engine/broker/pop-request.ts';
import { isUnreadable } from '../../engine/broker/unreadable.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { clientIdOf, takesBatches } from './client-id.ts';
import { type Duration, decode, encode, millisOf } from './codec.ts';
import { deliveredPiece } from './deliver.ts';
import { FieldWriter } from './field-writer.ts';
import { type FilterExpression, filterOf } from './filters.ts';
import { type Named, namesOf } from './namespace.ts';
import type { Polls } from './polls.ts';
import type { MessagingOptions, StreamCall, UnaryCall } from './service.ts';
import { multipleResults, noNewMessage, ok, type Status, statusOf } from './status.ts';
import { delimited } from './wire.ts';

interface ReceiveRequest {
  readonly group?: Named;
  readonly message_queue?: { readonly topic?: Named; readonly id?: number };
  readonly filter_expression?: FilterExpression;
  readonly batch_size?: number;
  readonly invisible_duration?: Duration;
  readonly auto_renew?: boolean;
  readonly long_polling_timeout?: Duration;
  readonly attempt_id?: string;
}

/** Receive, ack and change-invisible: the methods of push and simple consumers. */
export class ConsumeMethods {
  readonly #consumers: Consumers;
  readonly #clients: Clients;
  readonly #clock: Clock;
  readonly #polls: Polls;

  constructor({ consumers, clients, clock }: MessagingOptions, polls: Polls) {
    this.#consumers = consumers;
    this.#clients = clients;
    this.#clock = clock;
    this.#polls = polls;
  }

  /** status, messages, delivery timestamp, end (reference rocketmq-v2, 1.13). */
  async receive(call: StreamCall): Promise<void> {
    try {
      const delivered = this.#decodable(call, await this.#pop(call));
      call.write(delivered.length === 0 ? nothingNew : someCome);
      const names = namesOf(call);
      for (const message of delivered)
        this.#polls.write(call, delimited(2, names.localized(message)));
      const deliveredAt = new FieldWriter(16);
      deliveredAt.time(3, this.#clock.nowMs());
      call.write(deliveredAt.finish());
    } catch (error) {
      call.write(encode('ReceiveMessageResponse', { status: statusOf(error) }));
    }
    call.end();
  }

  /** The messages as they go out. One that cannot be decoded never will be: its group is done. */
  #decodable(call: StreamCall, popped: readonly Popped[]): (readonly Buffer[])[] {
    return popped.flatMap((message) => {
      try {
        return [deliver(message)];
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        const { group } = decode<ReceiveRequest>('ReceiveMessageRequest', call.request);
        this.#consumers.passOver(memberOf(call, group), message, error);
        return [];
      }
    });
  }

  async #pop(call: StreamCall): Promise<readonly Popped[]> {
    const request = decode<ReceiveRequest>('ReceiveMessageRequest', call.request);
    const signal = this.#polls.open(call);
    const member = memberOf(call, request.group);
    const popped = await this.#consumers.pop({
      // No spread: see the pop of a queue in popper.ts.
      group: member.group,
      clientId: member.clientId,
      topic: namesOf(call).topic(request.message_queue?.topic),
      filter: filterOf(request.filter_expression),
      max: Math.max(1, Math.min(request.batch_size ?? 1, limits.receiveBatchMax)),
      invisibleMs:
        request.auto_renew === true ? 'renewed' : receiveInvisibleMs(request.invisible_duration),
      waitMs: this.#polls.waitMs(call, request.long_polling_timeout),
      attemptId: request.attempt_id || undefined,
      signal,
      takesBatches: takesBatches(call),
    });
    call.once('cancelled', () => {
      // grpc-js says so of calls that went well, too: those have written all.
      if (!call.writableFinished) this.#takeBack(member, popped);
    });
    return popped;
  }

  /** The answer did not reach the client whole: no client keeps a part of one. */
  #takeBack(member: Member, popped: readonly Popped[]): void {
    for (const { receiptHandle } of popped) {
      attempt(() => {
        this.#consumers.changeInvisible(member, receiptHandle, 0, true);
      });
    }
  }

  /** The client is going: its polls end at once, and none of them takes a message. */
  terminate(call: UnaryCall): Buffer {
    decode('NotifyClientTerminationRequest', call.request);
    const clientId = clientIdOf(call);
    this.#polls.endOf(clientId);
    this.#clients.terminated(clientId);
    return encode('NotifyClientTerminationResponse', { status: ok });
  }

  ack(call: UnaryCall): Buffer {
    interface AckRequest {
      readonly group?: Named;
      readonly entries?: readonly { message_id?: string; receipt_handle?: string }[];
    }
    const { group, entries = [] } = decode<AckRequest>('AckMessageRequest', call.request);
    const member = memberOf(call, group);
    const statuses = entries.map(({ receipt_handle: handle = '' }) =>
      attempt(() => this.#consumers.acknowledge(member, handle)),
    );
    const [first = ok] = statuses;
    const isSame = statuses.every(({ code }) => code === first.code);
    // By hand: AckMessageResponse { status = 1; entries = 2 { message_id = 1; receipt_handle = 2; status = 3 } }.
    const answer = new FieldWriter(256);
    answer.message(1, statusBytes(isSame ? first : multipleResults));
    for (const [i, { message_id: id = '', receipt_handle: handle = '' }] of entries.entries()) {
      const result = new FieldWriter(128);
      if (id !== '') result.text(1, id);
      if (handle !== '') result.text(2, handle);
      result.message(3, statusBytes(statuses[i]!));
      answer.message(2, result.finish());
    }
    return answer.finish();
  }

  changeInvisible(call: UnaryCall): Buffer {
    interface ChangeRequest {
      readonly group?: Named;
      readonly receipt_handle?: string;
      readonly invisible_duration?: Duration;
      readonly suspend?: boolean;
    }
    const change = decode<ChangeRequest>('ChangeInvisibleDurationRequest', call.request);
    const handle = this.#consumers.changeInvisible(
      memberOf(call, change.group),
      change.receipt_handle ?? '',
      checkedInvisibleMs(millisOf(change.invisible_duration) ?? 0),
      change.suspend === true,
    );
    return encode('ChangeInvisibleDurationResponse', { status: ok, receipt_handle: handle });
  }

  async forwardToDeadLetters(call: UnaryCall): Promise<Buffer> {
    interface ForwardRequest {
      readonly group?: Named;
      readonly topic?: Named;
      readonly receipt_handle?: string;
    }
    const request = decode<ForwardRequest>('ForwardMessageToDeadLetterQueueRequest', call.request);
    const { group, topic, receipt_handle: handle = '' } = request;
    const member = memberOf(call, group);
    await this.#consumers.forwardToDeadLetters(member, namesOf(call).topic(topic), handle);
    return encode('ForwardMessageToDeadLetterQueueResponse', { status: ok });
  }
}

const nothingNew = encode('ReceiveMessageResponse', { status: noNewMessage });
const someCome = encode('ReceiveMessageResponse', { status: ok });
const okBytes = encode('Status', { ...ok });

function statusBytes(status: Status): Buffer {
  return status === ok ? okBytes : encode('Status', { ...status });
}

function memberOf(call: UnaryCall | StreamCall, group: Named | undefined): Member {
  const name = namesOf(call).group(group);
  checkGroupName(name);
  return { group: name, clientId: clientIdOf(call) };
}

/** RocketMQ asks for at least 10 s; any time that leaves room for the answer is good for us. */
function receiveInvisibleMs(duration: Duration | undefined): number {
  const invisibleMs = millisOf(duration);
  if (invisibleMs === undefined) return limits.renewMs;
  if (invisibleMs > 0) return checkedInvisibleMs(invisibleMs);
  throw illegalInvisibleTime();
}

function checkedInvisibleMs(invisibleMs: number): number {
  if (invisibleMs >= 0 && invisibleMs <= limits.invisibleMsMax) return invisibleMs;
  throw illegalInvisibleTime();
}

function illegalInvisibleTime(): MillraceError {
  return new MillraceError(
    'ILLEGAL_INVISIBLE_TIME',
    `a message is invisible for at most ${limits.invisibleMsMax / 1000} s`,
  );
}

function attempt(run: () => void): Status {
  try {
    run();
    return ok;
  } catch (error) {
    return statusOf(error);
  }
}

function deliver(popped: Popped): readonly Buffer[] {
  const { entry, index, count, offset, attempt, receiptHandle, invisibleMs } = popped;
  const { queueId, storeTimeMs } = entry;
  const delivery = { queueId, offset, storeTimeMs, receiptHandle, invisibleMs, attempt };
  return deliveredPiece(entry, index, count, delivery);
}
