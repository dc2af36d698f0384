import { Server, ServerCredentials } from '@grpc/grpc-js';
import { createFlightService } from '../../../connectors/flight/service.ts';
import type { SqlService } from '../../../engine/views/sql-service.ts';
import { systemRandom } from '../../../platform/system-random.ts';
import { FixedSql } from './fixed-sql.ts';

/** A Flight service on a free port of this machine. */
export interface FlightHost {
  readonly sql: FixedSql;
  readonly port: number;
  readonly endpoint: string;
  /** Ends running statements, as a stopping server does. */
  closeService(): void;
  stop(): void;
}

export async function startFlight(): Promise<FlightHost> {
  const sql = new FixedSql();
  return { sql, ...(await serveFlight(sql)) };
}

/** The service over any SQL. */
export async function serveFlight(sql: SqlService): Promise<Omit<FlightHost, 'sql'>> {
  const service = createFlightService({ sql, random: systemRandom });
  const server = new Server();
  server.addService(service.definition, service.handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    endpoint: `127.0.0.1:${port}`,
    closeService: () => service.close(),
    stop: () => server.forceShutdown(),
  };
}
