import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { TopicCreated, TopicMessageType } from './catalogue-record.ts';

/** What a connector found out about one message of a request. */
export interface MessageParts {
  readonly topic: string;
  readonly messageId: string;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  readonly bodyBytes: number;
  readonly propertyCount: number;
  readonly propertyBytes: number;
  readonly propertyKeys: readonly string[];
  readonly isTransaction: boolean;
  readonly messageGroup: string | undefined;
  readonly deliverAtMs: number | undefined;
  readonly liteTopic: string | undefined;
  readonly priority: number | undefined;
}

export type MessageType = Exclude<TopicMessageType, 'MIXED'>;

/** A message's type shows in what it carries, whatever its client calls it (reference 1.11). */
export function typeOf(message: MessageParts): MessageType {
  if (message.isTransaction) return 'TRANSACTION';
  if (message.deliverAtMs !== undefined) return 'DELAY';
  if (message.messageGroup !== undefined) return 'FIFO';
  if (message.priority !== undefined) return 'PRIORITY';
  return message.liteTopic === undefined ? 'NORMAL' : 'LITE';
}

/** The message types that a topic takes, as clients are told them (reference 1.9). */
export function acceptedTypes({ messageType }: TopicCreated): readonly MessageType[] {
  return messageType === 'MIXED' ? ['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION'] : [messageType];
}

/** Throws MALFORMED for messages that are no request; else the first of them. */
export function checkRequest<T extends { readonly topic: string }>(messages: readonly T[]): T {
  const [first] = messages;
  if (first === undefined) throw new MillraceError('MALFORMED', 'the request has no message');
  if (messages.length > limits.entryMessagesMax) {
    throw new MillraceError(
      'MALFORMED',
      `a request has ${limits.entryMessagesMax} messages at most, not ${messages.length}`,
    );
  }
  if (messages.some(({ topic }) => topic !== first.topic)) {
    throw new MillraceError('MALFORMED', 'all messages of a request go to one topic');
  }
  return first;
}

/** Limits of reference rocketmq-v2, 1.11, each with its own code. */
export function checkMessage(message: MessageParts, topic: TopicCreated): void {
  // A message without a body deletes its key from a compacted topic.
  const mayBeEmpty = topic.cleanup === 'compact' && message.keys.length > 0;
  checkContent(message, mayBeEmpty);
  checkType(message, topic);
}

/** What a message must be, whatever its topic. */
export function checkContent(
  message: Omit<MessageParts, 'topic' | 'isTransaction' | 'deliverAtMs' | 'liteTopic' | 'priority'>,
  mayBeEmpty = false,
): void {
  if (message.bodyBytes > 0 || !mayBeEmpty) checkBody(message.bodyBytes);
  checkProperties(message);
  if (message.messageId.trim() === '') {
    throw new MillraceError('ILLEGAL_MESSAGE_ID', 'a message needs an id');
  }
  const { tag, messageGroup } = message;
  if (tag !== undefined && (!isText(tag) || tag.includes('|'))) {
    throw new MillraceError('ILLEGAL_TAG', `"${tag}" is not a tag`);
  }
  for (const key of message.keys) {
    if (!isText(key)) throw new MillraceError('ILLEGAL_KEY', `"${key}" is not a message key`);
  }
  if (messageGroup !== undefined && !(isText(messageGroup) && isShort(messageGroup))) {
    throw new MillraceError(
      'ILLEGAL_MESSAGE_GROUP',
      `a message group has 1 to ${limits.messageGroupBytesMax} bytes and no control characters`,
    );
  }
}

export function checkBody(bodyBytes: number): void {
  if (bodyBytes === 0) throw new MillraceError('MESSAGE_EMPTY', 'a message needs a body');
  if (bodyBytes <= limits.messageBodyBytesMax) return;
  throw new MillraceError(
    'MESSAGE_TOO_LARGE',
    `the body has ${bodyBytes} bytes, at most ${limits.messageBodyBytesMax} are allowed`,
  );
}

function checkProperties({
  propertyCount,
  propertyBytes,
  propertyKeys,
}: Pick<MessageParts, 'propertyCount' | 'propertyBytes' | 'propertyKeys'>): void {
  const { messagePropertiesCountMax, messagePropertiesBytesMax } = limits;
  if (propertyCount > messagePropertiesCountMax || propertyBytes > messagePropertiesBytesMax) {
    throw new MillraceError(
      'PROPERTIES_TOO_LARGE',
      `a message has at most ${messagePropertiesCountMax} properties, which have with its tag and keys at most ${messagePropertiesBytesMax} bytes`,
    );
  }
  for (const key of propertyKeys) {
    if (isText(key) && !reservedKeys.has(key)) continue;
    throw new MillraceError('ILLEGAL_PROPERTY_KEY', `"${key}" is not a name for a property`);
  }
}

function checkType(message: MessageParts, topic: TopicCreated): void {
  const { priority, liteTopic } = message;
  if (priority !== undefined && priority < 0) {
    throw new MillraceError('INVALID_ARGUMENT', `a priority is 0 or more, not ${priority}`);
  }
  const type = typeOf(message);
  // What no client would set itself (reference 1.19): one of them would be lost.
  if (priority !== undefined && type !== 'PRIORITY') throw tooManyTypes('a priority', type);
  if ((liteTopic ?? '') !== '' && type !== 'LITE') throw tooManyTypes('a lite topic', type);
  if (acceptedTypes(topic).includes(type)) return;
  throw new MillraceError(
    'MESSAGE_TYPE_CONFLICT',
    `topic "${topic.name}" takes ${topic.messageType} messages, this one is ${type}`,
  );
}

function tooManyTypes(what: string, type: MessageType): MillraceError {
  return new MillraceError('MESSAGE_TYPE_CONFLICT', `${what} beside what makes it ${type}`);
}

/** Not blank, no control characters. */
function isText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.trim() !== '' && !/[\u0000-\u001f\u007f-\u009f]/.test(text);
}

function isShort(text: string): boolean {
  return Buffer.byteLength(text) <= limits.messageGroupBytesMax;
}

/** Names that RocketMQ's brokers use themselves (reference 1.11). */
const reservedKeys: ReadonlySet<string> = new Set(
  `KEYS TAGS WAIT DELAY RETRY_TOPIC REAL_TOPIC REAL_QID TRAN_MSG PGROUP MIN_OFFSET MAX_OFFSET
  BUYER_ID ORIGIN_MESSAGE_ID TRANSFER_FLAG CORRECTION_FLAG MQ2_FLAG RECONSUME_TIME MSG_REGION
  TRACE_ON UNIQ_KEY EXTEND_UNIQ_INFO MAX_RECONSUME_TIMES CONSUME_START_TIME
  TRAN_PREPARED_QUEUE_OFFSET DUP_INFO INSTANCE_ID CORRELATION_ID REPLY_TO_CLIENT TTL ARRIVE_TIME
  PUSH_REPLY_TIME CLUSTER MSG_TYPE INNER_MULTI_QUEUE_OFFSET POP_CK POP_CK_OFFSET 1ST_POP_TIME
  BORN_TIMESTAMP __BORNHOST TIMER_DELAY_SEC TIMER_DELAY_MS TIMER_DELAY_LEVEL TIMER_DELIVER_MS
  TIMER_DEL_UNIQKEY TIMER_DEQUEUE_MS TIMER_ENQUEUE_MS TIMER_OUT_MS TIMER_ROLL_TIMES
  DLQ_ORIGIN_TOPIC DLQ_ORIGIN_MESSAGE_ID __CRC32#`.split(/\s+/),
);
