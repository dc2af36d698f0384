import protobuf from 'protobufjs';

/**
 * What the command line needs of a server and neither RocketMQ nor Flight SQL has. `code` is one of
 * RocketMQ's (docs/protocol-codes.md); each of `messages` is an `apache.rocketmq.v2.Message` as
 * a consumer gets it. `start` of a group is `beginning`, `end`, or a time in ms since 1970.
 */
export const adminProto = `syntax = "proto3";
package millrace.v1;

message FindMessagesRequest {
  string topic = 1;
  oneof name { string message_id = 2; string key = 3; }
  int32 max = 4;
}
message FindMessagesResponse { int32 code = 1; string error = 2; repeated bytes messages = 3; }

message Group {
  string name = 1;
  optional bool fifo = 2;
  optional bool broadcast = 3;
  optional int32 max_attempts = 4;
  optional string start = 5;
  optional bool exclusive = 6;
  optional int32 lite_quota = 7;
}
message GroupQueue { string topic = 1; int32 queue = 2; int64 offset = 3; int64 end = 4; int64 in_flight = 5; int64 expired = 6; }
message GroupClient { string client_id = 1; string language = 2; string kind = 3; string group = 4; int64 since_ms = 5; }

message CreateGroupRequest { Group group = 1; bool if_not_exists = 2; }
message CreateGroupResponse { int32 code = 1; string error = 2; }
message AlterGroupRequest { Group group = 1; }
message AlterGroupResponse { int32 code = 1; string error = 2; }
message DeleteGroupRequest { string group = 1; }
message DeleteGroupResponse { int32 code = 1; string error = 2; }
message ListGroupsRequest {}
message ListGroupsResponse { int32 code = 1; string error = 2; repeated Group groups = 3; }
message DescribeGroupRequest { string group = 1; }
message DescribeGroupResponse { int32 code = 1; string error = 2; Group group = 3; repeated GroupQueue queues = 4; repeated GroupClient clients = 5; }
message ResetGroupRequest {
  string group = 1;
  string topic = 2;
  // Without it, all queues.
  optional int32 queue = 3;
  oneof to { int64 offset = 4; int64 time_ms = 5; bool beginning = 6; bool end = 7; }
}
message ResetGroupResponse { int32 code = 1; string error = 2; }
message ListClientsRequest {}
message ListClientsResponse { int32 code = 1; string error = 2; repeated GroupClient clients = 3; }
message RedriveRequest { string group = 1; int32 max = 2; }
message RedriveResponse { int32 code = 1; string error = 2; int32 count = 3; }

// Each grant is KIND:NAME=ACTION,ACTION (connectors/admin/access.ts).
message Grants { repeated string list = 1; }
message User { string access_key = 1; optional string secret_key = 2; optional bool admin = 3; optional Grants grants = 4; }
message CreateUserRequest { User user = 1; }
message CreateUserResponse { int32 code = 1; string error = 2; }
message AlterUserRequest { User user = 1; }
message AlterUserResponse { int32 code = 1; string error = 2; }
message DeleteUserRequest { string access_key = 1; }
message DeleteUserResponse { int32 code = 1; string error = 2; }
message ListUsersRequest {}
message ListUsersResponse { int32 code = 1; string error = 2; repeated User users = 3; }

message StatusRequest {}
// One number each; a histogram is several.
message Metric { string name = 1; double value = 2; string unit = 3; }
message StatusResponse { int32 code = 1; string error = 2; repeated Metric metrics = 3; }

service AdminService {
  rpc Status(StatusRequest) returns (StatusResponse);
  // Newest first.
  rpc FindMessages(FindMessagesRequest) returns (FindMessagesResponse);
  rpc CreateGroup(CreateGroupRequest) returns (CreateGroupResponse);
  // Fields that are given replace the group's.
  rpc AlterGroup(AlterGroupRequest) returns (AlterGroupResponse);
  rpc DeleteGroup(DeleteGroupRequest) returns (DeleteGroupResponse);
  rpc ListGroups(ListGroupsRequest) returns (ListGroupsResponse);
  rpc DescribeGroup(DescribeGroupRequest) returns (DescribeGroupResponse);
  rpc ResetGroup(ResetGroupRequest) returns (ResetGroupResponse);
  rpc ListClients(ListClientsRequest) returns (ListClientsResponse);
  // Dead letters of the group go back to their topics.
  rpc Redrive(RedriveRequest) returns (RedriveResponse);
  rpc CreateUser(CreateUserRequest) returns (CreateUserResponse);
  // Fields that are given replace the user's.
  rpc AlterUser(AlterUserRequest) returns (AlterUserResponse);
  rpc DeleteUser(DeleteUserRequest) returns (DeleteUserResponse);
  // Without their secrets.
  rpc ListUsers(ListUsersRequest) returns (ListUsersResponse);
}
`;

export const adminServiceName = 'millrace.v1.AdminService';

const { root } = protobuf.parse(adminProto, { keepCase: true });

/** Every answer: RocketMQ's code, and what went wrong. */
export interface AdminAnswer {
  readonly code?: number;
  readonly error?: string;
}

export interface WireGroup {
  readonly name?: string;
  readonly fifo?: boolean;
  readonly broadcast?: boolean;
  readonly exclusive?: boolean;
  readonly lite_quota?: number;
  readonly max_attempts?: number;
  readonly start?: string;
}

export interface WireGroupQueue {
  readonly topic?: string;
  readonly queue?: number;
  readonly offset?: number;
  readonly end?: number;
  readonly in_flight?: number;
  readonly expired?: number;
}

export interface WireClient {
  readonly client_id?: string;
  readonly language?: string;
  readonly kind?: string;
  readonly group?: string;
  readonly since_ms?: number;
}

/** An access key. */
export interface WireUser {
  readonly access_key?: string;
  readonly secret_key?: string;
  readonly admin?: boolean;
  readonly grants?: { readonly list?: readonly string[] };
}

/** One counter of the server. */
export interface WireMetric {
  readonly name?: string;
  readonly value?: number;
  readonly unit?: string;
}

/** Each method's request and what its answer has besides `AdminAnswer`. */
export interface AdminMethods {
  readonly Status: {
    readonly request: object;
    readonly answer: { metrics?: readonly WireMetric[] };
  };
  readonly FindMessages: {
    readonly request: { topic?: string; message_id?: string; key?: string; max?: number };
    readonly answer: { messages?: readonly Uint8Array[] };
  };
  readonly CreateGroup: {
    readonly request: { group?: WireGroup; if_not_exists?: boolean };
    readonly answer: object;
  };
  readonly AlterGroup: { readonly request: { group?: WireGroup }; readonly answer: object };
  readonly DeleteGroup: { readonly request: { group?: string }; readonly answer: object };
  readonly ListGroups: {
    readonly request: object;
    readonly answer: { groups?: readonly WireGroup[] };
  };
  readonly DescribeGroup: {
    readonly request: { group?: string };
    readonly answer: {
      group?: WireGroup;
      queues?: readonly WireGroupQueue[];
      clients?: readonly WireClient[];
    };
  };
  readonly ResetGroup: {
    readonly request: {
      group?: string;
      topic?: string;
      queue?: number;
      offset?: number;
      time_ms?: number;
      beginning?: boolean;
      end?: boolean;
    };
    readonly answer: object;
  };
  readonly ListClients: {
    readonly request: object;
    readonly answer: { clients?: readonly WireClient[] };
  };
  readonly CreateUser: { readonly request: { user?: WireUser }; readonly answer: object };
  readonly AlterUser: { readonly request: { user?: WireUser }; readonly answer: object };
  readonly DeleteUser: { readonly request: { access_key?: string }; readonly answer: object };
  readonly ListUsers: {
    readonly request: object;
    readonly answer: { users?: readonly WireUser[] };
  };
  readonly Redrive: {
    readonly request: { group?: string; max?: number };
    readonly answer: { count?: number };
  };
}

export type AdminMethod = keyof AdminMethods;
export type AdminRequest<M extends AdminMethod> = AdminMethods[M]['request'];
export type AdminResponse<M extends AdminMethod> = AdminMethods[M]['answer'] & AdminAnswer;

export function adminPath(method: AdminMethod): string {
  return `/${adminServiceName}/${method}`;
}

/** Absent fields are `undefined`; 64-bit numbers are numbers. */
export function adminCodec(method: AdminMethod, part: 'Request' | 'Response') {
  const type = root.lookupType(`millrace.v1.${method}${part}`);
  return {
    encode: (value: object): Buffer =>
      Buffer.from(type.encode(type.fromObject(value as Record<string, unknown>)).finish()),
    decode: (bytes: Uint8Array): object => type.toObject(type.decode(bytes), { longs: Number }),
  };
}
