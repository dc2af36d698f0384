import type { Credentials } from '../auth/signature.ts';
import { MessagingClient } from '../client/messaging-client.ts';
import { FlightSqlClient } from '../flight/flight-client.ts';
import { startServer } from '../server.ts';
import { endpointText } from './endpoint.ts';
import type { Services } from './services.ts';

/** Time that a held message stays with us before it goes to another member of the group. */
const invisibleMs = 30_000;
/** Time that a receive waits for a message; also how long Ctrl-C may take. */
const waitMs = 1000;

/**
 * The real services: Flight SQL and the messaging protocol over gRPC, with the access key of
 * MILLRACE_ACCESS_KEY and MILLRACE_SECRET_KEY when the environment has them.
 */
export const grpcServices = (environment: NodeJS.ProcessEnv): Services => {
  const login = credentialsIn(environment);
  return {
    sql: (endpoint) => new FlightSqlClient(endpointText(endpoint), login),

    messaging(endpoint) {
      const client = new MessagingClient(endpointText(endpoint), login);
      return {
        async publish(topic, messages) {
          await client.publish(topic, messages);
        },
        async receive(topic, group, max) {
          const messages = await client.receive(topic, group, { max, invisibleMs, waitMs });
          return messages.map((message) => ({
            body: message.body,
            acknowledge: () => client.ack(topic, group, message),
          }));
        },
        pull: (topic, queue, offset, max) => client.pull(topic, queue, offset, max),
        find: (topic, name, max) => client.find(topic, name, max),
        offsetAtTime: (topic, queue, timeMs) => client.offsetAtTime(topic, queue, timeMs),
        queueOffsets: (topic) => client.queueOffsets(topic),
        close: () => client.close(),
      };
    },

    admin(endpoint) {
      const client = new MessagingClient(endpointText(endpoint), login);
      return {
        call: (method, request) => client.admin(method, request),
        close: () => client.close(),
      };
    },

    startServer,
  };
};

function credentialsIn(environment: NodeJS.ProcessEnv): Credentials | undefined {
  const { MILLRACE_ACCESS_KEY: accessKey, MILLRACE_SECRET_KEY: secretKey } = environment;
  return accessKey === undefined || secretKey === undefined ? undefined : { accessKey, secretKey };
}
