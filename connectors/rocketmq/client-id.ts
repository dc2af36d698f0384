import type { Metadata } from '@grpc/grpc-js';
import { MillraceError } from '../../platform/errors.ts';

export interface Identified {
  readonly metadata: Metadata;
}

/** Throws CLIENT_ID_REQUIRED. */
export function clientIdOf({ metadata }: Identified): string {
  const clientId = String(metadata.get('x-mq-client-id')[0] ?? '');
  if (clientId !== '') return clientId;
  throw new MillraceError('CLIENT_ID_REQUIRED', 'the header x-mq-client-id is missing');
}

/** Set to 1 by clients that unpack batches themselves (engine/formats/packed-records.ts). */
export const batchesHeader = 'x-millrace-batches';

export function takesBatches({ metadata }: Identified): boolean {
  return metadata.get(batchesHeader)[0] === '1';
}
