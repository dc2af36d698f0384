import type { Metadata, ServerUnaryCall, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import type { Access } from '../../engine/broker/access.ts';
import type { Broker } from '../../engine/broker/open-broker.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Store } from '../../storage/store.ts';
import { type Guard, openGuard } from '../auth/guard.ts';
import type { GrpcService } from '../grpc/service.ts';
import { ok, statusOf } from '../rocketmq/status.ts';
import { accessMethods } from './access.ts';
import { findMessages } from './find.ts';
import { groupMethods } from './groups.ts';
import { metricsOf } from './metrics.ts';
import {
  type AdminMethod,
  type AdminMethods,
  type AdminRequest,
  adminCodec,
  adminPath,
  adminProto,
  adminServiceName,
} from './proto.ts';

export interface AdminOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly broker: Broker;
  readonly access: Access;
  readonly guard?: Guard;
}

/** What answers each method; errors become code and text of the answer. */
export type AdminHandlers = {
  readonly [M in AdminMethod]: (
    request: AdminRequest<M>,
  ) => Promise<AdminMethods[M]['answer']> | AdminMethods[M]['answer'];
};

const same = (bytes: Buffer) => bytes;

/** `millrace.v1.AdminService`. */
export function createAdminService(options: AdminOptions): GrpcService {
  const answers: AdminHandlers = {
    Status: () => ({ metrics: metricsOf(options.store.stats()) }),
    FindMessages: (request) => findMessages(options, request),
    ...groupMethods(options),
    ...accessMethods(options.access),
  };
  const { guard = openGuard } = options;
  const methods = Object.keys(answers) as AdminMethod[];
  return {
    name: adminServiceName,
    definition: Object.fromEntries(methods.map((method) => [method, definitionOf(method)])),
    handlers: Object.fromEntries(
      methods.map((method) => [
        method,
        handler(
          method,
          (metadata, request) => admit(guard, metadata, method, request),
          (request) => (answers[method] as (of: object) => object)(request),
        ),
      ]),
    ),
    proto: adminProto,
    close: () => undefined,
  };
}

function definitionOf(method: AdminMethod): ServiceDefinition[string] {
  return {
    path: adminPath(method),
    originalName: method,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** Throws UNAUTHENTICATED, FORBIDDEN. What is of one group or topic needs `admin` on it. */
function admit(guard: Guard, metadata: Metadata, method: AdminMethod, request: object): void {
  const { topic, group } = request as { topic?: string; group?: string | { name?: string } };
  const name = typeof group === 'object' ? group.name : group;
  if (method === 'FindMessages') {
    guard.check(metadata, () => [{ kind: 'topic', name: topic ?? '', actions: ['subscribe'] }]);
  } else if (name !== undefined && name !== '') {
    guard.check(metadata, () => [{ kind: 'group', name, actions: ['admin'] }]);
  } else {
    guard.checkAdmin(metadata);
  }
}

function handler(
  method: AdminMethod,
  admitted: (metadata: Metadata, request: object) => void,
  run: (request: object) => object | Promise<object>,
) {
  const request = adminCodec(method, 'Request');
  const response = adminCodec(method, 'Response');
  return (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    const decoded = () => {
      try {
        return request.decode(call.request);
      } catch (cause) {
        throw new MillraceError('MALFORMED', `the bytes are not a ${method}Request`, { cause });
      }
    };
    Promise.resolve()
      .then(() => {
        const asked = decoded();
        admitted(call.metadata, asked);
        return run(asked);
      })
      .then(
        (answer) => callback(null, response.encode({ ...answer, code: ok.code })),
        (error) => {
          const { code, message } = statusOf(error);
          callback(null, response.encode({ code, error: message }));
        },
      );
  };
}
