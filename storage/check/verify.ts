import type { Clock } from '../../platform/clock.ts';
import type { Fs } from '../../platform/fs.ts';
import { homePartition } from '../queues/queue-mapping.ts';
import { entryKinds } from '../store.ts';
import type { Finding, FindingKind } from './findings.ts';
import { IndexCheck } from './index-check.ts';
import {
  type Offline,
  type OfflineOptions,
  type OfflinePartition,
  openOffline,
} from './offline.ts';
import { QueueDensity } from './queue-density.ts';
import { type WalkedEntry, type WalkedSegment, walkPartition } from './walk-partition.ts';

export interface CheckOptions extends OfflineOptions {
  readonly clock: Clock;
  /** Bytes of the log that were read so far, and all. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface VerifyReport {
  readonly serverId: string | undefined;
  readonly partitions: readonly PartitionReport[];
  readonly findings: readonly Finding[];
  /** Findings beyond the first `findingsMax` of a kind, which are only counted. */
  readonly unlisted: number;
}

export interface PartitionReport {
  readonly partition: number;
  readonly segments: number;
  readonly entries: number;
  readonly messages: number;
  readonly queues: number;
  /** The stream's bytes that are entries: [start, end) but for the damage. */
  readonly start: number;
  readonly end: number;
  /** The index has the log below here; `undefined` when it is lost. */
  readonly indexedTo: number | undefined;
}

const findingsMax = 100;

/**
 * Reads the whole log and its index and compares everything with everything: headers, checks,
 * offsets of every queue, commit numbers, the index's rows against the entries. Changes nothing.
 * Throws as `openOffline`, and IO.
 */
export async function verifyLog(options: CheckOptions): Promise<VerifyReport> {
  const offline = await openOffline(options);
  try {
    const findings = new Findings();
    for (const finding of offline.findings) findings.add(finding);
    const partitions: PartitionReport[] = [];
    for (const partition of offline.partitions) {
      partitions.push(await new PartitionVerifier(options, offline, partition, findings).run());
    }
    const { listed, unlisted } = findings;
    return { serverId: offline.serverId, partitions, findings: listed, unlisted };
  } finally {
    await offline.index?.close();
  }
}

class Findings {
  readonly listed: Finding[] = [];
  unlisted = 0;
  readonly #counts = new Map<FindingKind, number>();

  add(finding: Finding): void {
    const count = this.#counts.get(finding.kind) ?? 0;
    this.#counts.set(finding.kind, count + 1);
    if (count < findingsMax) this.listed.push(finding);
    else this.unlisted++;
  }
}

class PartitionVerifier {
  readonly #options: CheckOptions;
  readonly #offline: Offline;
  readonly #partition: OfflinePartition;
  readonly #findings: Findings;
  readonly #density = new QueueDensity();
  #index: IndexCheck | undefined;
  /** The index's ends were compared: the walk passed what it has. */
  #endsCompared = false;
  /** Queues may have moved: some of their offsets are in other partitions. */
  #hasMoves: boolean;
  #segment: WalkedSegment | undefined;
  #segments = 0;
  #entries = 0;
  #messages = 0;
  #start: number | undefined;
  #end = 0;
  #commit = 0;

  constructor(
    options: CheckOptions,
    offline: Offline,
    partition: OfflinePartition,
    findings: Findings,
  ) {
    this.#options = options;
    this.#offline = offline;
    this.#partition = partition;
    this.#findings = findings;
    this.#hasMoves = partition.number !== homePartition;
  }

  async run(): Promise<PartitionReport> {
    const { fs, clock, onProgress } = this.#options;
    const { index, serverId } = this.#offline;
    const { number, directory } = this.#partition;
    if (index !== undefined) this.#index = await IndexCheck.open(index, clock, number);
    const total = await logBytes(fs, directory);
    const knownEnd = this.#index?.appliedPosition ?? 0;
    const place = { fs, directory, partition: number, serverId, knownEnd };
    for await (const step of walkPartition(place)) {
      if (step.kind === 'finding') this.#found(step.finding);
      if (step.kind === 'segment') this.#enter(step.segment);
      if (step.kind === 'entries') await this.#take(step.entries);
      onProgress?.(Math.min(this.#end - (this.#start ?? 0), total), total);
    }
    this.#leave();
    await this.#finishIndex();
    return {
      partition: number,
      segments: this.#segments,
      entries: this.#entries,
      messages: this.#messages,
      queues: this.#density.queueCount,
      start: this.#start ?? 0,
      end: this.#end,
      indexedTo: this.#index?.appliedPosition,
    };
  }

  #found(finding: Finding): void {
    this.#findings.add(finding);
    const { kind, range } = finding;
    if (kind === 'entries') this.#end = Math.max(this.#end, range!.to);
  }

  #enter(segment: WalkedSegment): void {
    this.#leave();
    this.#segment = segment;
    this.#segments++;
    this.#start ??= segment.start;
    this.#end = segment.start;
  }

  /** What was taken out of the segment that ends here still had offsets. */
  #leave(): void {
    for (const { topicId, queueId, endOffset } of this.#segment?.queues ?? []) {
      this.#density.skipTo(topicId, queueId, endOffset);
    }
    this.#end = this.#segment?.footer?.end ?? this.#end;
  }

  async #take(entries: readonly WalkedEntry[]): Promise<void> {
    const applied = this.#index?.appliedPosition ?? 0;
    const inIndex = entries.filter(({ position }) => position < applied);
    for (const entry of inIndex) this.#takeEntry(entry);
    for (const text of (await this.#index?.compare(inIndex, this.#segment!.isCleaned)) ?? [])
      this.#addToIndex(text);
    if (inIndex.length === entries.length) return;
    await this.#compareEnds();
    for (const entry of entries.slice(inIndex.length)) this.#takeEntry(entry);
  }

  #takeEntry(entry: WalkedEntry): void {
    const { header, position } = entry;
    this.#entries++;
    this.#messages += header.count;
    this.#end = position + header.length;
    // After expiry a queue's first entry in the log may have any offset.
    const first = this.#start === 0 ? 0 : header.baseOffset;
    const mayLack = this.#segment!.isCleaned || this.#hasMoves;
    const wrong = this.#density.take(entry, first, mayLack);
    this.#hasMoves ||= header.kind === entryKinds.mapping;
    if (wrong !== undefined) this.#add('offsets', wrong);
    if (header.commit < this.#commit) {
      const text = `the entry at position ${position} is of commit ${header.commit}, after commit ${this.#commit}`;
      this.#add('order', text);
    }
    this.#commit = header.commit;
  }

  async #finishIndex(): Promise<void> {
    const index = this.#index;
    if (index === undefined) {
      if (this.#offline.index !== undefined && this.#entries > 0) {
        this.#addToIndex('is empty: it is rebuilt from the log', 'index-behind');
      }
      return;
    }
    await this.#compareEnds();
    if (index.appliedPosition > this.#end) {
      // Entries were durable once, and are gone: not for the index to forget them.
      const range = {
        partition: this.#partition.number,
        from: this.#end,
        to: index.appliedPosition,
      };
      const text = `ends at position ${range.from}; the index has entries up to ${range.to}`;
      const path = this.#segment?.path ?? this.#partition.directory;
      this.#findings.add({ kind: 'missing', path, text, range });
    } else if (index.appliedPosition < this.#end) {
      this.#addToIndex(`lacks the log from position ${index.appliedPosition} on`, 'index-behind');
    }
  }

  async #compareEnds(): Promise<void> {
    if (this.#index === undefined || this.#endsCompared) return;
    this.#endsCompared = true;
    for (const text of await this.#index.compareEnds(this.#density)) this.#addToIndex(text);
  }

  #add(kind: FindingKind, text: string): void {
    this.#findings.add({ kind, path: this.#segment!.path, text });
  }

  #addToIndex(text: string, kind: FindingKind = 'index'): void {
    this.#findings.add({ kind, path: this.#offline.indexPath, text });
  }
}

async function logBytes(fs: Fs, directory: string): Promise<number> {
  let total = 0;
  for (const name of await fs.list(directory)) {
    const file = await fs.open(`${directory}/${name}`, 'read');
    total += await file.size();
    await file.close();
  }
  return total;
}
