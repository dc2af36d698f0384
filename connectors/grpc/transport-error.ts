import type { ServiceError } from '@grpc/grpc-js';
import { MillraceError } from '../../platform/errors.ts';

/** What grpc-js says when no connection could be made; the last part is usually empty. */
const noConnection =
  /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note: ?.*$/s;

/** An error of grpc-js itself: nobody answers, or the connection broke. */
export function transportError(error: Pick<ServiceError, 'details'>): MillraceError {
  const [, reason] = noConnection.exec(error.details) ?? [];
  if (reason === undefined) {
    return new MillraceError('UNAVAILABLE', `the connection failed: ${error.details}`, {
      cause: error,
    });
  }
  return new MillraceError('UNAVAILABLE', `the server cannot be reached: ${reason}`, {
    cause: error,
    hint: 'Is it running? Name another one with --endpoint HOST:PORT.',
  });
}
