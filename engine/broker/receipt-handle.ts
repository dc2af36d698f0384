import { createHash } from 'node:crypto';
import { MillraceError } from '../../platform/errors.ts';

/** What a receipt handle says; clients take it as opaque. */
export interface Receipt {
  readonly group: string;
  readonly topicId: number;
  readonly queueId: number;
  readonly offset: number;
  readonly stamp: number;
}

/**
 * `topic.queue.offset.stamp.check` in base 36. The check is a hash over the numbers, the group and
 * the server's id, so a handle holds for its group alone, survives a restart, and one made up or
 * mistyped is refused. It keeps out mistakes, not attackers.
 */
export function encodeReceipt(receipt: Receipt, serverId: string): string {
  const numbers = [receipt.topicId, receipt.queueId, receipt.offset, receipt.stamp];
  return `${numbers.map((number) => number.toString(36)).join('.')}.${check(receipt, serverId)}`;
}

/** Throws RECEIPT_HANDLE_EXPIRED for anything that `encodeReceipt` did not make. */
export function decodeReceipt(handle: string, group: string, serverId: string): Receipt {
  const parts = handle.split('.');
  const [topicId, queueId, offset, stamp] = parts
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 36)) as [number, number, number, number];
  const receipt = { group, topicId, queueId, offset, stamp };
  const isWhole = [topicId, queueId, offset, stamp].every(Number.isSafeInteger);
  if (parts.length === 5 && isWhole && parts[4] === check(receipt, serverId)) return receipt;
  throw new MillraceError('RECEIPT_HANDLE_EXPIRED', 'the receipt handle is not valid');
}

function check({ group, topicId, queueId, offset, stamp }: Receipt, serverId: string): string {
  const text = [serverId, group, topicId, queueId, offset, stamp].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
