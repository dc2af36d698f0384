import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import {
  type ErrorCode,
  type ErrorData,
  errorCodes,
  fromErrorData,
  MillraceError,
  toErrorData,
} from '../../platform/errors.ts';
import { transportError } from '../grpc/transport-error.ts';

/** The gRPC status of each error; drivers map these to their own errors (reference, 1.10). */
const statuses: Record<ErrorCode, status> = {
  SQL_SYNTAX: status.INVALID_ARGUMENT,
  SQL_SEMANTIC: status.INVALID_ARGUMENT,
  SQL_RUNTIME: status.INVALID_ARGUMENT,
  UNSUPPORTED: status.UNIMPLEMENTED,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  DEPENDENCY: status.FAILED_PRECONDITION,
  TOPIC_NOT_FOUND: status.NOT_FOUND,
  MESSAGE_TOO_LARGE: status.INVALID_ARGUMENT,
  GROUP_NOT_FOUND: status.NOT_FOUND,
  MESSAGE_EMPTY: status.INVALID_ARGUMENT,
  ILLEGAL_TOPIC: status.INVALID_ARGUMENT,
  ILLEGAL_GROUP: status.INVALID_ARGUMENT,
  ILLEGAL_TAG: status.INVALID_ARGUMENT,
  ILLEGAL_KEY: status.INVALID_ARGUMENT,
  ILLEGAL_MESSAGE_GROUP: status.INVALID_ARGUMENT,
  ILLEGAL_PROPERTY_KEY: status.INVALID_ARGUMENT,
  ILLEGAL_MESSAGE_ID: status.INVALID_ARGUMENT,
  ILLEGAL_FILTER: status.INVALID_ARGUMENT,
  ILLEGAL_INVISIBLE_TIME: status.INVALID_ARGUMENT,
  ILLEGAL_OFFSET: status.INVALID_ARGUMENT,
  OFFSET_NOT_FOUND: status.NOT_FOUND,
  ILLEGAL_LITE_TOPIC: status.INVALID_ARGUMENT,
  LITE_TOPIC_QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  LITE_SUBSCRIPTION_QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  PROPERTIES_TOO_LARGE: status.INVALID_ARGUMENT,
  MESSAGE_TYPE_CONFLICT: status.INVALID_ARGUMENT,
  CLIENT_ID_REQUIRED: status.INVALID_ARGUMENT,
  UNRECOGNIZED_CLIENT_TYPE: status.INVALID_ARGUMENT,
  INVALID_CLIENT_PROPERTIES: status.INVALID_ARGUMENT,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  MESSAGE_NOT_FOUND: status.NOT_FOUND,
  INVALID_TRANSACTION_ID: status.INVALID_ARGUMENT,
  ILLEGAL_DELIVERY_TIME: status.INVALID_ARGUMENT,
  MALFORMED: status.INVALID_ARGUMENT,
  RECEIPT_HANDLE_EXPIRED: status.INVALID_ARGUMENT,
  CANCELLED: status.CANCELLED,
  DEADLINE: status.DEADLINE_EXCEEDED,
  RESOURCE_LIMIT: status.RESOURCE_EXHAUSTED,
  DISK_FULL: status.RESOURCE_EXHAUSTED,
  IO: status.INTERNAL,
  PORT_IN_USE: status.INTERNAL,
  DIRECTORY_LOCKED: status.INTERNAL,
  FORMAT_VERSION: status.INTERNAL,
  CORRUPTION: status.DATA_LOSS,
  UNAVAILABLE: status.UNAVAILABLE,
  INTERNAL: status.INTERNAL,
};

/** HTTP/2 peers bound all headers together, often at 16 KiB; a longer text is cut. */
const textUnitsMax = 1000;

/** Anything thrown, as a gRPC status; the rest of the error goes in trailing `millrace-error-*`. */
export function toStatus(error: unknown): Partial<StatusObject> & { readonly code: status } {
  const data = toErrorData(error);
  const metadata = new Metadata();
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) metadata.set(`millrace-error-${name}`, percentEncoded(String(value)));
  };
  set('code', data.code);
  set('sqlstate', data.sqlState);
  set('hint', data.hint);
  set('offset', data.position?.offset);
  set('line', data.position?.line);
  set('column', data.position?.column);
  set('length', data.position?.length);
  return { code: statuses[data.code], details: cut(data.message), metadata };
}

/** An error of grpc-js as the MillraceError that the server threw, as far as it came across. */
export function fromStatus(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const { code, details, metadata } = error as Partial<StatusObject>;
  const isOurs = metadata?.get('millrace-error-code')[0] !== undefined;
  if (code === status.UNAVAILABLE && details !== undefined && !isOurs) {
    return transportError({ details });
  }
  const message = details ?? (error instanceof Error ? error.message : String(error));
  const text = (name: string): string | undefined => {
    const value = metadata?.get(`millrace-error-${name}`)[0];
    return value === undefined ? undefined : decodeURIComponent(String(value));
  };
  const known = errorCodes.find((candidate) => candidate === text('code'));
  const hint = text('hint');
  const sqlState = text('sqlstate');
  const position = {
    offset: Number(text('offset')),
    line: Number(text('line')),
    column: Number(text('column')),
    length: Number(text('length')),
  };
  const data: ErrorData = {
    code: known ?? codeOfStatus(code),
    message,
    ...(Object.values(position).some(Number.isNaN) ? {} : { position }),
    ...(hint === undefined ? {} : { hint }),
    ...(sqlState === undefined ? {} : { sqlState }),
  };
  return fromErrorData(data);
}

/** For a status that grpc-js made itself: no server there, a deadline, a server of another kind. */
function codeOfStatus(code: status | undefined): ErrorCode {
  if (code === undefined) return 'INTERNAL';
  const sameName = errorCodes.find((candidate) => candidate === status[code]);
  return sameName ?? errorCodes.find((candidate) => statuses[candidate] === code) ?? 'INTERNAL';
}

/** The form of `grpc-message`: printable ASCII stays, the rest becomes %XX of its UTF-8 bytes. */
function percentEncoded(text: string): string {
  return cut(text).replace(/[^\x20-\x24\x26-\x7e]/gu, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/** Also replaces lone surrogates, which no UTF-8 has. */
function cut(text: string): string {
  return Buffer.from(text.slice(0, textUnitsMax)).toString();
}
