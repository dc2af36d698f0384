import { MillraceError } from '../../platform/errors.ts';
import { decode } from '../rocketmq/codec.ts';
import { errorCodeOf, type Status } from '../rocketmq/status.ts';
import { WireReader } from '../rocketmq/wire.ts';

interface Answer {
  readonly status?: Status;
}

const succeeded = 20000;
const noNewMessage = 40401;

/** The error that a status stands for; nothing new is not one. */
export function errorOf({ status }: Answer): MillraceError | undefined {
  if (status === undefined || status.code === succeeded || status.code === noNewMessage) {
    return undefined;
  }
  return new MillraceError(errorCodeOf(status.code), status.message);
}

/** Throws it. */
export function checkStatus(answer: Answer): void {
  const error = errorOf(answer);
  if (error !== undefined) throw error;
}

/** The response of a unary method. Throws what the server refused with. */
export function checkedResponse<T>(method: string, bytes: Buffer): T {
  const answer = decode<Answer>(`${method}Response`, bytes);
  checkStatus(answer);
  return answer as T;
}

/** What a stream of ReceiveMessage or PullMessage brought. */
export interface StreamAnswer {
  /** Each an `apache.rocketmq.v2.Message`, in place. */
  readonly messages: readonly Buffer[];
  /** Of PullMessage: where to go on. */
  readonly nextOffset: number | undefined;
}

/** Status = 1, Message = 2, of PullMessage next_offset = 3. Throws what the server refused with. */
export function streamAnswer(answers: readonly Buffer[]): StreamAnswer {
  const messages: Buffer[] = [];
  let nextOffset: number | undefined;
  for (const bytes of answers) {
    const reader = new WireReader(bytes);
    while (reader.next()) {
      const value = bytes.subarray(reader.start, reader.stop);
      if (reader.is(1)) checkStatus({ status: decode<Status>('Status', value) });
      else if (reader.is(2)) messages.push(value);
      else if (reader.field === 3 && reader.wireType === 0) {
        nextOffset = new WireReader(value).varint();
      }
    }
  }
  return { messages, nextOffset };
}
