import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { KvStore } from '../../storage/kv/kv-store.ts';
import type { RelationCreated, RelationRenamed } from '../broker/catalogue-record.ts';
import type { Catalogue } from './catalogue.ts';
import {
  loadCheckpoint,
  pieceRange,
  relationsWithPieces,
  restoreTables,
  type SavedCheckpoint,
} from './checkpoint-store.ts';
import { build } from './definitions.ts';
import { Frontier } from './frontier.ts';
import { type RelationNode, ViewNode } from './nodes.ts';
import type { PortClient, Span } from './port-client.ts';
import type { StartReport } from './protocol.ts';
import type { RelationReader } from './relation-reader.ts';
import type { StepLoop } from './step-loop.ts';

interface Options {
  readonly kv: KvStore;
  readonly catalogue: Catalogue;
  readonly frontier: Frontier;
  readonly client: PortClient;
  readonly steps: StepLoop;
  readonly reader: RelationReader;
  readonly clock: Clock;
  /** The relations that exist, in the order of their creation, and how they were renamed. */
  readonly records: readonly (RelationCreated | RelationRenamed)[];
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
  for (const record of records) {
    const id = record.relationId;
    if (record.op === 'relation-renamed') {
      catalogue.rename(record);
      continue;
    }
    const made = build(catalogue, record, options.clock);
    if (!('step' in made)) {
      if ('relation' in made) catalogue.views.set(id, made);
      else catalogue.addIndex(made);
      continue;
    }
    catalogue.nodes.set(id, made);
    if (isSaved(made, checkpoint, missing)) {
      await restoreTables(kv, id, made.stateTables());
      if (made instanceof ViewNode) made.resume();
    } else {
      missing.push(made);
    }
  }
  for (const id of await relationsWithPieces(kv)) {
    const isKept = catalogue.nodes.has(id) && !missing.some(({ relation }) => relation.id === id);
    if (!isKept) await kv.deleteRange(pieceRange(id));
  }
  for (const { relation } of missing) saved.delete(relation.id);
  const beyond = await followAll(catalogue, client, frontier, checkpoint);
  for (const node of missing)
    await reader.fill(
      node,
      () => undefined,
      () => undefined,
    );
  return {
    restored: catalogue.nodes.size - missing.length,
    filled: missing.length,
    replayed: await steps.replay(client.rows(beyond)),
    saved,
  };
}

/** State counts only when all that it was made from counts too. */
function isSaved(
  node: RelationNode,
  checkpoint: SavedCheckpoint | undefined,
  missing: readonly RelationNode[],
): boolean {
  if (checkpoint?.relations.get(node.relation.id) !== node.fingerprint) return false;
  if (node.topicId !== undefined && !checkpoint.frontier.has(node.topicId)) return false;
  return !missing.some(({ relation }) => node.dependsOn.includes(relation.id));
}

/** Follows every topic from the checkpoint's frontier on; returns what lies between it and now. */
async function followAll(
  catalogue: Catalogue,
  client: PortClient,
  frontier: Frontier,
  checkpoint: SavedCheckpoint | undefined,
): Promise<Span[]> {
  const beyond: Span[] = [];
  for (const { topicId } of catalogue.nodes.values()) {
    if (topicId === undefined || frontier.has(topicId)) continue;
    const ranges = await client.follow(topicId);
    const ends = ranges.map(({ maxOffset }) => maxOffset);
    const reached =
      checkpoint?.frontier.has(topicId) === true ? checkpoint.frontier.of(topicId) : ends;
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
