import type { Metadata } from '@grpc/grpc-js';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { rewritten } from './message-format.ts';
import { type ScannedMessage, scanSendRequest } from './scan.ts';
import { delimited, WireReader } from './wire.ts';

/** A Resource as decoded. */
export interface Named {
  readonly resource_namespace?: string;
  readonly name?: string;
}

/** The names that the rest of the server knows topics and groups of a request by. */
export interface Names {
  topic(resource: Named | undefined): string;
  group(resource: Named | undefined): string;
  /** The parts of a delivered Message, with its topic under the name that the client knows. */
  localized(message: readonly Buffer[]): readonly Buffer[];
}

/** Names of topics that belong to a group. */
const groupTopics = ['%DLQ%'] as const;

/**
 * Topics and groups of a namespace are called `NAMESPACE%NAME` here, as RocketMQ 4 called them.
 * Clients say their namespace in a header, and not all of them in their resources (reference
 * rocketmq-v2, 1.21): the header decides, a resource's own counts where there is none. Throws
 * INVALID_ARGUMENT for what cannot be one, and for two that differ.
 */
export function namesOf({ metadata }: { readonly metadata: Metadata }): Names {
  const header = String(metadata.get('x-mq-namespace')[0] ?? '');
  const within = (resource: Named | undefined): string => {
    const own = resource?.resource_namespace ?? '';
    if (own !== '' && header !== '' && own !== header) {
      throw new MillraceError(
        'INVALID_ARGUMENT',
        `the resource is of namespace "${own}", the request of "${header}"`,
      );
    }
    return checkNamespace(header || own);
  };
  const group = (namespace: string, name: string) =>
    namespace === '' || name === '' ? name : `${namespace}%${name}`;
  return {
    topic(resource) {
      const namespace = within(resource);
      const name = resource?.name ?? '';
      const prefix = groupTopics.find((start) => name.startsWith(start));
      if (prefix === undefined) return group(namespace, name);
      return prefix + group(namespace, name.slice(prefix.length));
    },
    group: (resource) => group(within(resource), resource?.name ?? ''),
    localized: (message) => (header === '' ? message : [localized(Buffer.concat(message), header)]),
  };
}

/** A request's messages under the names that the server knows their topics by. */
export function withFullNames(
  request: Buffer,
  messages: readonly ScannedMessage[],
  names: Names,
): { readonly request: Buffer; readonly messages: readonly ScannedMessage[] } {
  const full = messages.map(({ topic, topicNamespace }) =>
    names.topic({ name: topic, resource_namespace: topicNamespace }),
  );
  if (full.every((name, i) => name === messages[i]!.topic)) return { request, messages };
  const fields = messages.map((message, i) =>
    delimited(1, [rewritten(request, message, full[i]!, Buffer.alloc(0))]),
  );
  const rewrittenRequest = Buffer.concat(fields);
  return { request: rewrittenRequest, messages: scanSendRequest(rewrittenRequest) };
}

/** Message.topic = 1 { resource_namespace = 1; name = 2 }; the other fields as they are. */
function localized(message: Buffer, namespace: string): Buffer {
  const kept: Buffer[] = [];
  let topic = '';
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.is(1)) topic = nameIn(message, reader.start, reader.stop);
    else kept.push(message.subarray(reader.tagStart, reader.at));
  }
  const local = topic.replace(`${namespace}%`, '');
  const fields = [delimited(1, [Buffer.from(namespace)]), delimited(2, [Buffer.from(local)])];
  return Buffer.concat([delimited(1, fields), ...kept]);
}

function nameIn(bytes: Buffer, start: number, end: number): string {
  const reader = new WireReader(bytes, start, end);
  let name = '';
  while (reader.next()) if (reader.is(2)) name = reader.text();
  return name;
}

function checkNamespace(namespace: string): string {
  if (namespace === '' || /^[a-zA-Z0-9_-]+$/.test(namespace)) {
    if (namespace.length <= limits.namespaceMax) return namespace;
  }
  throw new MillraceError('INVALID_ARGUMENT', `"${namespace}" is not a name for a namespace`);
}
