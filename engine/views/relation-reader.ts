import type { Clock } from '../../platform/clock.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import type { Entry } from '../../storage/store.ts';
import { noBatches } from '../dataflow/operator.ts';
import type { Catalogue } from './catalogue.ts';
import { DataflowNode } from './dataflow-node.ts';
import { type PartitionReader, readEntries } from './entry-reader.ts';
import { Frontier } from './frontier.ts';
import { type Lookup, lookupsOf } from './lookups.ts';
import { type RelationNode, type StepInput, TopicNode } from './nodes.ts';
import type { PortClient, Span } from './port-client.ts';
import { cancelled } from './query-budget.ts';
import { Slices } from './slices.ts';
import { endOfSlice, type StepLoop } from './step-loop.ts';
import { isOverBudget } from './view-budgets.ts';

/** Entries done and entries in all. */
export type OnProgress = (done: number, total: number) => void;

/** A fill from outside: who is told how far it is, and whether it is still wanted. */
export interface FillRun {
  readonly onProgress?: OnProgress;
  readonly isCancelled?: () => boolean;
}

/** The present rows of one relation, to be read once. */
export type Contents = (relationId: number) => AsyncIterable<Batch>;

interface Options {
  readonly catalogue: Catalogue;
  readonly frontier: Frontier;
  readonly client: PortClient;
  readonly partitions: (partition: number) => PartitionReader;
  readonly steps: StepLoop;
  readonly clock: Clock;
}

/** Reads whole relations, for queries and to fill new ones, while steps go on. */
export class RelationReader {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * The rows of several relations at one frontier, that of the call. Relations with state are
   * pinned; a source is read again from its topic. Of a relation of which the plan needs one key
   * that has an index, only those rows.
   */
  pinned(relationIds: readonly number[], plan?: PlanNode, onProgress?: OnProgress): Contents {
    const { catalogue, frontier } = this.#options;
    const lookups = plan === undefined ? new Map<number, Lookup>() : lookupsOf(plan, catalogue);
    const contents = new Map<number, () => AsyncIterable<Batch> | Iterable<Batch>>();
    for (const id of relationIds) {
      const node = catalogue.node(id);
      if (node === undefined) continue;
      if (node.failure !== undefined) throw node.failure;
      const lookup = lookups.get(id);
      if (lookup !== undefined && node.find !== undefined) {
        const { columns, values } = lookup;
        const fields = node.relation.columns;
        const key = fields.map((_, column) => values[columns.indexOf(column)] ?? null);
        const rows = node.find(columns, batchOf(fields, [key]));
        contents.set(id, () => [rows]);
      } else if (id < 0) {
        const rows = node.errors?.snapshot() ?? [];
        contents.set(id, () => rows);
      } else if (node.snapshot !== undefined) {
        const rows = node.snapshot();
        contents.set(id, () => rows);
      } else if (node instanceof TopicNode) {
        const spans = Frontier.spans(node.topicId, [], [...frontier.of(node.topicId)]);
        contents.set(id, () => this.#messages(node, spans, onProgress));
      }
    }
    return async function* (id) {
      yield* contents.get(id)?.() ?? [];
    };
  }

  /** Entries of one queue from an offset on, in order. */
  entriesFrom(topicId: number, queueId: number, from: number): AsyncIterable<readonly Entry[]> {
    return this.#entries([{ topicId, queueId, from, until: Infinity }]);
  }

  async *#messages(node: TopicNode, spans: readonly Span[], onProgress?: OnProgress) {
    for await (const entries of this.#entries(spans, onProgress)) yield node.replay(entries);
  }

  /** Entries of the spans in log order, some thousand messages at a time. */
  async *#entries(
    spans: readonly Span[],
    onProgress: OnProgress = () => undefined,
  ): AsyncGenerator<readonly Entry[]> {
    const { client, partitions } = this.#options;
    const total = spans.reduce((sum, { from, until }) => sum + until - from, 0);
    let done = 0;
    for await (const rows of client.rows(spans)) {
      for (let from = 0; from < rows.rowCount; ) {
        const to = endOfSlice(rows, from);
        const entries: readonly Entry[] = readEntries(partitions, rows, from, to);
        yield entries;
        from = to;
        done += entries.reduce((sum, { count }) => sum + count, 0);
        onProgress(done, total);
      }
    }
  }

  /**
   * Brings a new relation, not yet in the catalogue, up to the frontier. When the promise is
   * resolved the relation's `step` belongs to the very next step: the caller puts it into the
   * catalogue in `publish`, which runs with no step in between. Throws what reading throws, and
   * CANCELLED; then it was not published. A node that stopped is published so.
   */
  async fill(node: RelationNode, run: FillRun, publish: () => void): Promise<void> {
    if (node instanceof DataflowNode) await this.#fillView(node, run, publish);
    else await this.#fillFromTopic(node, run, publish);
    settled(node);
  }

  async #fillFromTopic(node: RelationNode, run: FillRun, publish: () => void) {
    const { frontier, clock } = this.#options;
    const topicId = node.topicId!;
    const slices = new Slices(clock);
    let reached: readonly number[] = [];
    for (;;) {
      const until = [...frontier.of(topicId)];
      const spans = Frontier.spans(topicId, reached, until);
      if (spans.length === 0) return publish();
      for await (const entries of this.#entries(spans, run.onProgress)) {
        if (run.isCancelled?.() === true) throw cancelled();
        node.step({ ...quiet, entries: () => entries });
        settled(node);
        if (slices.isOver) await slices.next();
      }
      reached = until;
    }
  }

  /** First a snapshot of the inputs, then what steps changed meanwhile. */
  async #fillView(node: DataflowNode, run: FillRun, publish: () => void) {
    const { steps, clock, catalogue } = this.#options;
    const failure = node.inputIds.flatMap((id) => catalogue.node(id)?.failure ?? [])[0];
    if (failure !== undefined) {
      node.stop(failure);
      return publish();
    }
    const slices = new Slices(clock);
    const missed: ReadonlyMap<number, readonly Batch[]>[] = [];
    const contents = this.pinned(node.inputIds, undefined, run.onProgress);
    const unwatch = steps.watch((deltas) => {
      missed.push(new Map(node.inputIds.map((id) => [id, deltas(id)])));
    });
    let portions = 0;
    try {
      node.begin();
      for (const id of node.inputIds) {
        for await (const portion of slices.portions(contents(id))) {
          if (run.isCancelled?.() === true) throw cancelled();
          node.fill(id, [portion]);
          settled(node);
          if (++portions % portionsPerCheck === 0) isOverBudget(node);
          if (node.failure !== undefined) break;
        }
      }
      node.filled();
      settled(node);
      isOverBudget(node);
      while (missed.length > 0) {
        const changes = missed.shift()!;
        node.step({ ...quiet, delta: (id) => changes.get(id) ?? noBatches });
        settled(node);
        if (slices.isOver) await slices.next();
      }
      publish();
    } finally {
      unwatch();
    }
  }
}

/** Measuring walks over the state: it is done once in so many portions. */
const portionsPerCheck = 16;

/** A step that brings nothing. */
const quiet: StepInput = { entries: () => [], delta: () => noBatches, failure: () => undefined };

/** Nobody reads the changes of a relation that is being filled. */
function settled(node: RelationNode): void {
  node.delta = noBatches;
  node.errors?.endStep();
}
