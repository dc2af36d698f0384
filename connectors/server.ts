import { Access } from '../engine/broker/access.ts';
import { Groups } from '../engine/broker/groups.ts';
import { keyedEntries } from '../engine/broker/keyed-entries.ts';
import { openBroker } from '../engine/broker/open-broker.ts';
import { RateLimits, type RateOptions } from '../engine/broker/rate-limits.ts';
import { RetentionKeeper } from '../engine/broker/retention-keeper.ts';
import { SystemTopic } from '../engine/broker/system-topic.ts';
import { TopicAdmin } from '../engine/broker/topic-admin.ts';
import { Topics } from '../engine/broker/topics.ts';
import type { StartReport } from '../engine/views/protocol.ts';
import { SqlClient } from '../engine/views/sql-client.ts';
import { createDiskFs } from '../platform/disk-fs.ts';
import { MillraceError } from '../platform/errors.ts';
import { createLogger } from '../platform/logger.ts';
import { nodeThreads } from '../platform/node-threads.ts';
import { systemClock } from '../platform/system-clock.ts';
import { systemRandom } from '../platform/system-random.ts';
import { rocksDb } from '../storage/kv/rocksdb-store.ts';
import { openStore, partitionDirectories } from '../storage/open-store.ts';
import type { FlushMode } from '../storage/store.ts';
import { createAdminService } from './admin/service.ts';
import { Authenticator } from './auth/authenticator.ts';
import { AccessGuard, openGuard } from './auth/guard.ts';
import { createFlightService } from './flight/service.ts';
import { readCertificate, selfSignedCertificate } from './grpc/certificate.ts';
import { GrpcHost } from './grpc/server.ts';
import { indexingProgress } from './indexing-progress.ts';
import { messageKeys } from './rocketmq/keyed-messages.ts';
import { rocketmqFormat } from './rocketmq/message-format.ts';
import { namesOfEntry } from './rocketmq/names.ts';
import { createMessagingService } from './rocketmq/service.ts';

export interface ServerOptions {
  readonly dataDirectory: string;
  /** Further physical partitions: number to the directory that `pN` is in (storage/open-store.ts). */
  readonly dataDirectories?: ReadonlyMap<number, string>;
  /** Bytes of one segment file of the log; 1 GiB unless it is given. */
  readonly segmentBytes?: number;
  /** When messages are acknowledged (storage/store.ts); `sync` unless it is given. */
  readonly flush?: FlushMode;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Topics and groups are not made by their first use. */
  readonly strict?: boolean;
  /** Files of a certificate and its private key, PEM; without it one is made. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Publishing is refused while less is free. */
  readonly diskReserveBytes?: number | undefined;
  /** Requests must be signed with an access key, and need its grants. */
  readonly acl?: boolean;
  readonly rates?: RateOptions;
}

export interface RunningServer {
  readonly port: number;
  /** How the relations got their state back. */
  readonly state: StartReport;
  stop(): Promise<void>;
}

/**
 * Everything in one process: store, broker, SQL engine, and the gRPC port. What was opened is
 * closed again when a later part fails. Throws DIRECTORY_LOCKED, PORT_IN_USE, CORRUPTION, IO.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async () => {
    for (const close of closers.reverse()) await close();
  };
  try {
    const clock = systemClock;
    const fs = createDiskFs();
    const { tls } = options;
    // Read before anything starts: a wrong path is said at once.
    const given = tls === undefined ? undefined : await readCertificate(fs, tls.cert, tls.key);
    const certificate = given === undefined ? selfSignedCertificate : async () => given;
    const logger = createLogger('warn');
    const { dataDirectory: directory, dataDirectories, segmentBytes } = options;
    const store = await openStore({
      fs,
      clock,
      random: systemRandom,
      kv: rocksDb,
      directory,
      ...(dataDirectories === undefined ? {} : { dataDirectories }),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(options.flush === undefined ? {} : { flush: options.flush }),
      namesOf: namesOfEntry,
      keyedFormat: keyedEntries(messageKeys),
      diskReserveBytes: options.diskReserveBytes,
      onIndexing: indexingProgress(logger, clock),
    });
    closers.push(() => store.close());
    const autoCreate = options.strict !== true;
    const systemTopic = new SystemTopic(store);
    const topics = new Topics(systemTopic, clock, autoCreate);
    const groups = new Groups(systemTopic, clock, autoCreate);
    const access = new Access(systemTopic, clock);
    const thread = nodeThreads.spawn(new URL('../engine/views/worker.js', import.meta.url), {
      name: 'dataflow',
      data: { directory, partitions: partitionDirectories(directory, dataDirectories) },
      youngGenerationMb: 64,
    });
    thread.ended.catch((error) => {
      logger.log('error', 'the SQL engine has stopped', { error });
    });
    const topicAdmin = new TopicAdmin({ store, topics, systemTopic });
    const sql = new SqlClient({ store, systemTopic, topics, topicAdmin, thread, clock });
    closers.push(() => sql.close());
    const readers = sql;
    const keeper = new RetentionKeeper({ store, topics, systemTopic, readers, clock, logger });
    closers.push(() => keeper.close());
    await systemTopic.open();
    if (options.acl === true && !access.hasAdmin()) throw noAdmin();
    const state = await sql.start();
    const broker = await openBroker({
      store,
      topics,
      groups,
      clock,
      logger,
      format: rocketmqFormat,
    });
    closers.push(() => broker.close());
    keeper.start();
    const guard =
      options.acl === true ? new AccessGuard(new Authenticator(access, clock)) : openGuard;
    const rates = new RateLimits(options.rates ?? {}, clock);
    const host = new GrpcHost(
      [
        createMessagingService({ ...broker, store, topics, clock, guard, rates }),
        createFlightService({ sql, random: systemRandom, guard }),
        createAdminService({ store, topics, broker, access, guard }),
      ],
      certificate,
    );
    closers.push(() => host.close());
    const port = await host.listen(options.host, options.port);
    return { port, state, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function noAdmin(): MillraceError {
  return new MillraceError('INVALID_ARGUMENT', 'access control needs an access key of an admin', {
    hint: 'Start without --acl, then: millrace acl create KEY --secret-key SECRET --admin',
  });
}
