import type { Consumers, Popped } from '../../engine/broker/consumers.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Entry } from '../../storage/store.ts';
import { type Duration, decode, encode, fromMillis, millisOf } from './codec.ts';
import { deliveredMessage } from './deliver.ts';
import { scanSendRequest } from './scan.ts';
import type { MessagingOptions, StreamCall, UnaryCall } from './service.ts';
import { multipleResults, noNewMessage, ok, type Status, statusOf } from './status.ts';
import { delimited } from './wire.ts';

interface Named {
  readonly name?: string;
}

interface ReceiveRequest {
  readonly group?: Named;
  readonly message_queue?: { readonly topic?: Named; readonly id?: number };
  readonly filter_expression?: { readonly type?: string; readonly expression?: string };
  readonly batch_size?: number;
  readonly invisible_duration?: Duration;
  readonly auto_renew?: boolean;
  readonly long_polling_timeout?: Duration;
}

const defaultInvisibleMs = 60_000;
const invisibleMsMax = 12 * 3_600_000;
const pollMsMax = 20_000;
/** Left of the client's deadline for the answer's way back. */
const reserveMs = 200;

/** Receive, ack and change-invisible: the methods of push and simple consumers. */
export class ConsumeMethods {
  readonly #consumers: Consumers;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  /** Long polls under way, by client id. */
  readonly #polls = new Map<string, Set<AbortController>>();

  constructor({ consumers, clock }: MessagingOptions, closing: AbortSignal) {
    this.#consumers = consumers;
    this.#clock = clock;
    this.#closing = closing;
  }

  /** status, messages, delivery timestamp, end (reference rocketmq-v2, 1.13). */
  async receive(call: StreamCall): Promise<void> {
    try {
      const messages = await this.#pop(call);
      const status = messages.length === 0 ? noNewMessage : ok;
      call.write(encode('ReceiveMessageResponse', { status }));
      for (const message of messages) call.write(delimited(2, [message]));
      const now = fromMillis(this.#clock.nowMs());
      call.write(encode('ReceiveMessageResponse', { delivery_timestamp: now }));
    } catch (error) {
      call.write(encode('ReceiveMessageResponse', { status: statusOf(error) }));
    }
    call.end();
  }

  async #pop(call: StreamCall): Promise<Buffer[]> {
    const request = decode<ReceiveRequest>('ReceiveMessageRequest', call.request);
    const invisibleMs =
      request.auto_renew === true
        ? defaultInvisibleMs
        : Math.min(millisOf(request.invisible_duration) ?? defaultInvisibleMs, invisibleMsMax);
    const left = this.#pollOf(call);
    const popped = await this.#consumers.pop({
      group: groupName(request.group),
      topic: request.message_queue?.topic?.name ?? '',
      queueId: undefined,
      tags: tagsOf(request.filter_expression),
      max: Math.max(1, Math.min(request.batch_size ?? 1, limits.receiveBatchMax)),
      invisibleMs,
      waitMs: this.#waitMs(call, request),
      signal: AbortSignal.any([left.signal, this.#closing]),
    });
    const scanned = new Map<Entry, ReturnType<typeof scanSendRequest>>();
    return popped.map((message) => deliver(message, invisibleMs, scanned));
  }

  /** The client is going: its polls end at once, and none of them takes a message. */
  terminate(call: UnaryCall): Buffer {
    decode('NotifyClientTerminationRequest', call.request);
    for (const poll of this.#polls.get(clientIdOf(call)) ?? []) poll.abort();
    return encode('NotifyClientTerminationResponse', { status: ok });
  }

  /** Aborted when the client cancels, hangs up or says that it goes. */
  #pollOf(call: StreamCall): AbortController {
    const left = new AbortController();
    const clientId = clientIdOf(call);
    const polls = this.#polls.get(clientId) ?? new Set();
    polls.add(left);
    this.#polls.set(clientId, polls);
    call.on('cancelled', () => left.abort());
    call.on('close', () => {
      left.abort();
      polls.delete(left);
      if (polls.size === 0) this.#polls.delete(clientId);
    });
    return left;
  }

  #waitMs(call: StreamCall, request: ReceiveRequest): number {
    const asked = Math.min(millisOf(request.long_polling_timeout) ?? pollMsMax, pollMsMax);
    const deadline = call.getDeadline();
    const deadlineMs = typeof deadline === 'number' ? deadline : deadline.getTime();
    if (!Number.isFinite(deadlineMs)) return asked;
    return Math.max(0, Math.min(asked, deadlineMs - this.#clock.nowMs() - reserveMs));
  }

  ack({ request }: UnaryCall): Buffer {
    interface AckRequest {
      readonly group?: Named;
      readonly entries?: readonly { message_id?: string; receipt_handle?: string }[];
    }
    const { group, entries = [] } = decode<AckRequest>('AckMessageRequest', request);
    const results = entries.map((entry) => ({
      ...entry,
      status: attempt(() =>
        this.#consumers.acknowledge(groupName(group), entry.receipt_handle ?? ''),
      ),
    }));
    const [first = ok] = results.map(({ status }) => status);
    const isSame = results.every(({ status }) => status.code === first.code);
    const status = isSame ? first : multipleResults;
    return encode('AckMessageResponse', { status, entries: results });
  }

  changeInvisible({ request }: UnaryCall): Buffer {
    interface ChangeRequest {
      readonly group?: Named;
      readonly receipt_handle?: string;
      readonly invisible_duration?: Duration;
    }
    const change = decode<ChangeRequest>('ChangeInvisibleDurationRequest', request);
    const handle = this.#consumers.changeInvisible(
      groupName(change.group),
      change.receipt_handle ?? '',
      Math.min(Math.max(0, millisOf(change.invisible_duration) ?? 0), invisibleMsMax),
    );
    return encode('ChangeInvisibleDurationResponse', { status: ok, receipt_handle: handle });
  }
}

function clientIdOf({ metadata }: UnaryCall | StreamCall): string {
  return String(metadata.get('x-mq-client-id')[0] ?? '');
}

function attempt(run: () => void): Status {
  try {
    run();
    return ok;
  } catch (error) {
    return statusOf(error);
  }
}

function deliver(
  { entry, index, offset, attempt: deliveryAttempt, receiptHandle }: Popped,
  invisibleMs: number,
  scanned: Map<Entry, ReturnType<typeof scanSendRequest>>,
): Buffer {
  const body = Buffer.from(entry.body.buffer, entry.body.byteOffset, entry.body.byteLength);
  let messages = scanned.get(entry);
  if (messages === undefined) {
    messages = scanSendRequest(body);
    scanned.set(entry, messages);
  }
  return deliveredMessage(body, messages[index]!, {
    queueId: entry.queueId,
    offset,
    storeTimeMs: entry.storeTimeMs,
    receiptHandle,
    invisibleMs,
    attempt: deliveryAttempt,
  });
}

function groupName(group: Named | undefined): string {
  const name = group?.name ?? '';
  if (name.length <= limits.groupNameMax && /^[%a-zA-Z0-9_-]+$/.test(name)) return name;
  throw new MillraceError('INVALID_ARGUMENT', `"${name}" is not a consumer group name`);
}

/** `*` and nothing mean every message; else tags joined by `||`. */
function tagsOf(filter: ReceiveRequest['filter_expression']): ReadonlySet<string> | undefined {
  if (filter?.type === 'SQL') {
    throw new MillraceError('UNSUPPORTED', 'SQL filters are not supported yet');
  }
  const expression = filter?.expression?.trim() ?? '';
  if (expression === '' || expression === '*') return undefined;
  return new Set(expression.split('||').map((tag) => tag.trim()));
}
