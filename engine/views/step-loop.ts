import type { Clock } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Entry } from '../../storage/store.ts';
import { noBatches } from '../dataflow/operator.ts';
import type { Catalogue } from './catalogue.ts';
import { type PartitionReader, readEntries } from './entry-reader.ts';
import type { Frontier } from './frontier.ts';
import { cutOf } from './sink-cuts.ts';
import { SinkNode } from './sink-node.ts';
import { Slices } from './slices.ts';

export interface StepLoopOptions {
  readonly catalogue: Catalogue;
  readonly frontier: Frontier;
  readonly partitions: (partition: number) => PartitionReader;
  readonly clock: Clock;
  /** After each step. */
  readonly onStep: () => void;
  /** A step failed: ours or the disk's fault, and nothing can go on. */
  readonly onFailure: (error: unknown) => void;
}

/** Change of a relation in the step that just ran; negative ids are relations of errors. */
export type Deltas = (relationId: number) => readonly Batch[];

/**
 * Runs steps over what became durable, in log order, slice by slice. A step is synchronous: other
 * work sees every relation before it or after it, at one frontier, never in between.
 */
export class StepLoop {
  readonly #options: StepLoopOptions;
  readonly #pending: IndexRows[] = [];
  readonly #watchers = new Set<(deltas: Deltas) => void>();
  #waiters: { readonly target: number; readonly resolve: () => void }[] = [];
  #isHeld = true;
  #isRunning = false;
  /** Entries taken in and entries stepped, since the start. */
  #added = 0;
  #stepped = 0;

  constructor(options: StepLoopOptions) {
    this.#options = options;
  }

  /** Takes in new entries; they are stepped soon, once the loop was released. */
  add(rows: IndexRows): void {
    this.#pending.push(rows);
    this.#added += rows.rowCount;
    void this.#run();
  }

  /** Steps may run from now on. */
  release(): void {
    this.#isHeld = false;
    void this.#run();
  }

  /** No step runs any more. */
  stop(): void {
    this.#isHeld = true;
  }

  /** Resolves when everything that was added before the call has been stepped. */
  caughtUp(): Promise<void> {
    if (this.#stepped >= this.#added) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ target: this.#added, resolve }));
  }

  /** Shows `watcher` each step's changes until the function returned is called. */
  watch(watcher: (deltas: Deltas) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Steps over rows that main never sent: the replay at start. Entries stepped. */
  async replay(parts: AsyncIterable<IndexRows>): Promise<number> {
    const slices = new Slices(this.#options.clock);
    let count = 0;
    for await (const rows of parts) {
      count += rows.rowCount;
      for (let from = 0; from < rows.rowCount; ) {
        from = this.#step(rows, from);
        if (slices.isOver) await slices.next();
      }
    }
    return count;
  }

  async #run(): Promise<void> {
    if (this.#isRunning || this.#isHeld) return;
    this.#isRunning = true;
    try {
      const slices = new Slices(this.#options.clock);
      // Rows that arrived together are stepped together.
      await slices.next();
      for (;;) {
        const rows = this.#pending.shift();
        if (rows === undefined) break;
        for (let from = 0; from < rows.rowCount; ) {
          if (this.#isHeld) return;
          const to = this.#step(rows, from);
          this.#advance(to - from);
          from = to;
          if (slices.isOver) await slices.next();
        }
      }
    } catch (error) {
      this.#isHeld = true;
      this.#options.onFailure(error);
    } finally {
      this.#isRunning = false;
    }
  }

  #advance(entries: number): void {
    this.#stepped += entries;
    const done = this.#waiters.filter(({ target }) => target <= this.#stepped);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter(({ target }) => target > this.#stepped);
    for (const { resolve } of done) resolve();
  }

  /** One step over rows from `from` on; returns the row after the last that it took. */
  #step(rows: IndexRows, from: number): number {
    const { catalogue, frontier, partitions, onStep } = this.#options;
    const to = endOfSlice(rows, from);
    const entries = readEntries(partitions, rows, from, to);
    const byTopic = grouped(entries);
    const nodes = [...catalogue.nodes.values()];
    const sinks = nodes
      .filter((node) => node instanceof SinkNode)
      .map((node) => ({ node, before: cutOf(frontier, node.inputTopics) }));
    const deltas: Deltas = (id) => {
      const node = catalogue.node(id);
      return (id < 0 ? node?.errors?.delta : node?.delta) ?? noBatches;
    };
    const input = {
      entries: (topicId: number) => byTopic.get(topicId) ?? [],
      delta: deltas,
      failure: (id: number) => catalogue.node(id)?.failure,
    };
    for (const node of nodes) node.step(input);
    for (const watcher of this.#watchers) watcher(deltas);
    for (const node of nodes) {
      node.delta = noBatches;
      node.errors?.endStep();
    }
    for (const { topicId, queueId, baseOffset, count } of entries) {
      frontier.advance(topicId, queueId, baseOffset + count);
    }
    for (const { node, before } of sinks) node.emit(before, cutOf(frontier, node.inputTopics));
    onStep();
    return to;
  }
}

function grouped(entries: readonly Entry[]): Map<number, Entry[]> {
  const groups = new Map<number, Entry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.topicId);
    if (group === undefined) groups.set(entry.topicId, [entry]);
    else group.push(entry);
  }
  return groups;
}

/** End of a slice of rows from `from` that stays within a step's bounds; at least one row. */
export function endOfSlice(rows: IndexRows, from: number): number {
  let messages = 0;
  let bytes = 0;
  let to = from;
  while (to < rows.rowCount) {
    const at = to * indexRowWidth;
    messages += rows.values[at + col.count]!;
    bytes += rows.values[at + col.length]!;
    if (to > from && (messages > limits.stepRowsMax || bytes > limits.stepBytesMax)) return to;
    to++;
  }
  return to;
}
