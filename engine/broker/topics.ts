import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type {
  CatalogueRecord,
  TopicCreated,
  TopicMessageType,
  TopicRetention,
} from './catalogue-record.ts';
import { checkLiteName, LiteTopics, liteName, litePrefix, parentName } from './lite-topics.ts';
import { Routes } from './routes.ts';
import { TopicState } from './slots.ts';
import type { SystemTopic } from './system-topic.ts';

export interface TopicOptions extends TopicRetention {
  readonly queues: number;
  readonly ifNotExists: boolean;
  /** MIXED unless it is given. */
  readonly messageType?: TopicMessageType;
}

/** The topics that clients see, and how many queues every topic has; kept from the system topic. */
export class Topics {
  /** Where messages go, and how many of them are on their way. */
  readonly routes = new Routes();
  readonly #systemTopic: SystemTopic;
  readonly #clock: Clock;
  readonly #byName = new Map<string, TopicState>();
  readonly #byId = new Map<number, TopicState>();
  readonly #lites: LiteTopics;
  readonly #autoCreate: boolean;

  /** Makes a topic with the defaults, when it is first used. */
  #make: (name: string) => Promise<void> = (name) =>
    this.create(name, { queues: limits.autoTopicQueues, ifNotExists: true });
  readonly #onDropped: ((topicId: number) => void)[] = [];

  /** With `autoCreate`, topics come into being when a client first names them. */
  constructor(systemTopic: SystemTopic, clock: Clock, autoCreate = false) {
    this.#systemTopic = systemTopic;
    this.#clock = clock;
    this.#autoCreate = autoCreate;
    this.#lites = new LiteTopics(clock);
    systemTopic.subscribe((record) => this.#apply(record));
  }

  /** How topics are made by use: who places their queues on partitions sets it. */
  set makeByUse(make: (name: string) => Promise<void>) {
    this.#make = make;
  }

  /** Called when a topic was dropped, during `open`, too. */
  onDropped(listener: (topicId: number) => void): void {
    this.#onDropped.push(listener);
  }

  find(name: string): TopicCreated | undefined {
    return isInternal(name) ? undefined : this.internal(name);
  }

  /** A topic of the broker's own, which no client sees. */
  internal(name: string): TopicCreated | undefined {
    return this.#byName.get(name)?.created;
  }

  /** Throws TOPIC_NOT_FOUND. */
  get(name: string): TopicCreated {
    return this.state(name).created;
  }

  /** As `get`, with its slots. Throws TOPIC_NOT_FOUND. */
  state(name: string): TopicState {
    const topic = isInternal(name) ? undefined : this.#byName.get(name);
    if (topic === undefined) throw notFound(name);
    return topic;
  }

  /**
   * The topic that a client names, made now if need be. Throws TOPIC_NOT_FOUND where topics are not
   * made by use, ILLEGAL_TOPIC for a name that none may have. Names that begin with % are not made
   * by use: they are those of dead letters and the like.
   */
  async use(name: string): Promise<TopicCreated> {
    const topic = this.find(name);
    if (topic !== undefined || !this.#autoCreate || name.startsWith('%')) return this.get(name);
    checkClientName(name);
    await this.#make(name);
    return this.get(name);
  }

  /** A lite topic of the topic; `undefined` when nothing was ever sent to it. */
  lite(parent: string, lite: string): TopicCreated | undefined {
    return this.internal(liteName(parent, lite));
  }

  /** The topic that the lite topic is of; `undefined` for other topics. */
  parentOf(topicId: number): TopicCreated | undefined {
    const parent = this.#lites.parentOf(topicId);
    return parent === undefined ? undefined : this.byId(parent);
  }

  /** The record with the topic's retention and flush: lite topics have those of their topic. */
  settingsOf(topicId: number): TopicCreated | undefined {
    return this.parentOf(topicId) ?? this.byId(topicId);
  }

  /**
   * The lite topic, made now if need be: a topic of one queue of its own, so that a group has a
   * place in each. Throws ILLEGAL_LITE_TOPIC, LITE_TOPIC_QUOTA_EXCEEDED.
   */
  async useLite(parent: TopicCreated, lite: string): Promise<TopicCreated> {
    const known = this.lite(parent.name, lite);
    if (known !== undefined && this.#lites.use(known.topicId)) return known;
    checkLiteName(lite);
    const name = liteName(parent.name, lite);
    await this.#systemTopic.change((): TopicCreated | undefined => {
      if (this.#byName.has(name)) return undefined;
      // It may have been dropped meanwhile.
      this.get(parent.name);
      this.#lites.checkQuota(parent);
      return {
        op: 'topic-created',
        topicId: this.#systemTopic.nextTopicId,
        name,
        queues: 1,
        messageType: parent.messageType,
        timeMs: this.#clock.nowMs(),
      };
    });
    const made = this.lite(parent.name, lite);
    if (made === undefined) throw notFound(parent.name);
    this.#lites.use(made.topicId);
    return made;
  }

  /** Lite topics that nobody sent anything to for `limits.liteIdleMs`. */
  idleLites(): readonly TopicCreated[] {
    return this.#lites.idle().flatMap((topicId) => this.byId(topicId) ?? []);
  }

  /**
   * Drops a lite topic, unless somebody sends something to it (that makes it anew, or keeps it) or
   * it is not idle any more when its turn comes.
   */
  async expireLite(topicId: number, isIdle: () => boolean): Promise<void> {
    try {
      await this.#systemTopic.change(() =>
        this.#byId.has(topicId) && isIdle() && this.#lites.expire(topicId)
          ? { op: 'topic-dropped', topicId }
          : undefined,
      );
    } finally {
      this.#lites.expired(topicId);
    }
  }

  list(): readonly TopicCreated[] {
    const topics = [...this.#byName.values()].map(({ created }) => created);
    const visible = topics.filter(({ name }) => !isInternal(name));
    return visible.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The name of a topic; of one that was dropped, its number. */
  nameOf(topicId: number): string {
    return this.#byId.get(topicId)?.created.name ?? `#${topicId}`;
  }

  /** `undefined` for topics that tables own, and for those that are gone. */
  stateOf(topicId: number): TopicState | undefined {
    return this.#byId.get(topicId);
  }

  /** Topics that tables own have one queue and are not listed. */
  queueCount(topicId: number): number {
    return this.#byId.get(topicId)?.queues ?? 1;
  }

  /** Throws ALREADY_EXISTS, INVALID_ARGUMENT. */
  async create(
    name: string,
    { queues, ifNotExists, messageType = 'MIXED', ...retention }: TopicOptions,
  ): Promise<void> {
    checkName(name);
    checkRetention(retention);
    if (!Number.isInteger(queues) || queues < 1 || queues > limits.topicQueuesMax) {
      throw new MillraceError(
        'INVALID_ARGUMENT',
        `a topic has 1 to ${limits.topicQueuesMax} queues, not ${queues}`,
      );
    }
    await this.#systemTopic.change((): TopicCreated | undefined => {
      if (this.#byName.has(name)) {
        if (ifNotExists) return undefined;
        throw new MillraceError('ALREADY_EXISTS', `topic "${name}" already exists`, {
          sqlState: '42710',
        });
      }
      return {
        op: 'topic-created',
        topicId: this.#systemTopic.nextTopicId,
        name,
        queues,
        messageType,
        ...retention,
        timeMs: this.#clock.nowMs(),
      };
    });
  }

  /** Throws TOPIC_NOT_FOUND, INVALID_ARGUMENT. */
  async alter(topicId: number, retention: TopicRetention): Promise<void> {
    checkRetention(retention);
    await this.#systemTopic.change((): TopicCreated => {
      const topic = this.byId(topicId);
      if (topic === undefined) {
        throw new MillraceError('TOPIC_NOT_FOUND', 'the topic was dropped meanwhile');
      }
      const { op, topicId: id, name, queues, messageType, timeMs } = topic;
      return { op, topicId: id, name, queues, messageType, timeMs, ...retention };
    });
  }

  byId(topicId: number): TopicCreated | undefined {
    return this.#byId.get(topicId)?.created;
  }

  /** With its lite topics. */
  async drop(topicId: number): Promise<void> {
    // Again, when lite topics were made meanwhile: none is left without its topic.
    while (this.#byId.has(topicId)) {
      for (const lite of this.#lites.of(topicId)) await this.drop(lite);
      await this.#systemTopic.change(() =>
        this.#byId.has(topicId) && this.#lites.of(topicId).length === 0
          ? { op: 'topic-dropped', topicId }
          : undefined,
      );
    }
  }

  #apply(record: CatalogueRecord): void {
    if (record.op === 'topic-created') {
      // Of a topic that exists: with other settings.
      const known = this.#byId.get(record.topicId);
      this.#set(known === undefined ? TopicState.of(record) : known.withSettings(record));
    } else if (record.op === 'topic-altered') {
      const topic = this.#byId.get(record.topicId);
      if (topic !== undefined) this.#set(topic.altered(record));
    } else if (record.op === 'topic-dropped') {
      const topic = this.#byId.get(record.topicId);
      if (topic === undefined) return;
      this.#byId.delete(record.topicId);
      this.#byName.delete(topic.created.name);
      this.#lites.remove(record.topicId);
      this.routes.forget(record.topicId);
      for (const listener of this.#onDropped) listener(record.topicId);
    }
  }

  #set(topic: TopicState): void {
    const { name, topicId } = topic.created;
    this.#byName.set(name, topic);
    this.#byId.set(topicId, topic);
    const parent = parentName(name);
    const created = parent === undefined ? undefined : this.#byName.get(parent)?.created;
    if (created !== undefined) this.#lites.add(topicId, created.topicId);
  }
}

function notFound(name: string): MillraceError {
  return new MillraceError('TOPIC_NOT_FOUND', `topic "${name}" does not exist`, {
    sqlState: '42704',
    hint: `Create it with: CREATE TOPIC "${name}".`,
  });
}

const messageTypes: readonly string[] = [
  'MIXED',
  'NORMAL',
  'FIFO',
  'DELAY',
  'TRANSACTION',
  'PRIORITY',
  'LITE',
];

/** Throws INVALID_ARGUMENT. */
export function messageTypeOf(text: string): TopicMessageType {
  if (messageTypes.includes(text)) return text as TopicMessageType;
  throw new MillraceError(
    'INVALID_ARGUMENT',
    `a topic's type is one of ${messageTypes.join(', ')}, not "${text}"`,
  );
}

function checkRetention(retention: TopicRetention): void {
  const { retentionMs, retentionBytes, cleanup, tombstoneMs } = retention;
  for (const [name, value] of Object.entries({ retentionMs, retentionBytes })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new MillraceError('INVALID_ARGUMENT', `${name} is a positive whole number`);
  }
  if (tombstoneMs !== undefined && !(Number.isSafeInteger(tombstoneMs) && tombstoneMs >= 0)) {
    throw new MillraceError('INVALID_ARGUMENT', 'tombstoneMs is a whole number, 0 or more');
  }
  if (cleanup === 'compact' && (retentionMs ?? retentionBytes) !== undefined) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      'a compacted topic keeps the newest message of each key for ever: it has no retention',
      { hint: "Set retention_ms and retention_bytes to 'none'." },
    );
  }
}

/** RocketMQ's rule for topic names (reference rocketmq-v2, 1.11). */
export function checkName(name: string): void {
  if (name.length <= limits.topicNameMax && /^[%a-zA-Z0-9_-]+$/.test(name)) return;
  throw new MillraceError(
    'INVALID_ARGUMENT',
    `"${name}" is not a topic name: 1 to ${limits.topicNameMax} letters, digits and %_-`,
  );
}

function isInternal(name: string): boolean {
  return name.startsWith('%SYS%') || name.startsWith(litePrefix);
}

/** Names that clients may give; some are RocketMQ's own (reference rocketmq-v2, 1.11). */
function checkClientName(name: string): void {
  // Of a namespace it is NAMESPACE%NAME.
  if (name.length <= limits.topicNameMax && /^([a-zA-Z0-9_-]+%)?[a-zA-Z0-9_-]+$/.test(name)) {
    if (!reservedTopics.has(name) && !name.startsWith('rmq_sys_')) return;
  }
  throw new MillraceError('ILLEGAL_TOPIC', `"${name}" is not a name for a topic`);
}

const reservedTopics: ReadonlySet<string> = new Set([
  'TBW102',
  'SCHEDULE_TOPIC_XXXX',
  'BenchmarkTest',
  'RMQ_SYS_TRANS_HALF_TOPIC',
  'RMQ_SYS_TRACE_TOPIC',
  'RMQ_SYS_TRANS_OP_HALF_TOPIC',
  'TRANS_CHECK_MAX_TIME_TOPIC',
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
  'CHECKPOINT_TOPIC',
]);
