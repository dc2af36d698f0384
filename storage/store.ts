import type { PartitionStats } from './log/partition.ts';
import type { IndexRows } from './queues/index-rows.ts';
import type { QueueSegment } from './queues/queue-mapping.ts';

/**
 * What storage promises to the layers above. One `Store` owns a data directory: the commit log in
 * one or more physical partitions, the consume queues over it, and the `index/` database.
 *
 * Invariants
 * - An append resolves only after its bytes are fdatasync'ed. A rejected append is in no reader's
 *   sight, now or after a restart, or its error says that its fate is unknown (IO).
 * - Nothing at or past a partition's `durableEnd` is returned by any read.
 * - Offsets of a logical queue are dense, from 0, in log order; a batch takes `count` of them.
 * - A logical queue lives on one partition at a time; its mapping says on which ones it has lived.
 *   Whoever reads it by offset sees nothing of that.
 * - Store times order the entries of all partitions; within one, equal times go by position.
 * - Topic id 0, queue 0 is the system topic: the catalogue's changes. Its queue 1 has the changes
 *   of queues' mappings. Both live on partition 0, always.
 */
export const systemTopicId = 0;

/** What the body of an entry is. Numbers are on disk: never reuse one. */
export const entryKinds = {
  /** Body = a SendMessageRequest as the client sent it: field 1, repeated Message. */
  messages: 1,
  /** Body = UTF-8 JSON, one catalogue record (engine/broker/system-topic.ts). */
  catalogue: 2,
  /** Body = resolved rows of one DML statement (engine/formats/row-block.ts). */
  rows: 3,
  /** Body = a request with one message that waits (engine/broker/parked.ts). */
  parked: 4,
  /** Body = which parked messages do not wait any more (engine/broker/parked.ts). */
  settled: 5,
  /** Body = a change of queues' mappings (queues/queue-mapping.ts). */
  mapping: 6,
  /** Body = a SendMessageRequest whose one Message has packed records for a body (engine/formats/packed-records.ts). */
  packed: 7,
} as const;
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds];

/** Entries of client's messages, in either form. */
export function holdsMessages(kind: EntryKind): boolean {
  return kind === entryKinds.messages || kind === entryKinds.packed;
}

export interface AppendRequest {
  readonly topicId: number;
  readonly queueId: number;
  readonly kind: EntryKind;
  /** Messages in the body, from 1 to limits.entryMessagesMax. */
  readonly count: number;
  /** Copied before `append` returns to its caller; the caller may reuse it. */
  readonly body: Uint8Array;
  /** 32-bit hash of the first message id, 0 where there is none (DESIGN section 5, duplicates). */
  readonly firstIdHash: number;
  /**
   * 32-bit hash of the tag that all messages of the entry share; `tagNone` when none has a tag,
   * `tagMixed` when they differ. Kept in the index so that a filtered read can skip an entry.
   */
  readonly tagHash: number;
  /**
   * Resolves only when the entry is durable, also where messages are acknowledged early: for what
   * lets another entry be given up.
   */
  readonly mustBeDurable?: boolean;
  /** When the append of messages resolves; as the store was opened, when absent. */
  readonly flush?: FlushMode | undefined;
}
export const tagNone = 0;
export const tagMixed = 0xffffffff;

export interface Appended {
  readonly partition: number;
  /** Byte position of the entry's header in its partition. */
  readonly position: number;
  /** Header and body, bytes. */
  readonly length: number;
  readonly baseOffset: number;
  /** Milliseconds since 1970; may have a fraction (log/store-times.ts). */
  readonly storeTimeMs: number;
}

/** One entry read back. `body` is a view that stays valid; nobody writes to it. */
export interface Entry {
  readonly kind: EntryKind;
  readonly topicId: number;
  readonly queueId: number;
  readonly baseOffset: number;
  readonly count: number;
  readonly storeTimeMs: number;
  readonly partition: number;
  readonly position: number;
  readonly length: number;
  /** Compaction took messages out of the body; the others keep their numbers and offsets. */
  readonly isThinned: boolean;
  readonly body: Uint8Array;
}

/** What a message can be found by. */
export interface MessageNames {
  /** Empty when it has none. */
  readonly id: string;
  readonly keys: readonly string[];
}

/** The names of an entry's messages, in order; the layers above know the formats of bodies. */
export type NamesOf = (entry: Entry) => readonly MessageNames[];

/** Which name of a message is meant. */
export type NameKind = 'id' | 'key';

/** Message `index` of an entry. */
export interface FoundMessage {
  readonly entry: Entry;
  readonly index: number;
}

export interface QueueRange {
  /** First retained offset. */
  readonly minOffset: number;
  /**
   * Below it messages may be missing whose keys came again later (compaction/compactor.ts); absent
   * where nothing was compacted away.
   */
  readonly compactedOffset?: number;
  /** One past the last durable offset. */
  readonly maxOffset: number;
}

/** How long a topic keeps its messages; without any of these, for ever. */
export interface TopicPolicy {
  /** Older messages may go. */
  readonly retentionMs?: number;
  /** The oldest messages may go while there are more bytes than this without them. */
  readonly retentionBytes?: number;
  /** Messages may go whose key came again. */
  readonly compaction?: CompactionPolicy;
}

export interface CompactionPolicy {
  /** So long a message that deletes its key stays, once all older ones of the key are gone. */
  readonly tombstoneMs: number;
  /** Of a table's rows: which columns are the key. */
  readonly keyColumns?: readonly number[];
}

/** A message of an entry, as compaction sees it. */
export interface KeyedMessage {
  /** `undefined`: it has none, and stays. */
  readonly key: Uint8Array | undefined;
  /** It deletes its key. */
  readonly isTombstone: boolean;
}

/** What compaction must know of the bodies of entries; the layers above know their formats. */
export interface KeyedFormat {
  /**
   * The entry's messages in order, each read when it is asked for; `undefined` for one that was
   * taken out before. One more may stand for what the entry says as a whole. Throws MALFORMED,
   * CORRUPTION or any error that is no MillraceError for an entry that is not of the format.
   */
  messages(entry: Entry, policy: CompactionPolicy): Iterable<KeyedMessage | undefined>;
  /** The body without the messages whose `isKept` is 0; the others keep their numbers. As above. */
  without(
    entry: Entry,
    isKept: Uint8Array,
    policy: CompactionPolicy,
    turns: Turns,
  ): Uint8Array | Promise<Uint8Array>;
}

/** Divides a long loop into turns of the event loop: `if (turns.isOver) await turns.next()`. */
export interface Turns {
  readonly isOver: boolean;
  next(): Promise<void>;
}

/** What the layers above know of topics and of who reads them. */
export interface RetentionRules {
  /** `undefined`: the topic was dropped, and nobody will ask for its messages again. */
  policy(topicId: number): TopicPolicy | undefined;
  /** Topics that were dropped, and are not known to be gone from the log (RetentionReport). */
  readonly dropped?: Iterable<number>;
  /** Messages from this offset on are still needed; Infinity when none are. */
  floor(topicId: number, queueId: number): number;
  /** A segment that has taken writes for so long is ended, so that what it holds can expire. */
  readonly segmentAgeMs: number;
  /**
   * A topic is compacted when what has come since the last time is as much as what was left then,
   * or is so old.
   */
  readonly compactionLagMs: number;
  /** Messages younger than this are not compacted away; 0 unless it is given. */
  readonly compactionAgeMs?: number;
}

export interface RetentionReport {
  /** Queues that begin later than before, or lie in a topic that is gone. */
  readonly expiredQueues: number;
  /** Messages that went because their keys came again, and those that deleted a key. */
  readonly compactedMessages: number;
  /** Segments that were written anew, or joined. */
  readonly cleanedSegments: number;
  readonly freedBytes: number;
  /** Of rules.dropped those of which no segment has anything any more, nor will have. */
  readonly goneTopics: readonly number[];
  /** Segments that were found damaged since the start; each stays as it is until it is repaired. */
  readonly damagedSegments: readonly { readonly path: string; readonly text: string }[];
  /** Of each compacted topic that has such entries, as the last pass over it found them. */
  readonly undecodable: readonly UndecodableEntries[];
}

/** Whole entries of a compacted topic that compaction cannot decode: they stay as they are. */
export interface UndecodableEntries {
  readonly topicId: number;
  /** Of the first one. */
  readonly queueId: number;
  /** Of its first message. */
  readonly offset: number;
  /** Why it cannot be decoded. */
  readonly text: string;
  readonly entries: number;
}

/**
 * When an append of messages resolves: `sync` = after fdatasync. `interval` = as soon as it is
 * placed; the commit follows within limits.flushIntervalMs, and a power loss, a crash or a failing
 * disk before it loses what was acknowledged. Nobody sees a message before it is durable either way.
 */
export type FlushMode = 'sync' | 'interval';

/** Counters since the start, and the state of now. */
export interface StoreStats extends PartitionStats {
  /** Entries that were acknowledged early and then could not be written. */
  readonly lostAcks: number;
  readonly appendedMessages: number;
  /** The sum of the partitions' durable ends: bytes of the log. */
  readonly durableEnd: number;
  /** Queues in memory; idle ones are in the index alone. */
  readonly activeQueues: number;
  /** Entries that compaction cannot decode, as its last pass over each topic found them. */
  readonly undecodableEntries: number;
  /** Entries that the index on disk lacks. */
  readonly indexLagEntries: number;
}

export interface Store {
  /** Names this data directory; part of every file's header. 16 bytes, lower-case hex. */
  readonly serverId: string;
  /**
   * Any topic id is legal here, and any queue id below limits.topicQueuesMax: existence is the
   * broker's business. Rejects with MESSAGE_TOO_LARGE, DISK_FULL, RESOURCE_LIMIT (more waits for
   * the disk than memory should hold), IO, UNAVAILABLE (closed).
   */
  append(request: AppendRequest): Promise<Appended>;
  range(topicId: number, queueId: number): Promise<QueueRange>;
  /** Resolves when no append to the topic's queues below `queues` is under way. */
  drained(topicId: number, queues: number): Promise<void>;
  /** As `range`, at once; `undefined` for a queue that was not used lately and is not in memory. */
  rangeNow(topicId: number, queueId: number): QueueRange | undefined;
  /** Numbers of the physical partitions, ascending, 0 first. Partition n is called `pn`. */
  readonly partitions: readonly number[];
  /** On which partitions the queue has lived, from which offset on; never empty. */
  mapping(topicId: number, queueId: number): Promise<readonly QueueSegment[]>;
  /**
   * From now on the queues' new entries go to `partition`. Appends wait for the change; no offset
   * is skipped or given twice. Resolves when the change is durable; when it rejects nothing has
   * changed. Throws INVALID_ARGUMENT for a partition that does not exist and for the system topic.
   */
  moveQueues(topicId: number, queueIds: readonly number[], partition: number): Promise<void>;
  /**
   * Index rows of the entries that hold offsets in [fromOffset, range.maxOffset), oldest first, at
   * most `maxEntries`. The first row's entry may begin before `fromOffset` (inside a batch).
   * Fast from memory for recent entries, else one read of the index.
   */
  indexRows(
    topicId: number,
    queueId: number,
    fromOffset: number,
    maxEntries: number,
  ): Promise<IndexRows>;
  /** Smallest offset whose store time is >= `timeMs`; range.maxOffset if there is none. */
  offsetAtTime(topicId: number, queueId: number, timeMs: number): Promise<number>;
  /**
   * Reads and checks one entry; `undefined` when it expired, or was superseded, since the index row
   * was read. Throws CORRUPTION when its CRC or header does not fit.
   */
  readEntry(partition: number, position: number, length: number): Promise<Entry | undefined>;
  /**
   * Visits the entries of a partition from `from` to its durable end, in their order; from its start
   * when `from` is not given. `from` is where an entry began once. Throws CORRUPTION, IO.
   */
  scan(
    partition: number,
    from: number | undefined,
    visit: (entry: Entry & { readonly firstIdHash: number }) => void,
  ): Promise<void>;
  /** Messages of the topic with this id or key, newest first, at most `max`. */
  find(
    topicId: number,
    kind: NameKind,
    name: string,
    max: number,
  ): Promise<readonly FoundMessage[]>;
  /**
   * Calls back once per group commit, after fdatasync and after the consume queues took the
   * entries in: one row for each new entry of all topics. Synchronous; must not throw. The rows
   * are shared by all listeners: copy what is to be transferred. Entries of one queue come in
   * the order of their offsets, those of different partitions in no particular order.
   */
  onDurable(listener: (rows: IndexRows) => void): () => void;
  /**
   * As `onDurable`, but all entries come in the order of their store times, which a replay of the
   * log finds again: rows wait until no partition has an older entry under way.
   */
  onOrdered(listener: (rows: IndexRows) => void): () => void;
  /** Resolves when `onOrdered` has had all that is durable now; `undefined` when it has already. */
  ordered(): Promise<void> | undefined;
  /**
   * Drops what is past its topic's retention and not needed any more. Offsets stay as they are:
   * `range` begins later, and readers skip what is gone. One pass at a time. Damaged segments are
   * reported, and so is what compaction cannot decode; everything else goes on. Throws IO, DISK_FULL,
   * CORRUPTION, UNAVAILABLE; what was not done is done by a later pass.
   */
  retain(rules: RetentionRules): Promise<RetentionReport>;
  /** Calls back when segment files were replaced: old ones that are open are of no use. */
  onSegmentsReplaced(listener: () => void): () => void;
  /** Key-value pairs of the broker (group cursors): derived state beside the queues' index. */
  readonly derived: DerivedKeys;
  stats(): StoreStats;
  /**
   * Ends appends, waits for the running commit, writes the index, closes everything. Rejects, with
   * everything closed, when the index could not be written; the next start brings it up to date.
   */
  close(): Promise<void>;
}

/**
 * Small durable-on-kill values of upper layers in the `index/` database, under their own prefix.
 * A write survives kill -9 and may be lost at power failure: callers must be right either way.
 */
export interface DerivedKeys {
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** All pairs whose key starts with `prefix`, read at start. */
  load(prefix: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Pairs of the keys from `from` to before `to`, in the order of the keys' UTF-8 bytes. */
  scan(from: string, to: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Resolves when every earlier put and delete was handed to the database. */
  settled(): Promise<void>;
}
