import { createHash } from 'node:crypto';
import { MillraceError } from '../../platform/errors.ts';

/** What a receipt handle says; clients take it as opaque. */
export interface Receipt {
  readonly group: string;
  readonly topicId: number;
  readonly queueId: number;
  readonly offset: number;
  /** Messages from `offset` on; 1 but for those of a batch that went out together. */
  readonly count: number;
  readonly stamp: number;
}

/**
 * `topic.queue.offset.count.stamp.check` in base 36; `/NUMBER` behind it means one message of a
 * batch alone, by its place from 0. The check is a hash over the numbers, the group and
 * the server's id, so a handle holds for its group alone, survives a restart, and one made up or
 * mistyped is refused. It keeps out mistakes, not attackers.
 */
export function encodeReceipt(receipt: Receipt, serverId: string): string {
  const { topicId, queueId, offset, count, stamp } = receipt;
  const numbers = [topicId, queueId, offset, count, stamp];
  return `${numbers.map((number) => number.toString(36)).join('.')}.${check(receipt, serverId)}`;
}

/** Throws RECEIPT_HANDLE_EXPIRED for anything that `encodeReceipt` did not make. */
export function decodeReceipt(handle: string, group: string, serverId: string): Receipt {
  const [whole = '', place, ...rest] = handle.split('/');
  const parts = whole.split('.');
  const numbers = parts.slice(0, 5).map((part) => Number.parseInt(part, 36));
  const [topicId, queueId, offset, count, stamp] = numbers as [
    number,
    number,
    number,
    number,
    number,
  ];
  const receipt = { group, topicId, queueId, offset, count, stamp };
  const isMade = parts.length === 6 && parts[5] === check(receipt, serverId);
  if (isMade && numbers.every(Number.isSafeInteger) && rest.length === 0) {
    if (place === undefined) return receipt;
    const at = /^\d{1,9}$/.test(place) ? Number(place) : count;
    if (at < count) return { ...receipt, offset: offset + at, count: 1 };
  }
  throw new MillraceError('RECEIPT_HANDLE_EXPIRED', 'the receipt handle is not valid');
}

/** The handle of one message of a batch, by its place. */
export function partOfHandle(handle: string, place: number): string {
  return `${handle}/${place}`;
}

function check(
  { group, topicId, queueId, offset, count, stamp }: Receipt,
  serverId: string,
): string {
  const text = [serverId, group, topicId, queueId, offset, count, stamp].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
