import protobuf from 'protobufjs';

/**
 * What the command line needs of a server and neither RocketMQ nor Flight SQL has. `code` is one of
 * RocketMQ's (docs/protocol-codes.md); each of `messages` is an `apache.rocketmq.v2.Message` as
 * a consumer gets it.
 */
export const adminProto = `syntax = "proto3";
package millrace.v1;

message FindMessagesRequest {
  string topic = 1;
  oneof name { string message_id = 2; string key = 3; }
  int32 max = 4;
}
message FindMessagesResponse { int32 code = 1; string error = 2; repeated bytes messages = 3; }

service AdminService {
  // Newest first.
  rpc FindMessages(FindMessagesRequest) returns (FindMessagesResponse);
}
`;

export const adminServiceName = 'millrace.v1.AdminService';
export const findMessagesPath = `/${adminServiceName}/FindMessages`;

const { root } = protobuf.parse(adminProto, { keepCase: true });

export interface FindMessagesRequest {
  readonly topic?: string;
  readonly message_id?: string;
  readonly key?: string;
  readonly max?: number;
}

export interface FindMessagesResponse {
  readonly code?: number;
  readonly error?: string;
  readonly messages?: readonly Uint8Array[];
}

export const findMessagesRequest = messageCodec<FindMessagesRequest>('FindMessagesRequest');
export const findMessagesResponse = messageCodec<FindMessagesResponse>('FindMessagesResponse');

function messageCodec<T extends object>(name: string) {
  const type = root.lookupType(`millrace.v1.${name}`);
  return {
    encode: (value: T): Buffer =>
      Buffer.from(type.encode(type.fromObject(value as Record<string, unknown>)).finish()),
    decode: (bytes: Uint8Array): T => type.toObject(type.decode(bytes)) as T,
  };
}
