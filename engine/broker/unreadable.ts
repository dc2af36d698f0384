import { MillraceError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Entry } from '../../storage/store.ts';

/**
 * Stored messages that cannot be decoded. None should be there: requests are checked before they are
 * stored. If one is, it must not hold up what is behind it: who meets it says so and goes on.
 */
export function isUnreadable(error: unknown): error is MillraceError {
  if (!(error instanceof MillraceError)) return false;
  return error.code === 'MALFORMED' || error.code === 'CORRUPTION';
}

export function logUnreadable(logger: Logger, entry: Entry, error: MillraceError): void {
  const { topicId, queueId, baseOffset, count } = entry;
  const details = { topicId, queueId, baseOffset, count, error };
  logger.log('error', 'messages that cannot be decoded are passed over', details);
}
