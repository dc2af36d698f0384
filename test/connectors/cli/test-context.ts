import type { CliContext } from '../../../connectors/cli/context.ts';
import type {
  Messaging,
  RunningServer,
  Services,
  SqlAnswer,
  SqlOptions,
} from '../../../connectors/cli/services.ts';
import type { Clock } from '../../../platform/clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { systemClock } from '../../../platform/system-clock.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { MemoryScreen } from './memory-screen.ts';
import { MemoryTopics } from './memory-topics.ts';

export interface TestContext extends CliContext {
  readonly screen: MemoryScreen;
  readonly fs: MemoryFs;
  readonly statements: string[];
  readonly endpoints: string[];
  readonly open: { sql: number; messaging: number; admin: number; servers: number };
  /** Calls of the admin service. */
  readonly calls: readonly (readonly [method: string, request: object])[];
  readonly interruption: AbortController;
}

export interface TestContextOptions {
  readonly terminal?: boolean;
  readonly input?: CliContext['input'];
  readonly editorOutput?: NodeJS.WritableStream;
  readonly homeDirectory?: string;
  readonly clock?: Clock;
  readonly fs?: MemoryFs;
  readonly kv?: MemoryKv;
  readonly topics?: Messaging;
  readonly answer?: (text: string, options: SqlOptions) => SqlAnswer | Promise<SqlAnswer>;
  readonly admin?: (method: string, request: object) => object;
  readonly startServer?: Services['startServer'];
}

/** A context whose server answers as told; counts what is left open. */
export function testContext(options: TestContextOptions = {}): TestContext {
  const interruption = new AbortController();
  const statements: string[] = [];
  const endpoints: string[] = [];
  const open = { sql: 0, messaging: 0, admin: 0, servers: 0 };
  const calls: [string, object][] = [];
  const topics = options.topics ?? new MemoryTopics(4);
  const startServer = async (): Promise<RunningServer> => ({
    port: 4711,
    state: { restored: 3, filled: 0, replayed: 12 },
    async stop() {
      open.servers--;
    },
  });
  return {
    screen: new MemoryScreen({ terminal: options.terminal ?? false }),
    clock: options.clock ?? systemClock,
    fs: options.fs ?? new MemoryFs(),
    kv: options.kv ?? new MemoryKv(),
    random: new SeededRandom(1),
    input: options.input ?? process.stdin,
    editorOutput: options.editorOutput ?? process.stdout,
    homeDirectory: options.homeDirectory,
    interrupted: interruption.signal,
    interruption,
    programText: 'millrace',
    statements,
    endpoints,
    open,
    calls,
    services: {
      sql({ host, port }) {
        open.sql++;
        endpoints.push(`${host}:${port}`);
        return {
          async execute(text, sqlOptions = {}) {
            statements.push(text.trim());
            return options.answer?.(text, sqlOptions) ?? { kind: 'command', tag: 'OK' };
          },
          async close() {
            open.sql--;
          },
        };
      },
      messaging({ host, port }) {
        open.messaging++;
        endpoints.push(`${host}:${port}`);
        return {
          publish: (topic, messages) => topics.publish(topic, messages),
          receive: (topic, group, max) => topics.receive(topic, group, max),
          pull: (topic, queue, offset, max) => topics.pull(topic, queue, offset, max),
          find: (topic, name, max) => topics.find(topic, name, max),
          offsetAtTime: (topic, queue, timeMs) => topics.offsetAtTime(topic, queue, timeMs),
          queueOffsets: (topic) => topics.queueOffsets(topic),
          async close() {
            open.messaging--;
          },
        };
      },
      admin({ host, port }) {
        open.admin++;
        endpoints.push(`${host}:${port}`);
        return {
          async call(method, request) {
            calls.push([method, request]);
            return (options.admin?.(method, request) ?? {}) as never;
          },
          async close() {
            open.admin--;
          },
        };
      },
      async startServer(serverOptions) {
        const server = await (options.startServer ?? startServer)(serverOptions);
        open.servers++;
        return server;
      },
    },
  };
}

/** A result of text columns named in `names`; those ending in `#` are numbers. */
export function rowsAnswer(
  names: readonly string[],
  rows: readonly (string | null)[][],
): SqlAnswer {
  async function* stream(): AsyncGenerator<(string | null)[]> {
    yield* rows;
  }
  return {
    kind: 'rows',
    fields: names.map((name) => ({
      name: name.replace('#', ''),
      type: { kind: name.endsWith('#') ? 'bigint' : 'text' },
    })),
    rows: stream(),
  };
}
