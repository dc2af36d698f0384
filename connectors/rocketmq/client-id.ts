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

/** As decoded: a number is one that no kind of client has. Throws UNRECOGNIZED_CLIENT_TYPE. */
export function checkClientType(kind: string | number | undefined): void {
  if (typeof kind === 'string' && kind !== 'CLIENT_TYPE_UNSPECIFIED') return;
  throw new MillraceError('UNRECOGNIZED_CLIENT_TYPE', 'the heartbeat is of no kind of client');
}
