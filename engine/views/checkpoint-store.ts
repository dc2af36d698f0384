import { MillraceError } from '../../platform/errors.ts';
import type { KvPut, KvStore } from '../../storage/kv/kv-store.ts';
import type { ChunkPiece, StateTable } from '../dataflow/table.ts';
import { Frontier } from './frontier.ts';

/**
 * Checkpoints in the `state/` database (DESIGN section 7). A checkpoint is one atomic batch: the
 * frontier, and of every relation what its state tables changed since the batch before. So the
 * database always holds the state at exactly the frontier beside it. A relation whose record is
 * missing has no state, whatever pieces there are: they are swept.
 *
 * | key                                                        | value                         |
 * |------------------------------------------------------------|-------------------------------|
 * | 1                                                          | version, then Frontier.encode |
 * | 2, relation u32                                            | fingerprint, UTF-8            |
 * | 3, relation u32, table u16, chunk u32, delta u16           | a piece (dataflow/table.ts)   |
 *
 * Numbers are big-endian. Delta 0 is the whole chunk and comes first; a new whole deletes the
 * deltas of the old one in the same batch.
 */
const prefixes = { frontier: 1, relation: 2, piece: 3, end: 4 } as const;

/**
 * Layout of all state: goes up when an operator's columns change their meaning. State of another
 * version is left aside and built again from the log.
 */
const stateVersion = 4;
const frontierKey = Uint8Array.of(prefixes.frontier);
/** Pieces read at a time. */
const scanRows = 32;

export interface SavedCheckpoint {
  readonly frontier: Frontier;
  /** Fingerprint by relation id. */
  readonly relations: ReadonlyMap<number, string>;
}

/** Throws CORRUPTION. `undefined`: there is no checkpoint, or one of another version. */
export async function loadCheckpoint(kv: KvStore): Promise<SavedCheckpoint | undefined> {
  const value = await kv.get(frontierKey);
  if (value === undefined || value[0] !== stateVersion) return undefined;
  const relations = new Map<number, string>();
  const range = { from: Uint8Array.of(prefixes.relation), to: Uint8Array.of(prefixes.piece) };
  for (const { key, value: text } of await kv.scan(range)) {
    relations.set(viewOf(key).getUint32(1), new TextDecoder().decode(text));
  }
  return { frontier: Frontier.decode(value.subarray(1)), relations };
}

/** Gives the relation's tables their rows back. Throws CORRUPTION. */
export async function restoreTables(
  kv: KvStore,
  relationId: number,
  tables: readonly StateTable[],
): Promise<void> {
  for await (const { table, piece } of piecesOf(kv, relationId)) {
    const target = tables[table];
    if (target === undefined) {
      throw new MillraceError(
        'CORRUPTION',
        `the checkpoint has table ${table} of relation ${relationId}, which has only ${tables.length}`,
      );
    }
    target.restore(piece);
  }
  for (const table of tables) table.restored();
}

async function* piecesOf(
  kv: KvStore,
  relationId: number,
): AsyncGenerator<{ table: number; piece: ChunkPiece }> {
  let { from, to } = pieceRange(relationId);
  for (;;) {
    const pairs = await kv.scan({ from, to, limit: scanRows });
    for (const { key, value } of pairs) {
      const view = viewOf(key);
      const piece = { chunk: view.getUint32(7), delta: view.getUint16(11), bytes: value };
      yield { table: view.getUint16(5), piece };
    }
    const last = pairs.at(-1);
    if (last === undefined || pairs.length < scanRows) return;
    from = Uint8Array.of(...last.key, 0);
  }
}

export function frontierPut(frontier: Frontier): KvPut {
  return { key: frontierKey, value: Uint8Array.of(stateVersion, ...frontier.encode()) };
}

export function relationPut(relationId: number, fingerprint: string | undefined): KvPut {
  const value = fingerprint === undefined ? undefined : new TextEncoder().encode(fingerprint);
  return { key: idKey(prefixes.relation, relationId), value };
}

export function pieceKey(relation: number, table: number, chunk: number, delta: number) {
  const key = new Uint8Array(13);
  const view = viewOf(key);
  view.setUint8(0, prefixes.piece);
  view.setUint32(1, relation);
  view.setUint16(5, table);
  view.setUint32(7, chunk);
  view.setUint16(11, delta);
  return key;
}

/** All pieces of a relation; ids are never used again, so a range once empty stays empty. */
export function pieceRange(relationId: number): { from: Uint8Array; to: Uint8Array } {
  return {
    from: idKey(prefixes.piece, relationId),
    to: idKey(prefixes.piece, relationId + 1),
  };
}

/** Pieces of a relation's first `tables` tables. */
export function formerPieces(
  relationId: number,
  tables: number,
): { from: Uint8Array; to: Uint8Array } {
  return { from: pieceKey(relationId, 0, 0, 0), to: pieceKey(relationId, tables, 0, 0) };
}

/** Ids of relations that have pieces, ascending. */
export async function relationsWithPieces(kv: KvStore): Promise<number[]> {
  const ids: number[] = [];
  const to = Uint8Array.of(prefixes.end);
  let from: Uint8Array = Uint8Array.of(prefixes.piece);
  for (;;) {
    const [pair] = await kv.scan({ from, to, limit: 1 });
    if (pair === undefined) return ids;
    const id = viewOf(pair.key).getUint32(1);
    ids.push(id);
    from = pieceRange(id).to;
  }
}

function idKey(prefix: number, relationId: number): Uint8Array {
  const key = new Uint8Array(5);
  const view = viewOf(key);
  view.setUint8(0, prefix);
  view.setUint32(1, relationId);
  return key;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
