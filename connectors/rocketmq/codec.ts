import protobuf from 'protobufjs';
import { MillraceError } from '../../platform/errors.ts';
import { rocketmqProto } from './proto.ts';

/** protobufjs for the methods that are called seldom; the hot ones have scan.ts and deliver.ts. */
const root = new protobuf.Root();
for (const name of ['timestamp', 'duration']) {
  const common = protobuf.common.get(`google/protobuf/${name}.proto`);
  if (common !== null && common.nested !== undefined) root.addJSON(common.nested);
}
protobuf.parse(rocketmqProto, root, { keepCase: true });
root.resolveAll();

export type Fields = Readonly<Record<string, unknown>>;

const types = new Map<string, protobuf.Type>();

function typeOf(name: string): protobuf.Type {
  let type = types.get(name);
  if (type === undefined) {
    type = root.lookupType(`apache.rocketmq.v2.${name}`);
    types.set(name, type);
  }
  return type;
}

export function encode(name: string, message: Fields): Buffer {
  const type = typeOf(name);
  return Buffer.from(type.encode(type.fromObject(message as Record<string, unknown>)).finish());
}

/** Enums as names, 64-bit numbers as numbers, absent messages as `undefined`. Throws MALFORMED. */
export function decode<T>(name: string, bytes: Uint8Array): T {
  const type = typeOf(name);
  try {
    const message = type.decode(bytes);
    return type.toObject(message, { enums: String, longs: Number, arrays: true }) as T;
  } catch (cause) {
    throw new MillraceError('MALFORMED', `the bytes are not a ${name}`, { cause });
  }
}

export interface Duration {
  readonly seconds?: number;
  readonly nanos?: number;
}

export function millisOf(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return (duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}

/** A Duration or a Timestamp. */
export function fromMillis(millis: number): Duration {
  const seconds = Math.floor(millis / 1000);
  return { seconds, nanos: Math.round((millis - seconds * 1000) * 1e6) };
}
