import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';
import { systemClock } from '../../platform/system-clock.ts';

/** grpc-js computes a deadline and asks us in the same turn: a real one is not that far back. */
const pastMs = 1000;

/** The part of grpc-js 1.14's BaseServerInterceptingCall that is wrong. */
interface TimedCall {
  readonly deadlineTimer?: Parameters<typeof clearTimeout>[0];
}

/**
 * For calls that are meant to last for years. grpc-js 1.14 computes a call's time in 32-bit
 * milliseconds, so that the 60 years of the Telemetry stream of RocketMQ's Java client come out
 * negative, and ends the call at once. Such a call gets no timer.
 */
export const longDeadlines: ServerInterceptor = (_method, call) => {
  if (Number(call.getDeadline()) < systemClock.nowMs() - pastMs) {
    clearTimeout((call as unknown as TimedCall).deadlineTimer);
  }
  // Not wrapped: nothing else of the call changes, and a wrapper costs time for every message.
  return call as ServerInterceptingCall;
};
