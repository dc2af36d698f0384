import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Timer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { type Duration, decode, encode, type Fields, millisOf } from '../rocketmq/codec.ts';
import { checkStatus } from './answers.ts';
import type { Connection } from './connection.ts';

/** What the server says about a consumer group. */
export interface GroupSettings {
  readonly fifo: boolean;
  /** Pause before each further delivery of a message that failed, by deliveries so far. */
  retryMs(attempt: number): number;
}

interface SettingsAnswer {
  readonly status?: { readonly code: number; readonly message: string };
  readonly settings?: {
    readonly subscription?: { readonly fifo?: boolean };
    readonly backoff_policy?: { readonly customized_backoff?: { readonly next?: Duration[] } };
  };
}

/** Who opens a session. */
export interface SessionOptions {
  /** Of its Settings: the client's type, and its publishing or subscription. */
  readonly settings: Fields & { readonly client_type: string };
  /** '' for a producer. */
  readonly group: string;
  /** A TelemetryCommand of the server that is not about settings. */
  readonly onCommand?: (command: Buffer) => void;
  /** The stream is there again: what the server knew by it has to be told anew. */
  readonly onReopened?: () => void;
}

const heartbeatMs = 10_000;
const reopenMs = 1000;
const answerMs = 10_000;
const firstRetryMs = 1000;

/**
 * Tells the server that a client lives: a Telemetry stream, reopened when it breaks, and heartbeats.
 * As long as it does, the server keeps a push consumer's messages for it.
 */
export class Session {
  readonly #connection: Connection;
  readonly #options: SessionOptions;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  #timers: Timer[] = [];
  #isClosed = false;
  /** The server took the settings once. */
  #isOpen = false;

  constructor(connection: Connection, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Resolves with the group's settings. Throws what the server refuses with, UNAVAILABLE. */
  async open(): Promise<GroupSettings> {
    const answer = await this.#connect();
    this.#beatLater();
    return settingsOf(answer);
  }

  /** Says that the client goes: its messages go to others, and its polls end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    const { group } = this.#options;
    const request = encode('NotifyClientTerminationRequest', { group: { name: group } });
    await this.#connection.unary('NotifyClientTermination', request).catch(() => undefined);
    this.#stream?.end();
  }

  /** A stream that was never answered is the caller's to open again. */
  #connect(): Promise<SettingsAnswer> {
    const stream = this.#connection.telemetry();
    this.#stream = stream;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const ended = (error?: unknown) => {
        if (isOver) return;
        isOver = true;
        late.cancel();
        if (this.#stream === stream) this.#stream = undefined;
        reject(error instanceof Error ? error : new Error('the server ended the stream'));
        if (this.#isOpen) this.#reopenLater();
      };
      const late = systemClock.after(answerMs, () => {
        ended(new MillraceError('UNAVAILABLE', 'the server does not answer the settings'));
        stream.cancel();
      });
      stream.on('data', (bytes: Buffer) => {
        late.cancel();
        try {
          const answer = decode<SettingsAnswer>('TelemetryCommand', bytes);
          checkStatus(answer);
          if (answer.settings === undefined) return this.#options.onCommand?.(bytes);
          if (this.#isOpen) this.#options.onReopened?.();
          this.#isOpen = true;
          resolve(answer);
        } catch (error) {
          reject(error);
        }
      });
      stream.on('error', ended);
      stream.on('end', () => ended());
      stream.write(this.#settings());
    });
  }

  #settings(): Buffer {
    const settings = { user_agent: { version: 'millrace' }, ...this.#options.settings };
    return encode('TelemetryCommand', { settings });
  }

  #reopenLater(): void {
    if (this.#isClosed) return;
    this.#after(reopenMs, () => {
      if (!this.#isClosed && this.#stream === undefined) this.#connect().catch(() => undefined);
    });
  }

  #beatLater(): void {
    this.#after(heartbeatMs, () => {
      const { group, settings } = this.#options;
      const { client_type } = settings;
      const request = encode('HeartbeatRequest', { group: { name: group }, client_type });
      this.#connection.unary('Heartbeat', request).catch(() => undefined);
      this.#beatLater();
    });
  }

  #after(ms: number, run: () => void): void {
    if (this.#isClosed) return;
    const timer = systemClock.after(ms, () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      run();
    });
    this.#timers.push(timer);
  }
}

function settingsOf({ settings }: SettingsAnswer): GroupSettings {
  const next = settings?.backoff_policy?.customized_backoff?.next ?? [];
  const pauses = next.map((duration) => millisOf(duration) ?? firstRetryMs);
  return {
    fifo: settings?.subscription?.fifo === true,
    retryMs: (attempt) => pauses[Math.min(Math.max(attempt, 1), pauses.length) - 1] ?? firstRetryMs,
  };
}
