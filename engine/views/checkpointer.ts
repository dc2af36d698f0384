import type { Clock, Timer } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type { KvPut, KvStore } from '../../storage/kv/kv-store.ts';
import type { ChunkChange } from '../dataflow/table.ts';
import type { Catalogue } from './catalogue.ts';
import { frontierPut, pieceKey, pieceRange, relationPut } from './checkpoint-store.ts';
import type { Frontier } from './frontier.ts';
import type { FlushedCheckpoint } from './protocol.ts';
import { Slices } from './slices.ts';
import { enforceBudgets } from './view-budgets.ts';

interface Options {
  readonly kv: KvStore;
  readonly catalogue: Catalogue;
  readonly frontier: Frontier;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves when every output of the steps so far is durable; false if that will never be. */
  readonly outputs: () => Promise<boolean>;
  /** Relations of the checkpoint that the state was restored from, with their fingerprints. */
  readonly saved: ReadonlyMap<number, string>;
}

/** Changes of all relations at one frontier. */
interface Capture {
  readonly outputs: Promise<boolean>;
  readonly puts: KvPut[];
  readonly pieces: { readonly relationId: number; table: number; readonly change: ChunkChange }[];
  readonly dropped: readonly number[];
}

/**
 * Writes a checkpoint about every limits.checkpointMs while state changes, and a last one at a
 * clean stop. What it holds is taken between two steps, pinned; encoding goes on in slices and
 * writing in the background, so steps never wait for the disk.
 *
 * A batch that could not be written is kept and goes out with the next one: the pieces are deltas
 * on each other and none may be missing.
 */
export class Checkpointer {
  readonly #options: Options;
  readonly #written: Map<number, string>;
  #unwritten = new Map<string, KvPut>();
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #isTouched = false;
  #isClosed = false;

  constructor(options: Options) {
    this.#options = options;
    this.#written = new Map(options.saved);
  }

  /** State changed. */
  touch(): void {
    this.#isTouched = true;
    if (this.#timer !== undefined || this.#writing !== undefined || this.#isClosed) return;
    this.#timer = this.#options.clock.after(limits.checkpointMs, () => this.#begin(), {
      background: true,
    });
  }

  /** Does it when no checkpoint is being written. */
  async whenSettled(action: () => void): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    action();
  }

  /**
   * Writes a checkpoint and makes it durable against power loss. What it holds then; `undefined`
   * when it could not be written.
   */
  async flush(): Promise<FlushedCheckpoint | undefined> {
    const { kv, catalogue, frontier, logger } = this.#options;
    while (this.#writing !== undefined) await this.#writing;
    if (this.#isClosed) return undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    const { nodes, views, indexes, functions } = catalogue;
    const kinds = [nodes, views, indexes, functions];
    const relations = new Set(kinds.flatMap((kind) => [...kind.keys()]));
    const flushed = { frontier: frontier.offsets(), relations };
    const writing = this.#write(this.#capture());
    this.#writing = writing.then((isWritten) => {
      this.#writing = undefined;
      if (!isWritten || this.#isTouched) this.touch();
    });
    if (!(await writing)) return undefined;
    try {
      await kv.flush();
      return flushed;
    } catch (error) {
      logger.log('warn', 'a checkpoint could not be flushed and will be tried again', { error });
      return undefined;
    }
  }

  /** Writes what changed since the last checkpoint; nothing is written after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#writing;
    await this.#write(this.#capture());
  }

  #begin(): void {
    this.#timer = undefined;
    this.#writing = this.#write(this.#capture()).then((isWritten) => {
      this.#writing = undefined;
      if (!isWritten || this.#isTouched) this.touch();
    });
  }

  #capture(): Capture {
    this.#isTouched = false;
    const { catalogue, frontier } = this.#options;
    enforceBudgets(catalogue);
    const puts = [frontierPut(frontier), ...this.#changed([...catalogue.nodes.keys()])];
    const pieces: Capture['pieces'] = [];
    for (const [relationId, node] of catalogue.nodes) {
      for (const [table, state] of node.stateTables().entries()) {
        for (const change of state.checkpoint()) pieces.push({ relationId, table, change });
      }
    }
    const dropped = [...this.#written.keys()].filter((id) => !catalogue.nodes.has(id));
    for (const id of dropped) {
      puts.push(relationPut(id, undefined));
      this.#written.delete(id);
    }
    return { puts, pieces, dropped, outputs: this.#options.outputs() };
  }

  /** Fingerprints of these relations, where they are not the ones that were written. */
  #changed(relationIds: Iterable<number>): KvPut[] {
    const puts: KvPut[] = [];
    for (const relationId of relationIds) {
      const fingerprint = this.#options.catalogue.nodes.get(relationId)?.fingerprint;
      if (fingerprint === undefined || this.#written.get(relationId) === fingerprint) continue;
      puts.push(relationPut(relationId, fingerprint));
      this.#written.set(relationId, fingerprint);
    }
    return puts;
  }

  async #write({ puts, pieces, dropped, outputs }: Capture): Promise<boolean> {
    const { kv, clock, logger } = this.#options;
    const slices = new Slices(clock);
    const batch = this.#unwritten;
    const add = (put: KvPut) => batch.set(Buffer.from(put.key).toString('latin1'), put);
    for (const put of puts) add(put);
    for (const { relationId, table, change } of pieces) {
      const { chunk, delta, replaced } = change;
      for (let old = 1; old <= replaced; old++) {
        add({ key: pieceKey(relationId, table, chunk, old), value: undefined });
      }
      add({ key: pieceKey(relationId, table, chunk, delta), value: change.encode() });
      if (slices.isOver) await slices.next();
    }
    // A checkpoint ahead of what sinks wrote would lose it (DESIGN section 7). A sink that stopped
    // meanwhile has lost outputs: the checkpoint says so.
    if (!(await outputs)) return false;
    for (const put of this.#changed(this.#written.keys())) add(put);
    try {
      await kv.write([...batch.values()]);
      this.#unwritten = new Map();
      for (const id of dropped) await kv.deleteRange(pieceRange(id));
      return true;
    } catch (error) {
      logger.log('warn', 'a checkpoint could not be written and will be tried again', { error });
      return false;
    }
  }
}
