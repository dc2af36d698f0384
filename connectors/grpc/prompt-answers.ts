import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';

/** The parts of grpc-js 1.14's BaseServerInterceptingCall that are used here. */
interface SendingCall {
  readonly stream: ServerHttp2Stream;
  readonly metadataSent: boolean;
  sendMessage(message: unknown, sent: () => void): void;
}

/**
 * What comes behind a message goes out with it. grpc-js 1.14 waits until HTTP/2 has sent a message
 * before it takes the next one, or ends the call, which costs each answer a turn of its own and a
 * second packet. Here the call goes on at once while the stream has room, and waits when it has none.
 */
export const promptAnswers: ServerInterceptor = (_method, call) => {
  const sending = call as unknown as SendingCall;
  const sendMessage = sending.sendMessage;
  sending.sendMessage = (message, sent) => {
    let isSaid = false;
    const say = () => {
      if (isSaid) return;
      isSaid = true;
      sent();
    };
    sendMessage.call(sending, message, say);
    // Without its headers the message was refused, and the call has its status.
    if (sending.metadataSent && !sending.stream.writableNeedDrain) say();
  };
  return call as ServerInterceptingCall;
};

/** Whether HTTP/2 took all of the answer: only then come the trailers. */
export function tookAll(call: object): boolean {
  const { stream } = (call as { call: SendingCall }).call;
  return stream.sentTrailers !== undefined;
}
