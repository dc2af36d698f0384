import type { Entry } from '../../storage/store.ts';
import { scanSendRequest } from './scan.ts';

/** The tag of each message of an entry, in order. */
export function tagsOfEntry({ body }: Entry): readonly (string | undefined)[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return scanSendRequest(bytes).map(({ tag }) => tag);
}
