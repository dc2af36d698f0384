import { type ErrorData, MillraceError, toErrorData } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Port } from '../../platform/threads.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Entry } from '../../storage/store.ts';
import type { CatalogueRecord, RelationCreated } from '../broker/catalogue-record.ts';
import { noBatches } from '../dataflow/operator.ts';
import { Catalogue } from './catalogue.ts';
import { register } from './definitions.ts';
import { type PartitionReader, readEntries } from './entry-reader.ts';
import { Frontier } from './frontier.ts';
import { type RelationNode, TopicNode, ViewNode } from './nodes.ts';
import { inLogOrder, PortClient } from './port-client.ts';
import type { ToWorker } from './protocol.ts';
import { ResultStreams } from './result-streams.ts';
import { describeStatement, Statements } from './statements.ts';

/**
 * The dataflow worker: owns every relation, runs steps and statements (DESIGN section 7).
 *
 * One thing runs at a time, in the order of arrival: a step over what has become durable, or a
 * statement. So a statement sees every row that was durable before it was sent, at one frontier.
 */
export class SqlEngine {
  readonly catalogue = new Catalogue();
  readonly client: PortClient;
  readonly frontier = new Frontier();
  readonly #partitions: (partition: number) => PartitionReader;
  readonly #streams: ResultStreams;
  readonly #statements: Statements;
  readonly #pending: IndexRows[] = [];
  readonly #records: CatalogueRecord[] = [];
  readonly #created: RelationCreated[] = [];
  #tail: Promise<void> = Promise.resolve();
  #drainIsDue = false;
  #isStarted = false;

  constructor(port: Port, partitions: (partition: number) => PartitionReader) {
    this.client = new PortClient(port);
    this.#partitions = partitions;
    this.#streams = new ResultStreams(this.client);
    this.#statements = new Statements(this);
    port.onMessage((message) => this.#receive(message as ToWorker));
  }

  #receive(message: ToWorker): void {
    if (this.client.settle(message)) return;
    switch (message.type) {
      case 'record':
        return this.#onRecord(message.record);
      case 'catalogue-complete':
        return this.#exclusive(() => this.#start());
      case 'rows':
        this.#pending.push(message.rows);
        if (this.#drainIsDue) return;
        this.#drainIsDue = true;
        return this.#exclusive(() => this.drain());
      case 'execute':
        return this.#exclusive(() => this.#execute(message.id, message.text));
      case 'describe':
        return this.#exclusive(() => this.#describe(message.id, message.text));
      case 'relations':
        return this.#exclusive(() => this.#listRelations(message.id));
      case 'cancel':
        return this.#streams.cancel(message.id);
      case 'credit':
        return this.#streams.credit(message.id);
      case 'stop':
        return this.#exclusive(() => this.client.post({ type: 'stopped' }));
    }
  }

  /** A failure here is ours or the disk's: the engine stops. Statements answer theirs themselves. */
  #exclusive(run: () => Promise<void> | void): void {
    this.#tail = this.#tail.then(run).catch((error) => {
      this.client.post({ type: 'fatal', error: toErrorData(error) });
      return new Promise(() => undefined);
    });
  }

  // ---- catalogue ---------------------------------------------------------------------------------

  #onRecord(record: CatalogueRecord): void {
    if (!this.#isStarted) this.#records.push(record);
    else this.#apply(record);
  }

  #apply(record: CatalogueRecord): void {
    switch (record.op) {
      case 'topic-created': {
        const { topicId, name, queues } = record;
        this.catalogue.topics.set(name, { topicId, name, queues });
        return;
      }
      case 'topic-dropped':
        for (const { topicId, name } of this.catalogue.topics.values()) {
          if (topicId === record.topicId) this.catalogue.topics.delete(name);
        }
        return;
      case 'relation-created':
        this.#created.push(record);
        return;
      case 'relation-dropped':
        for (const id of record.relationIds) this.#forget(id);
    }
  }

  #forget(id: number): void {
    const index = this.#created.findIndex(({ relationId }) => relationId === id);
    if (index >= 0) this.#created.splice(index, 1);
    const topicId = this.catalogue.nodes.get(id)?.topicId;
    this.catalogue.nodes.delete(id);
    this.catalogue.views.delete(id);
    const isRead = [...this.catalogue.nodes.values()].some((node) => node.topicId === topicId);
    if (topicId === undefined || isRead) return;
    this.frontier.forget(topicId);
    this.client.post({ type: 'unfollow', topicId });
  }

  /** Every relation is there and empty, then the whole log goes through it step by step. */
  async #start(): Promise<void> {
    for (const record of this.#records) this.#apply(record);
    this.#isStarted = true;
    for (const record of this.#created.splice(0)) {
      const node = register(this.catalogue, record);
      if (node instanceof ViewNode) node.fill(0, noBatches);
    }
    const parts: IndexRows[] = [];
    for (const { topicId } of this.catalogue.nodes.values()) {
      if (topicId === undefined || this.frontier.has(topicId)) continue;
      const ranges = await this.client.follow(topicId);
      this.frontier.start(
        topicId,
        ranges.map(({ minOffset }) => minOffset),
      );
      parts.push(
        await this.client.rows(
          topicId,
          ranges.map(({ maxOffset }) => maxOffset),
        ),
      );
    }
    this.#pending.unshift(...parts);
    this.#orderPending();
    this.drain();
    this.client.post({ type: 'ready' });
  }

  /** History of several topics and what came since, in one order. */
  #orderPending(): void {
    const rows = this.#pending.splice(0);
    for (const part of mergedInOrder(rows)) this.#pending.push(part);
  }

  /** After a CREATE became durable: builds the relation and fills it up to the frontier. */
  async adopt(onProgress: (done: number, total: number) => void): Promise<void> {
    for (const record of this.#created.splice(0)) {
      const node = register(this.catalogue, record);
      if (node !== undefined) await this.#fill(node, onProgress);
    }
  }

  async #fill(node: RelationNode, onProgress: (done: number, total: number) => void) {
    const { topicId } = node;
    if (topicId !== undefined) {
      if (!this.frontier.has(topicId)) {
        const ranges = await this.client.follow(topicId);
        this.frontier.start(
          topicId,
          ranges.map(({ maxOffset }) => maxOffset),
        );
      }
      for await (const entries of this.history(topicId, onProgress)) {
        node.step({ entries: () => entries, delta: () => noBatches });
      }
    } else if (node instanceof ViewNode) {
      node.fill(0, noBatches);
      for (const id of node.dependsOn) {
        for await (const batch of this.contents(id, onProgress)) node.fill(id, [batch]);
      }
    }
    node.delta = noBatches;
  }

  // ---- reading -----------------------------------------------------------------------------------

  /** The present rows of a relation: a snapshot, or a source's messages up to the frontier. */
  async *contents(
    relationId: number,
    onProgress: (done: number, total: number) => void = () => undefined,
  ): AsyncGenerator<Batch> {
    const node = this.catalogue.node(relationId);
    if (node === undefined) return;
    if (relationId < 0) {
      yield* node.undecodable?.snapshot() ?? [];
    } else if (node.snapshot !== undefined) {
      yield* node.snapshot();
    } else if (node instanceof TopicNode) {
      for await (const entries of this.history(node.topicId, onProgress))
        yield node.replay(entries);
    }
  }

  /** Entries of a topic below the frontier, in log order, some thousand messages at a time. */
  async *history(
    topicId: number,
    onProgress: (done: number, total: number) => void,
  ): AsyncGenerator<readonly Entry[]> {
    const rows = await this.client.rows(topicId, this.frontier.of(topicId));
    for (let from = 0; from < rows.rowCount; ) {
      const to = endOfSlice(rows, from);
      yield readEntries(this.#partitions, rows, from, to);
      from = to;
      onProgress(to, rows.rowCount);
    }
  }

  // ---- steps -------------------------------------------------------------------------------------

  /** Runs steps until everything that became durable is consumed. */
  drain(): void {
    this.#drainIsDue = false;
    for (;;) {
      const rows = this.#pending.shift();
      if (rows === undefined) return;
      for (let from = 0; from < rows.rowCount; ) {
        const to = endOfSlice(rows, from);
        this.#step(rows, from, to);
        from = to;
      }
    }
  }

  #step(rows: IndexRows, from: number, to: number): void {
    const entries = readEntries(this.#partitions, rows, from, to);
    const byTopic = grouped(entries);
    const nodes = [...this.catalogue.nodes.values()];
    for (const node of nodes) {
      node.step({
        entries: (topicId) => byTopic.get(topicId) ?? [],
        delta: (id) => this.catalogue.nodes.get(id)?.delta ?? noBatches,
      });
    }
    for (const node of nodes) node.delta = noBatches;
    for (const { topicId, queueId, baseOffset, count } of entries) {
      this.frontier.advance(topicId, queueId, baseOffset + count);
    }
  }

  // ---- statements --------------------------------------------------------------------------------

  async #execute(id: number, text: string): Promise<void> {
    try {
      await this.#statements.run(text, this.#streams.open(id));
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #describe(id: number, text: string): void {
    try {
      const description = describeStatement(this.catalogue, text);
      this.client.post({ type: 'described', id, description });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #listRelations(id: number): void {
    const list = this.catalogue.relations().map(({ name, kind, columns, primaryKey }) => ({
      name,
      kind,
      primaryKey,
      fields: columns.map((column) => ({
        name: column.name,
        type: column.type,
        nullable: column.nullable,
      })),
    }));
    this.client.post({ type: 'relation-list', id, list });
  }

  #fail(id: number, error: unknown): void {
    const data: ErrorData = toErrorData(error);
    this.client.post({ type: 'failed', id, error: data });
    this.#streams.close(id);
    if (!(error instanceof MillraceError)) throw error;
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
function endOfSlice(rows: IndexRows, from: number): number {
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

function mergedInOrder(parts: readonly IndexRows[]): readonly IndexRows[] {
  return parts.length <= 1 ? parts : [inLogOrder(parts)];
}
