import { createHash } from 'node:crypto';
import type { Random } from '../../platform/random.ts';
import { encode, fromMillis } from '../rocketmq/codec.ts';
import { delimited } from '../rocketmq/wire.ts';
import type { Message } from './message.ts';
import type { OutgoingMessage } from './messaging-client.ts';

const idBytes = 16;

/**
 * A SendMessageRequest, written by hand since it is a batch's most expensive part:
 * repeated Message messages = 1 { Resource topic = 1; map user_properties = 2; SystemProperties
 * system_properties = 3; bytes body = 4 } (the fields of the others: rocketmq/proto.ts).
 */
export function publishRequest(
  topic: string,
  messages: readonly OutgoingMessage[],
  bornMs: number,
  random: Random,
): Buffer {
  const common = commonFields(bornMs);
  const topicField = delimited(1, [text(2, topic)]);
  const ids = Buffer.from(random.bytes(idBytes * messages.length))
    .toString('hex')
    .toUpperCase();
  return Buffer.concat(
    messages.map(({ body, tag, messageGroup, keys = [], properties = {} }, index) => {
      const system = [
        ...(tag === undefined ? [] : [text(1, tag)]),
        ...keys.map((key) => text(2, key)),
        text(3, ids.slice(2 * idBytes * index, 2 * idBytes * (index + 1))),
        digest(body),
        common(messageGroup),
      ];
      return delimited(1, [
        topicField,
        ...Object.entries(properties).map(([key, value]) =>
          delimited(2, [text(1, key), text(2, value)]),
        ),
        delimited(3, system),
        delimited(4, [Buffer.from(body.buffer, body.byteOffset, body.byteLength)]),
      ]);
    }),
  );
}

/** A SendMessageRequest with one message, that is not packed; `isHalf`: of a transaction. */
export function singleRequest(
  topic: string,
  message: Message,
  messageId: string,
  bornMs: number,
  isHalf = false,
): Buffer {
  const {
    body,
    tag,
    keys = [],
    properties = {},
    messageGroup,
    priority,
    liteTopic,
    deliverAtMs,
  } = message;
  return encode('SendMessageRequest', {
    messages: [
      {
        topic: { name: topic },
        user_properties: properties,
        system_properties: {
          ...(tag === undefined ? {} : { tag }),
          ...(messageGroup === undefined ? {} : { message_group: messageGroup }),
          ...(priority === undefined ? {} : { priority }),
          keys,
          message_id: messageId,
          message_type: isHalf ? 'TRANSACTION' : deliverAtMs === undefined ? 'LITE' : 'DELAY',
          ...(liteTopic === undefined ? {} : { lite_topic: liteTopic }),
          body_encoding: 'IDENTITY',
          born_timestamp: fromMillis(bornMs),
          ...(deliverAtMs === undefined ? {} : { delivery_timestamp: fromMillis(deliverAtMs) }),
        },
        body: typeof body === 'string' ? Buffer.from(body) : body,
      },
    ],
  });
}

/** The system properties that messages of one group share. */
function commonFields(bornMs: number): (messageGroup: string | undefined) => Buffer {
  const known = new Map<string | undefined, Buffer>();
  return (messageGroup) => {
    const fields =
      known.get(messageGroup) ??
      encode('SystemProperties', {
        body_encoding: 'IDENTITY',
        message_type: messageGroup === undefined ? 'NORMAL' : 'FIFO',
        born_timestamp: fromMillis(bornMs),
        ...(messageGroup === undefined ? {} : { message_group: messageGroup }),
      });
    known.set(messageGroup, fields);
    return fields;
  };
}

function text(field: number, value: string): Buffer {
  return delimited(field, [Buffer.from(value)]);
}

/** Digest body_digest = 4 { type = 1: MD5; checksum = 2 }. */
function digest(body: Uint8Array): Buffer {
  const checksum = createHash('md5').update(body).digest('hex').toUpperCase();
  return delimited(4, [md5, text(2, checksum)]);
}

/** DigestType.MD5. */
const md5 = Buffer.from([0x08, 2]);
