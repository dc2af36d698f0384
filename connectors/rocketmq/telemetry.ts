import { status as grpcStatus, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clients } from '../../engine/broker/clients.ts';
import type { Groups } from '../../engine/broker/groups.ts';
import type { NotifyEvicted } from '../../engine/broker/lite-subscriptions.ts';
import type { AskProducer } from '../../engine/broker/transactions.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Guard } from '../auth/guard.ts';
import type { Admission } from './admission.ts';
import { clientIdOf } from './client-id.ts';
import { checkClientProperties } from './client-properties.ts';
import { decode, encode } from './codec.ts';
import { deliveredMessage } from './deliver.ts';
import { evictionCommand } from './lite.ts';
import { bytesOf } from './message-format.ts';
import { namesOf } from './namespace.ts';
import type { Polls } from './polls.ts';
import { settingsRights } from './rights.ts';
import { scanSendRequest } from './scan.ts';
import { answerSettings, type ClientSettings } from './settings.ts';
import { ok, statusOf } from './status.ts';
import { delimited } from './wire.ts';

type TelemetryCall = ServerDuplexStream<Buffer, Buffer>;

export interface TelemetryOptions {
  readonly groups: Groups;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly admission: Admission;
}

/**
 * Node's client with several topics opens the stream after the first one's route and listens for
 * the settings only when it has them all: an answer in between is lost on it, and it waits for ever
 * (seen with rocketmq-client-nodejs 1.0.8). So it gets the answer again.
 */
const repeatSettingsMs = [300, 1500, 5000];

/**
 * The Telemetry streams: each settings message is answered, and the server ends its side as soon as
 * the client ended its own (reference rocketmq-v2, 0 and 1.8).
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  /** With the access key that each was opened with: its signature is of that time alone. */
  readonly #streams = new Map<TelemetryCall, string | undefined>();
  /** Streams of producers by the topics that their settings name; the one asked last is last. */
  readonly #producers = new Map<string, Set<TelemetryCall>>();

  readonly #polls: Polls;

  constructor(options: TelemetryOptions, polls: Polls) {
    this.#options = options;
    this.#polls = polls;
  }

  open(call: TelemetryCall): void {
    const { admission, clients } = this.#options;
    let clientId: string;
    let accessKey: string | undefined;
    try {
      clientId = clientIdOf(call);
      accessKey = admission.admit(call);
    } catch (error) {
      call.write(encode('TelemetryCommand', { status: statusOf(error) }));
      call.end();
      return;
    }
    const disconnected = clients.connected(clientId);
    admission.claim(clientId, accessKey);
    this.#streams.set(call, accessKey);
    const finish = () => {
      if (this.#streams.delete(call)) disconnected();
      this.#forgetProducer(call);
    };
    call.on('data', (bytes: Buffer) => {
      this.#answer(call, bytes).catch((error) => {
        // The stream's own status has no code for it.
        if (error instanceof MillraceError && error.code === 'INVALID_CLIENT_PROPERTIES') {
          send(call, encode('TelemetryCommand', { status: statusOf(error) }));
        }
        call.emit('error', failureOf(error));
      });
    });
    call.on('end', () => {
      finish();
      // Who ends its last stream cleanly is shutting down, and waits for its polls (1.22).
      if (!clients.isConnected(clientId)) this.#polls.endOf(clientId);
      call.end();
    });
    call.on('error', finish);
    call.on('cancelled', finish);
    call.on('close', finish);
  }

  /**
   * Asks one producer of the topic what becomes of a half message; another one each time. The
   * message is whole, as a delivered one is: clients parse it so (reference rocketmq-v2, 1.15).
   */
  readonly askProducer: AskProducer = (topic, half, transactionId) => {
    const streams = this.#producers.get(topic);
    const [stream] = streams ?? [];
    if (streams === undefined || stream === undefined) return false;
    streams.delete(stream);
    streams.add(stream);
    const request = bytesOf(half);
    const { queueId, baseOffset, storeTimeMs } = half;
    const message = deliveredMessage(request, scanSendRequest(request)[0]!, {
      queueId,
      offset: baseOffset,
      storeTimeMs,
    });
    const id = delimited(2, [Buffer.from(transactionId)]);
    const local = namesOf(stream).localized([message]);
    send(stream, delimited(5, [delimited(1, local), id]));
    return true;
  };

  /** A lite topic of the client is another one's now. */
  readonly notifyEvicted: NotifyEvicted = (clientId, lite) => {
    for (const stream of this.#streams.keys()) {
      if (clientIdOf(stream) === clientId) send(stream, evictionCommand(lite));
    }
  };

  #forgetProducer(call: TelemetryCall): void {
    for (const [topic, streams] of this.#producers) {
      streams.delete(call);
      if (streams.size === 0) this.#producers.delete(topic);
    }
  }

  close(): void {
    for (const stream of this.#streams.keys()) stream.end();
  }

  async #answer(call: TelemetryCall, bytes: Buffer): Promise<void> {
    if (bytes.length > limits.settingsBytesMax) {
      throw new MillraceError('INVALID_ARGUMENT', 'the settings are too long');
    }
    const { settings } = decode<{ settings?: ClientSettings }>('TelemetryCommand', bytes);
    if (settings === undefined) return;
    if (settings.publishing === undefined && settings.subscription === undefined) {
      throw new MillraceError('INVALID_ARGUMENT', 'the settings are of no producer or consumer');
    }
    checkClientProperties(settings.client_properties);
    const names = namesOf(call);
    const accessKey = this.#streams.get(call);
    this.#options.guard.authorize(accessKey, () => settingsRights(settings, names));
    const name = names.group(settings.subscription?.group);
    const group = name === '' ? undefined : await this.#options.groups.use(name);
    const { clients, clock } = this.#options;
    clients.describe({
      clientId: clientIdOf(call),
      language: settings.user_agent?.language ?? '',
      kind: settings.client_type ?? '',
      group: group?.name,
      sinceMs: clock.nowMs(),
    });
    const answer = encode('TelemetryCommand', {
      status: ok,
      settings: answerSettings(settings, group),
    });
    if (!this.#streams.has(call)) return;
    this.#forgetProducer(call);
    for (const resource of settings.publishing?.topics ?? []) {
      const topic = names.topic(resource);
      this.#producers.set(topic, (this.#producers.get(topic) ?? new Set()).add(call));
    }
    send(call, answer);
    if (settings.user_agent?.language !== 'NODE_JS') return;
    for (const delayMs of repeatSettingsMs) {
      clock.after(delayMs, () => this.#streams.has(call) && send(call, answer), {
        background: true,
      });
    }
  }
}

/** A client that does not read what it is sent loses its stream. */
function send(call: TelemetryCall, bytes: Buffer): void {
  if (call.writableLength <= limits.telemetryUnreadBytesMax) call.write(bytes);
  else
    call.emit('error', failureOf(new MillraceError('RESOURCE_LIMIT', 'nobody reads the stream')));
}

/** The stream ends with it (reference rocketmq-v2, 1.8). */
function failureOf(error: unknown) {
  const { code, message } = statusOf(error);
  const isOfClient = code >= 40000 && code < 50000;
  const status = isOfClient ? grpcStatus.INVALID_ARGUMENT : grpcStatus.INTERNAL;
  return Object.assign(new Error(message), { code: status, details: message });
}
