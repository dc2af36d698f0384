import type { Clock } from '../../platform/clock.ts';
import { type ErrorData, MillraceError, toErrorData } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Port } from '../../platform/threads.ts';
import { readScript, type ScriptStatement } from '../../sql/dialects/script.ts';
import type { KvStore } from '../../storage/kv/kv-store.ts';
import type { CatalogueRecord, RelationCreated } from '../broker/catalogue-record.ts';
import { alterFilled } from './altered-tables.ts';
import { Catalogue } from './catalogue.ts';
import { Checkpointer } from './checkpointer.ts';
import { DataflowNode, notCreated } from './dataflow-node.ts';
import { build } from './definitions.ts';
import type { PartitionReader } from './entry-reader.ts';
import { Frontier } from './frontier.ts';
import { checkClass } from './limited-sql.ts';
import type { RelationNode } from './nodes.ts';
import { PortClient } from './port-client.ts';
import type { ToWorker } from './protocol.ts';
import { type FillRun, RelationReader } from './relation-reader.ts';
import { type RelationRecord, restore } from './restore.ts';
import { ResultStreams } from './result-streams.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { cutOf } from './sink-cuts.ts';
import { SinkNode } from './sink-node.ts';
import { SinkWriter } from './sink-writer.ts';
import { Slices } from './slices.ts';
import type { ExecuteOptions, StatementOptions } from './sql-service.ts';
import { describeStatement, onlyReads } from './statement-description.ts';
import { Statements } from './statements.ts';
import { StepLoop } from './step-loop.ts';
import { TableLocks } from './table-locks.ts';

export interface SqlEngineOptions {
  readonly port: Port;
  readonly partitions: (partition: number) => PartitionReader;
  /** Lets go of segment files that are not the present ones any more. */
  readonly refreshPartitions: () => void;
  /** Opens the `state/` database. */
  readonly openState: () => Promise<KvStore>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The dataflow worker: owns every relation, runs steps and statements (DESIGN section 7).
 *
 * Statements that change something run one at a time, in the order of arrival. Queries run beside
 * them and beside each other, each at the frontier of its start, which covers every row that was
 * durable before it was sent. Steps go on through all of it.
 */
export class SqlEngine {
  readonly catalogue = new Catalogue();
  readonly frontier = new Frontier();
  readonly client: PortClient;
  readonly clock: Clock;
  readonly steps: StepLoop;
  readonly reader: RelationReader;
  readonly tableLocks = new TableLocks();
  readonly #options: SqlEngineOptions;
  readonly #streams: ResultStreams;
  readonly #sessions = new Sessions();
  readonly #statements: Statements;
  readonly #writer: SinkWriter;
  readonly #records: CatalogueRecord[] = [];
  /** To be built, renamed or altered, in this order. */
  readonly #created: RelationRecord[] = [];
  #state: KvStore | undefined;
  #checkpointer: Checkpointer | undefined;
  #tail: Promise<void> = Promise.resolve();
  #isStarted = false;

  constructor(options: SqlEngineOptions) {
    this.#options = options;
    const { port, partitions, clock } = options;
    const { catalogue, frontier } = this;
    this.clock = clock;
    this.client = new PortClient(port);
    this.steps = new StepLoop({
      catalogue,
      frontier,
      partitions,
      clock,
      onStep: () => this.#checkpointer?.touch(),
      onFailure: (error) => this.#stopOn(error),
    });
    const { client, steps } = this;
    this.reader = new RelationReader({ catalogue, frontier, client, partitions, steps, clock });
    const { logger } = options;
    this.#writer = new SinkWriter({
      client,
      clock,
      logger,
      locks: this.tableLocks,
      exists: (node) => catalogue.nodes.get(node.relation.id) === node,
    });
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
        return this.steps.add(message.rows);
      case 'execute':
        return this.#execute(message.id, message.text, message.options);
      case 'describe':
        return this.#reading(() => this.#describe(message.id, message.text, message.options));
      case 'close-session':
        return this.#sessions.close(message.session);
      case 'relations':
        return this.#reading(() => this.#listRelations(message.id));
      case 'cancel':
        return this.#streams.cancel(message.id);
      case 'credit':
        return this.#streams.credit(message.id);
      case 'flush-checkpoint':
        return this.#reading(() => this.#flushCheckpoint(message.id));
      case 'segments-replaced':
        return this.#options.refreshPartitions();
      case 'stop':
        this.#streams.cancelAll();
        return this.#exclusive(() => this.#stop());
    }
  }

  /** One at a time. A failure here is ours or the disk's: statements answer theirs themselves. */
  #exclusive(run: () => Promise<void> | void): void {
    this.#tail = this.#tail.then(run).catch((error) => {
      this.#stopOn(error);
      return new Promise(() => undefined);
    });
  }

  /** At once, beside whatever goes on; before the start is over, after it. */
  #reading(run: () => Promise<void> | void): void {
    if (this.#isStarted) void run();
    else this.#exclusive(run);
  }

  #stopOn(error: unknown): void {
    this.steps.stop();
    this.#options.logger.log('error', 'the SQL engine stops', { error });
    this.client.post({ type: 'fatal', error: toErrorData(error) });
  }

  // ---- catalogue ---------------------------------------------------------------------------------

  #onRecord(record: CatalogueRecord): void {
    if (!this.#isStarted) this.#records.push(record);
    else this.#apply(record);
  }

  #apply(record: CatalogueRecord): void {
    switch (record.op) {
      case 'topic-created': {
        this.catalogue.topics.set(record.name, record);
        return;
      }
      case 'topic-altered':
        for (const topic of this.catalogue.topics.values()) {
          if (topic.topicId !== record.topicId) continue;
          this.catalogue.topics.set(topic.name, { ...topic, queues: record.queues });
        }
        return;
      case 'topic-dropped':
        for (const { topicId, name } of this.catalogue.topics.values()) {
          if (topicId === record.topicId) this.catalogue.topics.delete(name);
        }
        return;
      case 'relation-created':
        if (record.replaces !== undefined) this.#forget(record.replaces);
        if (record.startsAt !== undefined) {
          this.catalogue.starts.set(record.relationId, record.startsAt);
        }
        this.#created.push(record);
        return;
      case 'relation-renamed':
      case 'relation-altered':
        this.#created.push(record);
        return;
      case 'relation-dropped':
        for (const id of record.relationIds) this.#forget(id);
        this.#checkpointer?.touch();
    }
  }

  #forget(id: number): void {
    for (let at = this.#created.length - 1; at >= 0; at--) {
      if (this.#created[at]!.relationId === id) this.#created.splice(at, 1);
    }
    this.catalogue.dropIndex(id);
    this.catalogue.functions.delete(id);
    const topicId = this.catalogue.nodes.get(id)?.topicId;
    this.catalogue.nodes.delete(id);
    this.catalogue.views.delete(id);
    this.catalogue.starts.delete(id);
    this.#unfollow(topicId);
  }

  /** Unless a relation reads the topic. */
  #unfollow(topicId: number | undefined): void {
    const isRead = [...this.catalogue.nodes.values()].some((node) => node.topicId === topicId);
    if (topicId === undefined || isRead) return;
    this.frontier.forget(topicId);
    this.client.post({ type: 'unfollow', topicId });
  }

  /** Restores the checkpoint, fills what it has not, replays what came after it. */
  async #start(): Promise<void> {
    for (const record of this.#records.splice(0)) this.#apply(record);
    const { openState, clock, logger } = this.#options;
    this.#state = await openState();
    const { catalogue, frontier, client, steps, reader } = this;
    const result = await restore({
      kv: this.#state,
      catalogue,
      frontier,
      client,
      steps,
      reader,
      clock,
      logger,
      writer: this.#writer,
      records: this.#created.splice(0),
    });
    this.#isStarted = true;
    for (const record of this.#records.splice(0)) this.#apply(record);
    this.#checkpointer = new Checkpointer({
      kv: this.#state,
      catalogue,
      frontier,
      clock,
      logger,
      outputs: () => this.#writer.flushed(),
      saved: result.saved,
    });
    this.#checkpointer.touch();
    steps.release();
    await steps.caughtUp();
    const { restored, filled, replayed } = result;
    client.post({ type: 'ready', restored, filled, replayed });
  }

  async #flushCheckpoint(id: number): Promise<void> {
    const checkpoint = await this.#checkpointer?.flush();
    const found = checkpoint === undefined ? {} : { checkpoint };
    this.client.post({ type: 'checkpoint-flushed', id, ...found });
  }

  async #stop(): Promise<void> {
    this.steps.stop();
    this.#writer.close();
    await this.#checkpointer?.close();
    await this.#state?.close();
    this.client.post({ type: 'stopped' });
  }

  /**
   * After a CREATE became durable: builds the relation and fills it up to the frontier. When that
   * fails, or the statement is cancelled, the relation is dropped again before the error is thrown:
   * everything is as it was, and the name is free.
   */
  async adopt(run: FillRun): Promise<void> {
    for (const record of this.#created.splice(0)) {
      if (record.op === 'relation-renamed') {
        this.catalogue.rename(record);
        continue;
      }
      if (record.op === 'relation-altered') {
        // A checkpoint being written has the former state; it must not get the new fingerprint.
        const swap = await alterFilled(this.catalogue, record, new Slices(this.clock));
        await this.#checkpointer!.whenSettled(swap);
        this.#checkpointer!.touch();
        continue;
      }
      try {
        await this.#make(record, run);
      } catch (error) {
        await this.#takeBack(record.relationId, error);
        throw error;
      }
    }
  }

  async #make(record: RelationCreated, run: FillRun): Promise<void> {
    const made = build(this.catalogue, record, this.#options);
    if ('step' in made) await this.#fill(record.relationId, made, run);
    else if ('relation' in made) this.catalogue.views.set(record.relationId, made);
    else if ('tableId' in made) this.catalogue.addIndex(made);
    else this.catalogue.functions.set(made.id, made);
  }

  async #takeBack(relationId: number, reason: unknown): Promise<void> {
    try {
      await this.client.propose({ op: 'drop-relations', relationIds: [relationId] });
    } catch {
      // The log says that the relation exists: going on without it would be a lie. One that
      // stopped is there, and says why.
      if (!this.catalogue.nodes.has(relationId)) this.#stopOn(reason);
    }
  }

  async #fill(id: number, node: RelationNode, run: FillRun): Promise<void> {
    const { topicId } = node;
    if (topicId !== undefined && !this.frontier.has(topicId)) {
      const ranges = await this.client.follow(topicId);
      this.frontier.start(
        topicId,
        ranges.map(({ maxOffset }) => maxOffset),
      );
    }
    if (node instanceof SinkNode) this.#writer.attach(node);
    try {
      await this.reader.fill(node, run, () => {
        this.catalogue.nodes.set(id, node);
        if (node instanceof SinkNode)
          node.emitFilled(cutOf(this.frontier, node.inputTopics), false);
      });
    } catch (error) {
      this.#unfollow(topicId);
      throw error;
    }
    if (node instanceof DataflowNode && node.failure !== undefined) throw notCreated(node);
    this.#checkpointer?.touch();
  }

  // ---- statements --------------------------------------------------------------------------------

  #execute(id: number, text: string, options: ExecuteOptions): void {
    const answer = this.#streams.open(id);
    const session = this.#sessions.get(options.session);
    let statements: readonly ScriptStatement[];
    try {
      statements = this.#read(text, session, options);
    } catch (error) {
      return this.#fail(id, error);
    }
    const run = () =>
      this.#statements
        .run(statements, answer, session, options.parameters)
        .catch((error) => this.#fail(id, error));
    if (onlyReads(statements)) this.#reading(run);
    else this.#exclusive(run);
  }

  /** Throws what reading throws, and FORBIDDEN. */
  #read(text: string, session: Session, { highest = 'admin' }: StatementOptions) {
    const script = readScript(text, session.dialect);
    checkClass(
      script.map(({ statement }) => statement),
      highest,
    );
    return script;
  }

  #describe(id: number, text: string, options: StatementOptions): void {
    try {
      const session = this.#sessions.get(options.session);
      const description = describeStatement(this.catalogue, this.#read(text, session, options));
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

  /** An error that is not of the statement's making is a bug: it is logged, and answered INTERNAL. */
  #fail(id: number, error: unknown): void {
    const data: ErrorData = toErrorData(error);
    if (!(error instanceof MillraceError)) {
      this.#options.logger.log('error', 'a statement failed unexpectedly', { error });
    }
    this.client.post({ type: 'failed', id, error: data });
    this.#streams.close(id);
  }
}
