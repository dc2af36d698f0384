import type { ServerUnaryCall, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { FoundMessage, Store } from '../../storage/store.ts';
import type { GrpcService } from '../grpc/service.ts';
import { deliveredMessage } from '../rocketmq/deliver.ts';
import { scanSendRequest } from '../rocketmq/scan.ts';
import { ok, statusOf } from '../rocketmq/status.ts';
import {
  adminProto,
  adminServiceName,
  type FindMessagesRequest,
  findMessagesPath,
  findMessagesRequest,
  findMessagesResponse,
} from './proto.ts';

export interface AdminOptions {
  readonly store: Store;
  readonly topics: Topics;
}

const foundMessagesMax = 1000;
const same = (bytes: Buffer) => bytes;

const definition: ServiceDefinition = {
  FindMessages: {
    path: findMessagesPath,
    originalName: 'FindMessages',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

/** `millrace.v1.AdminService`. */
export function createAdminService(options: AdminOptions): GrpcService {
  const findMessages = (
    call: ServerUnaryCall<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ): void => {
    find(options, call.request).then(
      (messages) => callback(null, findMessagesResponse.encode({ code: ok.code, messages })),
      (error) => {
        const { code, message } = statusOf(error);
        callback(null, findMessagesResponse.encode({ code, error: message }));
      },
    );
  };
  return {
    name: adminServiceName,
    definition,
    handlers: { FindMessages: findMessages },
    proto: adminProto,
    close: () => undefined,
  };
}

async function find({ store, topics }: AdminOptions, bytes: Buffer): Promise<Buffer[]> {
  const { topic = '', message_id: id, key, max = 1 } = decoded(bytes);
  const { topicId } = topics.get(topic);
  const name = id ?? key;
  if (name === undefined || name === '') {
    throw new MillraceError('INVALID_ARGUMENT', 'a message is found by its id or by a key');
  }
  const kind = id === undefined ? 'key' : 'id';
  const most = Math.max(1, Math.min(max, foundMessagesMax));
  const messages: Buffer[] = [];
  let size = 0;
  for (const found of await store.find(topicId, kind, name, most)) {
    const message = delivered(found);
    size += message.length;
    if (messages.length > 0 && size > limits.receiveBytesMax) break;
    messages.push(message);
  }
  return messages;
}

function decoded(bytes: Buffer): FindMessagesRequest {
  try {
    return findMessagesRequest.decode(bytes);
  } catch (cause) {
    throw new MillraceError('MALFORMED', 'the bytes are not a FindMessagesRequest', { cause });
  }
}

function delivered({ entry, index }: FoundMessage): Buffer {
  const { body, queueId, baseOffset, storeTimeMs } = entry;
  const request = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const message = scanSendRequest(request)[index]!;
  return deliveredMessage(request, message, { queueId, offset: baseOffset + index, storeTimeMs });
}
