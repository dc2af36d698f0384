/**
 * The one closed list of error codes. A code is stable: clients, tests and operators match on it,
 * messages may change. Connectors map a code to their protocol's own (gRPC status, RocketMQ code,
 * SQLSTATE); nothing else in the house invents codes.
 */
export const errorCodes = [
  // The caller's request is wrong.
  'SQL_SYNTAX', // the text does not parse; has a position
  'SQL_SEMANTIC', // it parses but names or types do not fit; has a position
  'SQL_RUNTIME', // division by zero, overflow, bad cast on a value
  'UNSUPPORTED', // understood, but Millrace does not do it
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'DEPENDENCY', // refused because other objects depend on it
  'TOPIC_NOT_FOUND',
  'GROUP_NOT_FOUND',
  'MESSAGE_TOO_LARGE',
  'MESSAGE_EMPTY',
  'ILLEGAL_TOPIC', // a name that no topic may have; so for the others below
  'ILLEGAL_GROUP',
  'ILLEGAL_TAG',
  'ILLEGAL_KEY',
  'ILLEGAL_MESSAGE_GROUP',
  'ILLEGAL_PROPERTY_KEY',
  'ILLEGAL_MESSAGE_ID',
  'ILLEGAL_FILTER',
  'ILLEGAL_INVISIBLE_TIME',
  'ILLEGAL_OFFSET',
  'OFFSET_NOT_FOUND', // the group has none on the queue
  'ILLEGAL_LITE_TOPIC',
  'LITE_TOPIC_QUOTA_EXCEEDED',
  'LITE_SUBSCRIPTION_QUOTA_EXCEEDED',
  'PROPERTIES_TOO_LARGE',
  'MESSAGE_TYPE_CONFLICT', // the topic does not take messages of this type
  'CLIENT_ID_REQUIRED',
  'UNRECOGNIZED_CLIENT_TYPE',
  'INVALID_CLIENT_PROPERTIES',
  'UNAUTHENTICATED', // who asks is not known, or did not prove it
  'FORBIDDEN', // who asks has no grant for it
  'MESSAGE_NOT_FOUND',
  'INVALID_TRANSACTION_ID',
  'ILLEGAL_DELIVERY_TIME',
  'MALFORMED', // bytes that do not follow their format (protobuf, JSON, Arrow)
  'RECEIPT_HANDLE_EXPIRED',
  // The world is in a state that refuses the request.
  'CANCELLED',
  'DEADLINE',
  'RESOURCE_LIMIT', // a named limit of limits.ts or of the session
  'DISK_FULL',
  'IO', // the disk failed; details name file and operation
  'PORT_IN_USE',
  'DIRECTORY_LOCKED', // another process has the data directory open
  'FORMAT_VERSION', // a file of an unknown version or of another server
  'CORRUPTION', // stored bytes fail their check; nothing was changed
  'UNAVAILABLE', // starting, stopping, or a partition that stopped after a failed fsync
  'INTERNAL', // a bug of ours that was contained
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Where in a SQL text an error lies. `offset` counts UTF-16 units from 0; `line` and `column` from 1. */
export interface SourcePosition {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  /** Length of the token in UTF-16 units, at least 1; what a caret underlines. */
  readonly length: number;
}

export interface ErrorDetails {
  readonly position?: SourcePosition;
  /** What the user might do instead; a full sentence. */
  readonly hint?: string;
  /** The five-character SQLSTATE, where PostgreSQL defines one. */
  readonly sqlState?: string;
  readonly cause?: unknown;
}

/** An error that the world causes and a user can act on. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly position: SourcePosition | undefined;
  readonly hint: string | undefined;
  readonly sqlState: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.position = details.position;
    this.hint = details.hint;
    this.sqlState = details.sqlState;
  }
}

/** The form of an error that crosses a thread or a socket. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly position?: SourcePosition;
  readonly hint?: string;
  readonly sqlState?: string;
}

/**
 * Anything thrown, as data. What is not a MillraceError is a bug of ours: INTERNAL. Its stack names
 * files of this machine, and is for the log alone.
 */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof MillraceError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.position === undefined ? {} : { position: error.position }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.sqlState === undefined ? {} : { sqlState: error.sqlState }),
    };
  }
  return { code: 'INTERNAL', message: String(error) };
}

export function fromErrorData(data: ErrorData): MillraceError {
  return new MillraceError(data.code, data.message, data);
}
