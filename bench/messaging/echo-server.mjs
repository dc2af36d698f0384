/** The peer of bench/messaging: grpc-js alone, answering what it was sent. */
import { Server, ServerCredentials } from '@grpc/grpc-js';

const same = (bytes) => bytes;
const server = new Server();
server.addService(
  {
    Call: {
      path: '/bench.Echo/Call',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { Call: (call, callback) => callback(null, call.request) },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`listens on ${port}\n`);
});
process.on('SIGINT', () => process.exit(0));
