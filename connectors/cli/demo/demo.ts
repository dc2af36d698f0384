import type { CliContext, ExitCode } from '../context.ts';
import { endpointText } from '../endpoint.ts';
import { pause } from '../pause.ts';
import type { Messaging, SqlConnection } from '../services.ts';
import { demoStatements, shownQueries } from './demo-schema.ts';
import { type DemoFigures, DemoView, type ShownTable } from './demo-view.ts';
import { defaultNexmarkConfig } from './nexmark/config.ts';
import { demoTopics, WindowPublisher, windowEventsMax } from './window-publisher.ts';

export interface DemoOptions {
  readonly dataDirectory: string;
  readonly port: number;
  readonly eventsPerSecond: number;
  /** Ends after this many events of this run; `undefined` runs until Ctrl-C. */
  readonly events: number | undefined;
}

const windowsPerSecond = 10;
const refreshMs = { terminal: 500, plain: 1000 };

/**
 * A server in this process, and beside it what any user could write: tables by SQL through Flight,
 * events through the messaging API. Ends cleanly on Ctrl-C; the next run carries on.
 */
export async function runDemo(context: CliContext, options: DemoOptions): Promise<ExitCode> {
  const host = '127.0.0.1';
  const { services } = context;
  const server = await services.startServer({
    dataDirectory: options.dataDirectory,
    host,
    port: options.port,
  });
  const endpoint = { host, port: server.port };
  const sql = services.sql(endpoint);
  const messaging = services.messaging(endpoint);
  try {
    for (const statement of demoStatements) await sql.execute(statement);
    const publisher = new WindowPublisher(messaging, defaultNexmarkConfig);
    const filled = await publisher.resume();
    const view = new DemoView(context, endpointText(endpoint), options.dataDirectory);
    await view.start(publisher.next, filled);
    await publishAndShow(context, options, publisher, view, sql);
    await sql.execute('FLUSH');
    await view.show(await figures(publisher, sql, undefined));
    await view.finish(publisher.next, await countEvents(messaging));
  } finally {
    await sql.close();
    await messaging.close();
    await server.stop();
  }
  return 0;
}

/** Two loops side by side; the first error of either ends both. */
async function publishAndShow(
  context: CliContext,
  options: DemoOptions,
  publisher: WindowPublisher,
  view: DemoView,
  sql: SqlConnection,
): Promise<void> {
  const ended = new AbortController();
  const stop = AbortSignal.any([context.interrupted, ended.signal]);
  const endAfter = (work: Promise<void>) => work.finally(() => ended.abort());
  const results = await Promise.allSettled([
    endAfter(publish(context, options, publisher, stop)),
    endAfter(showRegularly(context, publisher, view, sql, stop)),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Keeps to the rate on average; after a standstill it goes on from there, without a burst. */
async function publish(
  { clock }: CliContext,
  { eventsPerSecond, events }: DemoOptions,
  publisher: WindowPublisher,
  stop: AbortSignal,
): Promise<void> {
  const windowEvents = Math.min(
    windowEventsMax,
    Math.max(1, Math.round(eventsPerSecond / windowsPerSecond)),
  );
  const last = events === undefined ? Number.POSITIVE_INFINITY : publisher.next + events;
  let dueMs = clock.monotonicMs();
  while (!stop.aborted && publisher.next < last) {
    const count = Math.min(windowEvents, last - publisher.next);
    await publisher.publishWindow(count);
    const nowMs = clock.monotonicMs();
    dueMs = Math.max(dueMs + (count * 1000) / eventsPerSecond, nowMs - 1000);
    if (dueMs > nowMs) await pause(clock, dueMs - nowMs, stop);
  }
}

async function showRegularly(
  { clock, screen }: CliContext,
  publisher: WindowPublisher,
  view: DemoView,
  sql: SqlConnection,
  stop: AbortSignal,
): Promise<void> {
  const everyMs = screen.outIsTerminal ? refreshMs.terminal : refreshMs.plain;
  let lastMs = clock.monotonicMs();
  let lastNumber = publisher.next;
  while (!stop.aborted) {
    await pause(clock, everyMs, stop);
    if (stop.aborted) return;
    const nowMs = clock.monotonicMs();
    const rate = ((publisher.next - lastNumber) * 1000) / Math.max(1, nowMs - lastMs);
    lastMs = nowMs;
    lastNumber = publisher.next;
    await view.show(await figures(publisher, sql, rate));
  }
}

async function figures(
  publisher: WindowPublisher,
  sql: SqlConnection,
  eventsPerSecond: number | undefined,
): Promise<DemoFigures> {
  const events = publisher.next;
  const tables: ShownTable[] = [];
  for (const { title, text } of shownQueries) {
    const answer = await sql.execute(text);
    if (answer.kind !== 'rows') continue;
    const rows = [];
    for await (const row of answer.rows) rows.push(row);
    tables.push({ title, fields: answer.fields, rows });
  }
  return { events, eventsPerSecond, tables };
}

async function countEvents(messaging: Messaging): Promise<number> {
  const offsets = await Promise.all(demoTopics.map((topic) => messaging.queueOffsets(topic)));
  return offsets.flat().reduce((sum, { min, max }) => sum + max - min, 0);
}
