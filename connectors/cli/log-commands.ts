import { resolve } from 'node:path';
import { type DumpFilter, type DumpItem, dumpLog } from '../../storage/check/dump.ts';
import {
  type Finding,
  isDamage,
  type PositionRange,
  rangeText,
} from '../../storage/check/findings.ts';
import { type RepairReport, repairLog } from '../../storage/check/repair.ts';
import { type PartitionReport, type VerifyReport, verifyLog } from '../../storage/check/verify.ts';
import { entryKinds } from '../../storage/store.ts';
import type { CliContext, ExitCode } from './context.ts';
import { printLines } from './print-lines.ts';
import { grouped, ProgressLine } from './progress.ts';
import { type TableStyle, tableLines } from './table.ts';

export interface DataFlags {
  readonly data: string;
  readonly dataDir?: ReadonlyMap<number, string>;
}

/** `millrace log verify`. */
export async function logVerify(
  context: CliContext,
  data: DataFlags,
  json: boolean,
): Promise<ExitCode> {
  const report = await withProgress(context, (onProgress) =>
    verifyLog({ ...context, ...placeOf(data), onProgress }),
  );
  await context.screen.out(json ? jsonText(report) : `${verifyLines(report).join('\n')}\n`);
  return exitCodeOf(report);
}

export interface RepairFlags {
  readonly json: boolean;
  readonly rebuildIndex: boolean;
  readonly skip: readonly PositionRange[];
}

/** `millrace log repair`. */
export async function logRepair(
  context: CliContext,
  data: DataFlags,
  { json, rebuildIndex, skip }: RepairFlags,
): Promise<ExitCode> {
  const report = await withProgress(context, (onProgress) =>
    repairLog({ ...context, ...placeOf(data), rebuildIndex, skip, onProgress }),
  );
  await context.screen.out(json ? jsonText(report) : `${repairLines(report).join('\n')}\n`);
  return exitCodeOf(report.after);
}

export interface DumpFlags {
  readonly partition?: number;
  readonly segment?: number;
  readonly position?: { readonly from: number; readonly to: number };
  readonly topic?: number;
  readonly queue?: number;
  readonly offset?: { readonly from: number; readonly to: number };
  readonly body: boolean;
  readonly json: boolean;
  readonly format?: TableStyle;
}

/** `millrace log dump`. Damage goes to standard error, between the lines of the entries. */
export async function logDump(
  context: CliContext,
  data: DataFlags,
  flags: DumpFlags,
): Promise<ExitCode> {
  const { screen } = context;
  let exitCode: ExitCode = 0;
  async function* entries(): AsyncGenerator<DumpedEntry> {
    for await (const item of dumpLog({ ...context, ...placeOf(data) }, filterOf(flags))) {
      if (context.interrupted.aborted) {
        exitCode = 130;
        return;
      }
      if (item.kind === 'entry') {
        yield dumped(item, flags.body);
      } else {
        screen.error(`${findingLine(item.finding)}\n`);
        if (isDamage(item.finding)) exitCode = 3;
      }
    }
  }
  if (flags.json)
    await printLines(
      screen,
      mapped(entries(), (entry) => JSON.stringify(entry)),
    );
  else await printTable(context, entries(), flags);
  return exitCode;
}

interface DumpedEntry {
  readonly position: number;
  readonly length: number;
  readonly partition: number;
  readonly segment: number;
  readonly commit: number;
  readonly kind: string;
  readonly topic: number;
  readonly queue: number;
  readonly offset: number;
  readonly count: number;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly body?: string;
}

const kindNames = new Map<number, string>(
  Object.entries(entryKinds).map(([name, kind]) => [kind, name]),
);

function dumped(
  { partition, segment, entry }: Extract<DumpItem, { kind: 'entry' }>,
  withBody: boolean,
): DumpedEntry {
  const { header, position, body } = entry;
  return {
    position,
    length: header.length,
    partition,
    segment,
    commit: header.commit,
    kind: kindNames.get(header.kind) ?? String(header.kind),
    topic: header.topicId,
    queue: header.queueId,
    offset: header.baseOffset,
    count: header.count,
    time: timeText(header.storeTimeMs),
    ...(withBody ? { body: body.toString('base64') } : {}),
  };
}

/** A clock that was wrong may have given a time that no calendar has. */
function timeText(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

async function printTable(
  { screen }: CliContext,
  entries: AsyncGenerator<DumpedEntry>,
  { body, format }: DumpFlags,
): Promise<void> {
  const names = [
    ...(['position', 'length', 'partition', 'segment', 'commit', 'kind'] as const),
    ...(['topic', 'queue', 'offset', 'count', 'time'] as const),
    ...(body ? (['body'] as const) : []),
  ];
  const texts = new Set<string>(['kind', 'time', 'body']);
  const columns = names.map((name) => ({ name, alignRight: !texts.has(name) }));
  const rows = mapped(entries, (entry) => names.map((name) => String(entry[name])));
  const style = format ?? (screen.outIsTerminal ? 'auto' : 'tsv');
  const options = { style, width: screen.width(), color: screen.color };
  await printLines(screen, tableLines(columns, rows, options));
}

function placeOf({ data, dataDir = new Map() }: DataFlags) {
  const dataDirectories = new Map([...dataDir].map(([number, path]) => [number, resolve(path)]));
  return { directory: resolve(data), dataDirectories };
}

function filterOf({ partition, segment, position, topic, queue, offset }: DumpFlags): DumpFilter {
  return {
    ...(partition === undefined ? {} : { partition }),
    ...(segment === undefined ? {} : { segment }),
    ...(position === undefined ? {} : { fromPosition: position.from, toPosition: position.to }),
    ...(topic === undefined ? {} : { topicId: topic }),
    ...(queue === undefined ? {} : { queueId: queue }),
    ...(offset === undefined ? {} : { fromOffset: offset.from, toOffset: offset.to }),
  };
}

function verifyLines(report: VerifyReport): string[] {
  const damage = report.findings.filter(isDamage).length;
  return [
    ...report.partitions.map(partitionLine),
    ...report.findings.map(findingLine),
    ...(report.unlisted > 0 ? [`and ${grouped(report.unlisted)} more of the same kinds`] : []),
    damage === 0 ? 'No damage.' : 'There is damage; nothing was changed.',
  ];
}

function partitionLine(report: PartitionReport): string {
  const { partition, segments, entries, messages, queues, start, end, indexedTo } = report;
  const index = indexedTo === undefined ? 'no index' : `indexed to ${indexedTo}`;
  return (
    `Partition ${partition}: ${grouped(segments)} segments, ${grouped(entries)} entries, ` +
    `${grouped(messages)} messages of ${grouped(queues)} queues, ` +
    `positions ${start} to ${end}, ${index}`
  );
}

function findingLine(finding: Finding): string {
  const range = finding.range === undefined ? '' : ` [${rangeText(finding.range)}]`;
  return `${isDamage(finding) ? 'DAMAGE' : 'note'}: ${finding.path} ${finding.text}${range}`;
}

function repairLines({ before, actions, after }: RepairReport): string[] {
  if (actions.length > 0) {
    return [...actions.map((action) => `Done: ${action}`), ...verifyLines(after)];
  }
  const damaged = before.findings.some(isDamage);
  return [
    ...verifyLines(before),
    damaged ? 'Nothing was repaired.' : 'There was nothing to repair.',
  ];
}

function exitCodeOf({ findings }: VerifyReport): ExitCode {
  return findings.some(isDamage) ? 3 : 0;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function withProgress<T>(
  { screen, clock }: CliContext,
  run: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine(screen, clock, 'bytes');
  try {
    return await run((done, total) => progress.update(done, total));
  } finally {
    progress.clear();
  }
}

async function* mapped<A, B>(items: AsyncIterable<A>, map: (item: A) => B): AsyncGenerator<B> {
  for await (const item of items) yield map(item);
}
