import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { KvStore } from '../../storage/kv/kv-store.ts';
import type {
  RelationAltered,
  RelationCreated,
  RelationRenamed,
} from '../broker/catalogue-record.ts';
import { type Cut, type Origin, originOf } from '../formats/sink-entry.ts';
import { alter } from './altered-tables.ts';
import type { Catalogue } from './catalogue.ts';
import {
  formerPieces,
  loadCheckpoint,
  pieceRange,
  relationsWithPieces,
  restoreTables,
  type SavedCheckpoint,
} from './checkpoint-store.ts';
import { DataflowNode } from './dataflow-node.ts';
import { build } from './definitions.ts';
import { Frontier } from './frontier.ts';
import { LostNode } from './lost-node.ts';
import { alteredFingerprint, type RelationNode } from './nodes.ts';
import type { PortClient, Span } from './port-client.ts';
import type { QueueSpan, StartReport } from './protocol.ts';
import type { RelationReader } from './relation-reader.ts';
import { cutOf, inStepOrder, lowest, splitAt } from './sink-cuts.ts';
import { SinkNode } from './sink-node.ts';
import type { SinkWriter } from './sink-writer.ts';
import type { StepLoop } from './step-loop.ts';
import { UnbuiltNode, unbuilt } from './unbuilt-node.ts';

/** A relation that exists, how it was renamed, or how its columns changed. */
export type RelationRecord = RelationCreated | RelationRenamed | RelationAltered;

interface Options {
  readonly kv: KvStore;
  readonly catalogue: Catalogue;
  readonly frontier: Frontier;
  readonly client: PortClient;
  readonly steps: StepLoop;
  readonly reader: RelationReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writer: SinkWriter;
  /** In the order in which they were made. */
  readonly records: readonly RelationRecord[];
}

export interface Restored extends StartReport {
  /** Fingerprints that the checkpoint holds, by relation id. */
  readonly saved: ReadonlyMap<number, string>;
}

/**
 * Start: state from the checkpoint, then the log beyond its frontier (DESIGN section 7). What the
 * checkpoint has not is filled at that frontier first, so that the replay is one for all. Throws
 * CORRUPTION when the log ends before the frontier: durable entries are gone.
 */
export async function restore(options: Options): Promise<Restored> {
  const { kv, catalogue, client, frontier, reader, records, steps } = options;
  const checkpoint = await loadCheckpoint(kv);
  const saved = new Map(checkpoint?.relations);
  const missing: RelationNode[] = [];
  const alterations = alterationsOf(records);
  /** Their state is that of what they become. */
  const altered: number[] = [];
  for (const record of records) {
    const id = record.relationId;
    if (record.op === 'relation-renamed') {
      catalogue.rename(record);
      continue;
    }
    if (record.op === 'relation-altered') {
      const former = catalogue.nodes.get(id);
      const altered = alter(catalogue, record);
      const at = former === undefined ? -1 : missing.indexOf(former);
      if (at >= 0 && altered !== undefined) missing[at] = altered;
      continue;
    }
    const made = attempted(record, options);
    if (made === undefined) continue;
    if (!('step' in made)) {
      if ('relation' in made) catalogue.views.set(id, made);
      else if ('tableId' in made) catalogue.addIndex(made);
      else catalogue.functions.set(made.id, made);
      continue;
    }
    catalogue.nodes.set(id, made);
    if (made instanceof UnbuiltNode) {
      saved.delete(id);
      continue;
    }
    const failure = made instanceof SinkNode && SinkNode.failureOf(saved.get(id));
    if (failure) {
      made.stop(failure);
    } else if (isSaved(made, alterations.get(id) ?? [], checkpoint, missing)) {
      if (alterations.has(id)) {
        altered.push(id);
        continue;
      }
      await restoreTables(kv, id, made.stateTables());
      if (made instanceof DataflowNode) made.resume();
    } else {
      missing.push(made);
    }
  }
  for (const id of altered) {
    const tables = catalogue.nodes.get(id)!.stateTables();
    await restoreTables(kv, id, tables);
    await kv.deleteRange(formerPieces(id, tables.length - 1));
  }
  for (const id of await relationsWithPieces(kv)) {
    const node = catalogue.nodes.get(id);
    const isKept = node !== undefined && node.failure === undefined && !missing.includes(node);
    if (!isKept) await kv.deleteRange(pieceRange(id));
  }
  for (const { relation } of missing) saved.delete(relation.id);
  const sinks: SinkNode[] = [];
  for (const node of catalogue.nodes.values()) {
    if (!(node instanceof SinkNode) || node.failure !== undefined) continue;
    sinks.push(node);
    options.writer.attach(node);
    node.written = await lastOutput(reader, node);
  }
  const beginnings: Beginnings = new Map();
  const beyond = await followAll(catalogue, client, frontier, checkpoint, sinks, beginnings);
  let lost = 0;
  for (const node of missing) {
    const { id } = node.relation;
    if (checkpoint === undefined && node instanceof SinkNode && isOutrun(node, beginnings)) {
      lost++;
      node.stop(outrun(node));
      continue;
    }
    const reason = lossOf(node, catalogue, beginnings);
    if (reason !== undefined) {
      lost++;
      catalogue.nodes.set(id, new LostNode(node, reason));
      continue;
    }
    await reader.fill(node, {}, () => {
      if (!(node instanceof SinkNode)) return;
      node.emitFilled(cutOf(frontier, node.inputTopics), checkpoint?.relations.has(id) === true);
    });
  }
  const writing = sinks.filter(
    (sink) => sink.failure === undefined && catalogue.nodes.get(sink.relation.id) === sink,
  );
  for (const sink of writing) sink.startFrom(cutOf(frontier, sink.inputTopics));
  return {
    restored: catalogue.nodes.size - missing.length,
    filled: missing.length - lost,
    replayed: await replayAll(steps, client, beyond, writing),
    saved,
  };
}

/** As `build`, or what takes its place when that fails; nothing does for a function. */
function attempted(
  record: RelationCreated,
  options: Options,
): ReturnType<typeof build> | undefined {
  const { catalogue, logger } = options;
  try {
    return build(catalogue, record, options);
  } catch (error) {
    const { name, sql } = record;
    logger.log('error', `"${name}" cannot be built and is left out`, { error, sql });
    return unbuilt(record, catalogue, error instanceof Error ? error.message : String(error));
  }
}

/** What the sink wrote last; `undefined` when it wrote nothing. */
async function lastOutput(reader: RelationReader, sink: SinkNode): Promise<Origin | undefined> {
  let last: Origin | undefined;
  const { topicId } = sink.target;
  for await (const entries of reader.entriesFrom(topicId, 0, sink.searchFrom)) {
    for (const entry of entries) {
      const origin = originOf(entry);
      if (origin?.sink !== sink.relation.id) continue;
      last = origin;
      sink.wrote(entry.baseOffset);
    }
  }
  return last;
}

/** Replays with a step's boundary where each sink's last output begins, if it lacks parts, and ends. */
async function replayAll(
  steps: StepLoop,
  client: PortClient,
  spans: readonly Span[],
  sinks: readonly SinkNode[],
): Promise<number> {
  const cuts = sinks.flatMap(({ written }) => {
    if (written === undefined) return [];
    return written.isLast ? [written.after] : [written.before, written.after];
  });
  let rest = [...spans];
  let count = 0;
  for (const cut of inStepOrder(cuts)) {
    const [below, beyond] = splitAt(rest, cut);
    rest = beyond;
    if (below.length > 0) count += await steps.replay(client.rows(below));
  }
  return count + (await steps.replay(client.rows(rest)));
}

/** State counts only when all that it was made from counts too. */
/** How the columns of relations changed later, by relation id. */
function alterationsOf(
  records: readonly RelationRecord[],
): ReadonlyMap<number, readonly RelationAltered[]> {
  const alterations = new Map<number, RelationAltered[]>();
  for (const record of records) {
    if (record.op !== 'relation-altered') continue;
    const earlier = alterations.get(record.relationId);
    if (earlier === undefined) alterations.set(record.relationId, [record]);
    else earlier.push(record);
  }
  return alterations;
}

function isSaved(
  node: RelationNode,
  alterations: readonly RelationAltered[],
  checkpoint: SavedCheckpoint | undefined,
  missing: readonly RelationNode[],
): boolean {
  const fingerprint = alterations.reduce(
    (before, { origins }) => alteredFingerprint(before, origins),
    node.fingerprint,
  );
  if (checkpoint?.relations.get(node.relation.id) !== fingerprint) return false;
  if (node.topicId !== undefined && !checkpoint.frontier.has(node.topicId)) return false;
  return !missing.some(({ relation }) => node.dependsOn.includes(relation.id));
}

/** What each queue of a topic still holds, by topic. */
type Beginnings = Map<number, readonly QueueSpan[]>;

/**
 * Why a relation without a checkpoint cannot be built again: part of what it was made from has
 * expired, or was compacted away. `undefined` when nothing has: from the same input comes the same relation.
 */
function lossOf(
  node: RelationNode,
  catalogue: Catalogue,
  beginnings: Beginnings,
): string | undefined {
  const startsAt = catalogue.starts.get(node.relation.id) ?? [];
  const inputs =
    node instanceof DataflowNode ? node.dependsOn.map((id) => catalogue.node(id)) : [node];
  for (const input of inputs) {
    if (input instanceof LostNode) return `it reads "${input.relation.name}", which is lost`;
    // A source keeps nothing itself; the rows of the others are there.
    // What an earlier message put may have stayed though a later one had its key.
    const isUpserted = node.relation.kind === 'table' && node.relation.onConflict === undefined;
    const isWhole = input === node ? !isUpserted : input?.snapshot !== undefined;
    if (isWhole || input?.topicId === undefined || input.ownsTopic) continue;
    const { topicId } = input;
    const start = startsAt.find((one) => one.topicId === topicId)?.offsets ?? [];
    for (const [queueId, span] of (beginnings.get(topicId) ?? []).entries()) {
      const from = start[queueId] ?? 0;
      const place = `it was made from offset ${from} of queue ${queueId} of topic ${topicId} on`;
      const { minOffset, compactedOffset = 0 } = span;
      if (minOffset > from) return `${place}, which now begins at ${minOffset}`;
      // A table has the same rows with the newest messages of each key as with all of them.
      if (input.relation.kind === 'table' || compactedOffset <= from) continue;
      return `${place}, which was compacted below offset ${compactedOffset}`;
    }
  }
  return undefined;
}

/**
 * Whether compaction may have taken away, of what the sink's last output was made from, what came
 * again later without giving an output: filled up to there, the sink would then write it twice. An
 * output that lacks parts was in no checkpoint, and compaction does not go beyond these.
 */
function isOutrun({ written, inputTopics }: SinkNode, beginnings: Beginnings): boolean {
  if (written?.isLast !== true) return false;
  const reached = new Map(written.after);
  return inputTopics.some((topicId) =>
    (beginnings.get(topicId) ?? []).some(
      ({ compactedOffset = 0, maxOffset }, queueId) =>
        compactedOffset > 0 && (reached.get(topicId)?.[queueId] ?? 0) < maxOffset,
    ),
  );
}

function outrun({ relation }: SinkNode): MillraceError {
  const message = `sink "${relation.name}" stopped: its state is lost, and what it reads may have been compacted beyond its last output`;
  return new MillraceError('CORRUPTION', message, {
    hint: 'Drop it and create it again: it then writes what is there once more.',
  });
}

/** Follows every topic from the checkpoint's frontier on; returns what lies between it and now. */
async function followAll(
  catalogue: Catalogue,
  client: PortClient,
  frontier: Frontier,
  checkpoint: SavedCheckpoint | undefined,
  sinks: readonly SinkNode[],
  beginnings: Beginnings,
): Promise<Span[]> {
  // Without a checkpoint everything is filled from the log: up to now, or up to where the outputs of
  // the sinks are known, since they cannot be told apart in a fill.
  const bound = new Map(lowest(sinks.flatMap(firstCut)));
  const beyond: Span[] = [];
  for (const { topicId } of catalogue.nodes.values()) {
    if (topicId === undefined || frontier.has(topicId)) continue;
    const ranges = await client.follow(topicId);
    beginnings.set(topicId, ranges);
    const ends = ranges.map(({ maxOffset }) => maxOffset);
    const reached =
      checkpoint?.frontier.has(topicId) === true
        ? checkpoint.frontier.of(topicId)
        : (bound.get(topicId) ?? ends);
    for (const [queueId, offset] of reached.entries()) {
      if (offset <= (ends[queueId] ?? 0)) continue;
      throw new MillraceError(
        'CORRUPTION',
        `queue ${queueId} of topic ${topicId} ends at offset ${ends[queueId] ?? 0}, but views have consumed it up to ${offset}: durable entries are missing from the log`,
      );
    }
    frontier.start(topicId, reached);
    beyond.push(...Frontier.spans(topicId, reached, ends));
  }
  return beyond;
}

/** The first cut at which a replay has to stop for the sink; a fill's output begins anywhere. */
function firstCut({ written }: SinkNode): Cut[] {
  if (written === undefined) return [];
  const isWhole = written.isLast || written.before.length === 0;
  return [isWhole ? written.after : written.before];
}
