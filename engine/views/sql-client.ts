import { crc32 } from 'node:zlib';
import { assert } from '../../platform/assert.ts';
import type { Clock } from '../../platform/clock.ts';
import { fromErrorData, MillraceError, toErrorData } from '../../platform/errors.ts';
import type { Thread } from '../../platform/threads.ts';
import { entryKinds, type Store, tagNone } from '../../storage/store.ts';
import type { RelationCreated, TopicStart } from '../broker/catalogue-record.ts';
import type { SystemTopic } from '../broker/system-topic.ts';
import type { TopicAdmin } from '../broker/topic-admin.ts';
import { messageTypeOf, type Topics } from '../broker/topics.ts';
import { Execution } from './execution.ts';
import { LogFeed } from './log-feed.ts';
import type {
  AppendedEntry,
  FlushedCheckpoint,
  FromWorker,
  HeldSpan,
  Proposal,
  StartReport,
  ToWorker,
} from './protocol.ts';
import type {
  ExecuteOptions,
  RelationInfo,
  SqlResult,
  SqlService,
  StatementDescription,
  StatementOptions,
} from './sql-service.ts';

export interface SqlClientOptions {
  readonly store: Store;
  readonly systemTopic: SystemTopic;
  readonly topics: Topics;
  readonly topicAdmin: TopicAdmin;
  readonly thread: Thread;
  readonly clock: Clock;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The main thread's half of SQL: it owns no SQL knowledge. It carries statements to the dataflow
 * worker and answers back, feeds the worker with the log's durable entries, and makes durable what
 * the worker asks for: catalogue records and table entries (DESIGN section 3, Threads).
 */
export class SqlClient implements SqlService {
  readonly #options: SqlClientOptions;
  readonly #feed: LogFeed;
  readonly #executions = new Map<number, Execution>();
  readonly #flushes = new Map<number, Waiter<FlushedCheckpoint | undefined>>();
  /** Where topics begin for relations whose record is being written. */
  readonly #starting = new Set<readonly HeldSpan[]>();
  readonly #describes = new Map<number, Waiter<StatementDescription>>();
  readonly #relationLists = new Map<number, Waiter<readonly RelationInfo[]>>();
  readonly #ready: Promise<StartReport>;
  #setReady: Waiter<StartReport> | undefined;
  #stopped: (() => void) | undefined;
  #failure: MillraceError | undefined;
  #nextId = 1;

  constructor(options: SqlClientOptions) {
    this.#options = options;
    this.#feed = new LogFeed(options.store, options.topics, (message, transfer) =>
      this.#post(message, transfer),
    );
    this.#ready = new Promise((resolve, reject) => {
      this.#setReady = { resolve, reject };
    });
    this.#ready.catch(() => undefined);
    options.thread.onMessage((message) => this.#receive(message as FromWorker));
    options.thread.ended.then(
      () => this.#fail(new MillraceError('UNAVAILABLE', 'the SQL engine has stopped')),
      (error) => this.#fail(fromErrorData(toErrorData(error))),
    );
    options.systemTopic.subscribe((record) => this.#post({ type: 'record', record }));
  }

  /** Call once the system topic was replayed. Resolves when the worker restored its state. */
  start(): Promise<StartReport> {
    this.#post({ type: 'catalogue-complete' });
    return this.#ready;
  }

  execute(text: string, options: ExecuteOptions = {}): Promise<SqlResult> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const id = this.#nextId++;
    const execution = new Execution(options, {
      credit: () => this.#post({ type: 'credit', id }),
      cancel: () => this.#post({ type: 'cancel', id }),
      ended: () => this.#executions.delete(id),
    });
    this.#executions.set(id, execution);
    const known = only(options);
    this.#afterRows(() => {
      if (this.#executions.has(id)) this.#post({ type: 'execute', id, text, options: known });
    });
    return execution.result;
  }

  describe(text: string, options: StatementOptions = {}): Promise<StatementDescription> {
    const known = only(options);
    return this.#ask(this.#describes, (id) => ({ type: 'describe', id, text, options: known }));
  }

  closeSession(session: string): void {
    this.#post({ type: 'close-session', session });
  }

  relations(): Promise<readonly RelationInfo[]> {
    return this.#ask(this.#relationLists, (id) => ({ type: 'relations', id }));
  }

  /**
   * Has the worker write a checkpoint and make it durable. What it holds; `undefined` when it could
   * not be written, or the engine has stopped.
   */
  flushCheckpoint(): Promise<FlushedCheckpoint | undefined> {
    if (this.#failure !== undefined) return Promise.resolve(undefined);
    return this.#ask(this.#flushes, (id) => ({ type: 'flush-checkpoint', id }));
  }

  /** What is being read of topics now: nothing of it may expire. */
  get held(): readonly HeldSpan[] {
    return [...this.#feed.held, ...[...this.#starting].flat()];
  }

  /** Lets the worker write its last checkpoint, then ends it. */
  async close(): Promise<void> {
    if (this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#stopped = resolve;
        this.#post({ type: 'stop' });
        this.#options.thread.ended.then(resolve, () => resolve());
      });
    }
    this.#feed.close();
    this.#fail(new MillraceError('UNAVAILABLE', 'the server is stopping'));
    await this.#options.thread.terminate();
  }

  #ask<T>(waiters: Map<number, Waiter<T>>, message: (id: number) => ToWorker): Promise<T> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      waiters.set(id, { resolve, reject });
      this.#post(message(id));
    });
  }

  #refusal(): MillraceError | undefined {
    return this.#failure;
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#failure === undefined) this.#options.thread.post(message, transfer);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        return this.#setReady?.resolve(message);
      case 'fatal':
        return this.#fail(fromErrorData(message.error));
      case 'follow':
        return this.#follow(message.topicId);
      case 'unfollow':
        return this.#feed.unfollow(message.topicId);
      case 'fetch-rows':
        return this.#feed.fetch(message);
      case 'hold':
        return this.#feed.hold(message.id, message.spans);
      case 'release':
        return this.#feed.release(message.id);
      case 'checkpoint-flushed':
        return settle(this.#flushes, message.id, message.checkpoint);
      case 'propose':
        return this.#change(message.id, () => this.#apply(message.proposal));
      case 'append':
        return this.#change(message.id, () => this.#append(message.entry));
      case 'fields':
        return this.#executions.get(message.id)?.onFields(message.fields);
      case 'batch':
        return this.#executions.get(message.id)?.onBatch(message.batch);
      case 'progress':
        return this.#executions.get(message.id)?.onProgress(message.progress);
      case 'done':
        return this.#executions.get(message.id)?.onDone(message.tag, message.rows);
      case 'failed':
        return this.#onFailed(message.id, fromErrorData(message.error));
      case 'described':
        return settle(this.#describes, message.id, message.description);
      case 'relation-list':
        return settle(this.#relationLists, message.id, message.list);
      case 'stopped':
        return this.#stopped?.();
    }
  }

  #onFailed(id: number, error: MillraceError): void {
    this.#executions.get(id)?.onFailed(error);
    for (const waiters of [this.#describes, this.#relationLists] as const) {
      waiters.get(id)?.reject(error);
      waiters.delete(id);
    }
  }

  /** When the rows of everything that is durable now have been posted. */
  #afterRows(post: () => void): void {
    const behind = this.#options.store.ordered();
    if (behind === undefined) post();
    else void behind.then(post);
  }

  #follow(topicId: number): void {
    this.#feed.follow(topicId).catch((error) => this.#fail(fromErrorData(toErrorData(error))));
  }

  /** Makes a change durable and tells the worker, after whatever the change caused was posted. */
  #change(id: number, make: () => Promise<number>): void {
    make().then(
      (baseOffset) => this.#afterRows(() => this.#post({ type: 'changed', id, baseOffset })),
      (error) => this.#post({ type: 'change-failed', id, error: toErrorData(error) }),
    );
  }

  async #append({ topicId, kind, count, body, messageId }: AppendedEntry): Promise<number> {
    const { baseOffset } = await this.#options.store.append({
      topicId,
      queueId: 0,
      kind: entryKinds[kind],
      count,
      body,
      firstIdHash: messageId === undefined ? 0 : crc32(messageId),
      tagHash: tagNone,
    });
    return baseOffset;
  }

  async #apply(proposal: Proposal): Promise<number> {
    const { systemTopic, topics, topicAdmin } = this.#options;
    switch (proposal.op) {
      case 'create-topic':
        await topicAdmin.create(proposal.name, {
          queues: proposal.queues,
          ifNotExists: proposal.ifNotExists,
          messageType: messageTypeOf(proposal.messageType),
          ...proposal.retention,
        });
        return 0;
      case 'alter-topic':
        await topics.alter(proposal.topicId, proposal.retention);
        return 0;
      case 'grow-topic':
        await topicAdmin.grow(proposal.name, proposal.queues);
        return 0;
      case 'move-queue':
        await topicAdmin.move(proposal.name, proposal.queueId, proposal.partition);
        return 0;
      case 'drop-topic':
        await topics.drop(proposal.topicId);
        return 0;
      case 'create-relation':
        await this.#createRelation(proposal);
        return 0;
      case 'rename-relation':
        await systemTopic.change(() => ({ op: 'relation-renamed', ...proposal.record }));
        return 0;
      case 'alter-relation':
        await systemTopic.change(() => ({ op: 'relation-altered', ...proposal.record }));
        return 0;
      case 'drop-relations':
        await systemTopic.change(() => ({
          op: 'relation-dropped',
          relationIds: proposal.relationIds,
        }));
        return 0;
    }
  }

  /** Its topics keep what they have now until the record is known to all. */
  async #createRelation(proposal: Extract<Proposal, { op: 'create-relation' }>): Promise<void> {
    const { systemTopic, clock, topics, store } = this.#options;
    const { record, reads } = proposal;
    const queues = reads.flatMap((topicId) =>
      Array.from({ length: topics.queueCount(topicId) }, (_, queueId) => ({ topicId, queueId })),
    );
    const ranges = queues.map(({ topicId, queueId }) => store.range(topicId, queueId));
    const known = await Promise.all(ranges);
    let held: HeldSpan[] = [];
    try {
      await systemTopic.change((): RelationCreated => {
        held = queues.map(({ topicId, queueId }, i) => {
          const { minOffset: from } = store.rangeNow(topicId, queueId) ?? known[i]!;
          return { topicId, queueId, from };
        });
        this.#starting.add(held);
        const topicId = record.ownsTopic === true ? systemTopic.nextTopicId : record.topicId;
        return {
          ...record,
          op: 'relation-created',
          relationId: systemTopic.nextRelationId,
          ...(topicId === undefined ? {} : { topicId }),
          ...startsOf(queues, (i) => {
            const { topicId, queueId } = queues[i]!;
            const range = store.rangeNow(topicId, queueId) ?? known[i]!;
            return Math.max(range.minOffset, range.compactedOffset ?? 0);
          }),
          timeMs: clock.nowMs(),
        };
      });
    } finally {
      this.#starting.delete(held);
    }
  }

  #fail(error: MillraceError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#setReady?.reject(error);
    for (const execution of [...this.#executions.values()]) execution.onFailed(error);
    for (const { resolve } of this.#flushes.values()) resolve(undefined);
    this.#flushes.clear();
    for (const waiters of [this.#describes, this.#relationLists] as const) {
      for (const waiter of waiters.values()) waiter.reject(error);
      waiters.clear();
    }
    assert(this.#executions.size === 0, 'every execution ends with the engine');
  }
}

/** Topics of which nothing had expired or been compacted away are left out. */
function startsOf(
  queues: readonly { readonly topicId: number }[],
  startOf: (index: number) => number,
): { readonly startsAt?: readonly TopicStart[] } {
  const byTopic = new Map<number, number[]>();
  for (const [i, { topicId }] of queues.entries()) {
    byTopic.set(topicId, [...(byTopic.get(topicId) ?? []), startOf(i)]);
  }
  const startsAt = [...byTopic]
    .filter(([, offsets]) => offsets.some((offset) => offset > 0))
    .map(([topicId, offsets]) => ({ topicId, offsets }));
  return startsAt.length === 0 ? {} : { startsAt };
}

function settle<T>(waiters: Map<number, Waiter<T>>, id: number, value: T): void {
  waiters.get(id)?.resolve(value);
  waiters.delete(id);
}

/** What crosses to the worker. */
function only({ session, highest, parameters }: ExecuteOptions): ExecuteOptions {
  return {
    ...(parameters === undefined ? {} : { parameters }),
    ...(session === undefined ? {} : { session }),
    ...(highest === undefined ? {} : { highest }),
  };
}
