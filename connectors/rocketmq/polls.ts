import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { clientIdOf } from './client-id.ts';
import { type Duration, millisOf } from './codec.ts';
import type { StreamCall } from './service.ts';

/** Said of every poll that ends: a reason of its own would cost each one an error with its stack. */
const ended = new MillraceError('UNAVAILABLE', 'the poll has ended');

const pollMsMax = 20_000;
/** Left of the client's deadline for the answer's way back. */
const reserveMs = 200;

/** What one client has under way. */
interface ClientPolls {
  readonly polls: Set<AbortController>;
  /** Of answers that it has not taken yet. */
  unreadBytes: number;
}

/**
 * Long polls under way, by client: when a client goes, its polls end at once (reference 1.22). How
 * many there are, and how much of their answers waits for a client that does not read, is bounded.
 */
export class Polls {
  readonly #clock: Clock;
  readonly #byClient = new Map<string, ClientPolls>();
  readonly #unread = new WeakMap<StreamCall, number>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Aborted when the client cancels, hangs up or says that it goes, and at the close. One signal a
   * poll: a long-lived one that is made part of each would keep a trace of all (Node 20). Throws
   * RESOURCE_LIMIT.
   */
  open(call: StreamCall): AbortSignal {
    const left = new AbortController();
    if (this.#isClosed) left.abort(ended);
    const clientId = clientIdOf(call);
    const client = this.#byClient.get(clientId) ?? { polls: new Set(), unreadBytes: 0 };
    if (client.polls.size >= limits.clientPollsMax) {
      throw tooMuch(`client "${clientId}" waits ${limits.clientPollsMax} times already`);
    }
    if (client.unreadBytes >= limits.clientUnreadBytesMax) {
      throw tooMuch(`client "${clientId}" does not read what it asked for`);
    }
    client.polls.add(left);
    this.#byClient.set(clientId, client);
    // grpc-js says so at every call's end: HTTP/2 took all of its answer, or the client left.
    call.once('cancelled', () => {
      left.abort(ended);
      client.polls.delete(left);
      client.unreadBytes -= this.#unread.get(call) ?? 0;
      if (client.polls.size === 0) this.#byClient.delete(clientId);
    });
    return left.signal;
  }

  /** The client is going. */
  endOf(clientId: string): void {
    for (const poll of this.#byClient.get(clientId)?.polls ?? []) poll.abort(ended);
  }

  /** Writes a part of an answer; it counts as unread until the call is over. */
  write(call: StreamCall, bytes: Buffer): void {
    call.write(bytes);
    const client = this.#byClient.get(clientIdOf(call));
    // After its close nothing would take it off again.
    if (client === undefined || call.destroyed) return;
    client.unreadBytes += bytes.length;
    this.#unread.set(call, (this.#unread.get(call) ?? 0) + bytes.length);
  }

  /** Ends the long polls, and at once those that still come. */
  close(): void {
    this.#isClosed = true;
    for (const clientId of this.#byClient.keys()) this.endOf(clientId);
  }

  /** How long a poll may wait: as asked, and not beyond the call's deadline. */
  waitMs(call: StreamCall, asked: Duration | undefined, otherwiseMs = pollMsMax): number {
    const askedMs = Math.min(millisOf(asked) ?? otherwiseMs, pollMsMax);
    const deadline = call.getDeadline();
    const deadlineMs = typeof deadline === 'number' ? deadline : deadline.getTime();
    if (!Number.isFinite(deadlineMs)) return askedMs;
    return Math.max(0, Math.min(askedMs, deadlineMs - this.#clock.nowMs() - reserveMs));
  }
}

function tooMuch(reason: string): MillraceError {
  return new MillraceError('RESOURCE_LIMIT', reason);
}
