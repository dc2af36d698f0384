import { type ErrorCode, MillraceError } from '../../platform/errors.ts';

/** Codes of `apache.rocketmq.v2.Code` that Millrace answers (docs/protocol-codes.md). */
export interface Status {
  readonly code: number;
  readonly message: string;
}

export const ok: Status = { code: 20000, message: 'OK' };
export const multipleResults: Status = { code: 30000, message: 'MULTIPLE_RESULTS' };
export const noNewMessage: Status = { code: 40401, message: 'no new message' };

const codes: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 40000,
  MALFORMED: 40016,
  TOPIC_NOT_FOUND: 40402,
  NOT_FOUND: 40400,
  MESSAGE_TOO_LARGE: 41301,
  GROUP_NOT_FOUND: 40403,
  MESSAGE_EMPTY: 41302,
  ILLEGAL_TOPIC: 40002,
  ILLEGAL_GROUP: 40003,
  ILLEGAL_TAG: 40004,
  ILLEGAL_KEY: 40005,
  ILLEGAL_MESSAGE_GROUP: 40006,
  ILLEGAL_PROPERTY_KEY: 40007,
  ILLEGAL_MESSAGE_ID: 40009,
  ILLEGAL_FILTER: 40010,
  ILLEGAL_INVISIBLE_TIME: 40011,
  ILLEGAL_OFFSET: 40019,
  OFFSET_NOT_FOUND: 40404,
  ILLEGAL_LITE_TOPIC: 40020,
  LITE_TOPIC_QUOTA_EXCEEDED: 42901,
  LITE_SUBSCRIPTION_QUOTA_EXCEEDED: 42902,
  PROPERTIES_TOO_LARGE: 43101,
  MESSAGE_TYPE_CONFLICT: 40014,
  CLIENT_ID_REQUIRED: 40017,
  UNRECOGNIZED_CLIENT_TYPE: 40015,
  INVALID_CLIENT_PROPERTIES: 40021,
  UNAUTHENTICATED: 40100,
  FORBIDDEN: 40300,
  MESSAGE_NOT_FOUND: 40401,
  INVALID_TRANSACTION_ID: 40008,
  ILLEGAL_DELIVERY_TIME: 40012,
  RECEIPT_HANDLE_EXPIRED: 40013,
  DEADLINE: 40800,
  RESOURCE_LIMIT: 42900,
  UNSUPPORTED: 50500,
  DISK_FULL: 50002,
  UNAVAILABLE: 50002,
  IO: 50001,
  CORRUPTION: 50001,
};

/** Business errors travel as a Status in the body (DESIGN section 8). */
export function statusOf(error: unknown): Status {
  if (!(error instanceof MillraceError)) return { code: 50001, message: String(error) };
  return { code: codes[error.code] ?? 50001, message: error.message };
}

/** The error that a status code stands for, for our own client. */
export function errorCodeOf(code: number): ErrorCode {
  const found = Object.entries(codes).find(([, known]) => known === code);
  return (found?.[0] as ErrorCode | undefined) ?? 'INTERNAL';
}
