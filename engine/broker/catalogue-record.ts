import { MillraceError } from '../../platform/errors.ts';
import type { FlushMode } from '../../storage/store.ts';

/**
 * The catalogue's changes: one JSON record per entry of the system topic (DESIGN section 4), in
 * UTF-8. The broker and the SQL engine each replay the records they know; replaying all of them in
 * order gives the present catalogue. Records are on disk: fields are only ever added.
 *
 * Records that say nothing any more are named in a `records-trimmed` one: from then on a start
 * passes over them, and compaction takes them out (keyed-catalogue.ts).
 *
 * | op                 | says                                  | until                              |
 * |--------------------|---------------------------------------|------------------------------------|
 * | `topic-created`    | a topic; of one that exists, settings | the log has nothing of the topic,  |
 * |                    |                                       | which was dropped; settings: until |
 * |                    |                                       | the next ones                      |
 * | `topic-altered`    | its number of queues grew             | the log has nothing of the topic   |
 * | `topic-dropped`    |                                       | the log has nothing of the topic   |
 * | `group-created`    | a group, or its settings              | the next record of its name        |
 * | `group-dropped`    |                                       | no time; of the youngest group     |
 * |                    |                                       | both until a younger one goes      |
 * | `user-created`     | an access key, or its settings        | the next record of the key         |
 * | `user-dropped`     |                                       | no time                            |
 * | `relation-created` | a relation                            | it was dropped, or replaced, and   |
 * |                    |                                       | the log has nothing of the topics  |
 * |                    |                                       | that it, and what was dropped with |
 * |                    |                                       | it, owned                          |
 * | `relation-renamed` |                                       | with its relation                  |
 * | `relation-altered` |                                       | with its relation                  |
 * | `relation-dropped` |                                       | with its relations                 |
 * | `records-trimmed`  | which records said nothing any more   | compaction has taken them out;     |
 * |                    |                                       | the last one stays                 |
 */
export type CatalogueRecord =
  | TopicCreated
  | TopicAltered
  | TopicDropped
  | GroupCreated
  | GroupDropped
  | UserCreated
  | UserDropped
  | RelationCreated
  | RelationRenamed
  | RelationAltered
  | RelationDropped;

/** Announced to nobody: it changes nothing. One message for each record that it names. */
export interface RecordsTrimmed {
  readonly op: 'records-trimmed';
  /**
   * Of each record the offset of its entry plus 10, ascending; 0 for one that compaction has taken
   * out, which is always shorter.
   */
  readonly places: readonly number[];
  /** The lowest ids that were never used: the records that used them may be gone. */
  readonly nextTopicId: number;
  readonly nextRelationId: number;
}

const placeBase = 10;

export function trimmedPlace(offset: number): number {
  return offset + placeBase;
}

/** `undefined` for a record that was taken out. */
export function trimmedOffset(place: number): number | undefined {
  return place === 0 ? undefined : place - placeBase;
}

export function encodeRecord(record: CatalogueRecord | RecordsTrimmed): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

/** Throws CORRUPTION. */
export function decodeRecord(body: Uint8Array, offset: number): CatalogueRecord | RecordsTrimmed {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new MillraceError(
      'CORRUPTION',
      `the system topic's entry at offset ${offset} is not a catalogue record`,
      { cause },
    );
  }
}

/** RocketMQ's message types that a topic may take; MIXED takes all but LITE and PRIORITY. */
export type TopicMessageType =
  | 'NORMAL'
  | 'FIFO'
  | 'DELAY'
  | 'TRANSACTION'
  | 'PRIORITY'
  | 'LITE'
  | 'MIXED';

/** Which messages a topic keeps, how long, and when it answers for them. All are optional. */
export interface TopicRetention {
  readonly retentionMs?: number;
  readonly retentionBytes?: number;
  /** Only the newest message of each key stays; never together with the other two. */
  readonly cleanup?: 'compact';
  /** How long a compacted topic keeps a message that deletes its key; limits.tombstoneMs else. */
  readonly tombstoneMs?: number;
  /** When messages are acknowledged (storage/store.ts); as the server was told, when absent. */
  readonly flush?: FlushMode;
}

/** A new topic; for an id that exists, its new settings. */
export interface TopicCreated extends TopicRetention {
  readonly op: 'topic-created';
  /** From 1; never reused. 0 is the system topic. */
  readonly topicId: number;
  readonly name: string;
  readonly queues: number;
  readonly messageType: TopicMessageType;
  readonly timeMs: number;
}

/** A topic got more queues (slots.ts). */
export interface TopicAltered {
  readonly op: 'topic-altered';
  readonly topicId: number;
  readonly queues: number;
  /** Queue of each slot from now on. */
  readonly slots: readonly number[];
  /** End of each earlier queue at the change. */
  readonly ends: readonly number[];
}

export interface TopicDropped {
  readonly op: 'topic-dropped';
  readonly topicId: number;
}

export interface GroupSettings {
  /** Messages of one message group go out one after the other. */
  readonly fifo: boolean;
  /** Every client gets every message, from the time it first asks. */
  readonly broadcast: boolean;
  /** A lite topic is one client's at a time, the one that subscribed last. */
  readonly exclusive?: boolean;
  /** Lite topics that a client subscribes to at most; limits.liteSubscriptionsMax without it. */
  readonly liteQuota?: number;
  /** Deliveries of a message before it goes to `%DLQ%NAME`. */
  readonly maxAttempts: number;
  /** Where the group begins on a topic: `end` = when the group was made; a number = a time, ms. */
  readonly start: 'beginning' | 'end' | number;
}

/** A new consumer group; for one that exists, its new settings. */
export interface GroupCreated extends GroupSettings {
  readonly op: 'group-created';
  readonly name: string;
  readonly timeMs: number;
}

export interface GroupDropped {
  readonly op: 'group-dropped';
  readonly name: string;
}

/** What an access key may do with topics or groups, or with SQL. */
export interface Grant {
  readonly kind: 'topic' | 'group' | 'sql';
  /** A name, or with * behind it the beginning of names; for SQL `*`. */
  readonly name: string;
  readonly actions: readonly ('publish' | 'subscribe' | 'admin')[];
}

export interface UserSettings {
  readonly secretKey: string;
  /** May do everything. */
  readonly admin: boolean;
  readonly grants: readonly Grant[];
}

/** A new access key; for one that exists, its new settings. */
export interface UserCreated extends UserSettings {
  readonly op: 'user-created';
  readonly accessKey: string;
  readonly timeMs: number;
}

export interface UserDropped {
  readonly op: 'user-dropped';
  readonly accessKey: string;
}

/** First offset of each queue of a topic, by queue id. */
export interface TopicStart {
  readonly topicId: number;
  readonly offsets: readonly number[];
}

/** A source, table, view, materialized view, index or sink, by the statement that made it. */
export interface RelationCreated {
  readonly op: 'relation-created';
  readonly relationId: number;
  readonly name: string;
  /** The CREATE statement's text; parsed and planned again at start. */
  readonly sql: string;
  /** Topic that it reads (sources, tables over topics) or owns (tables). */
  readonly topicId?: number;
  /** The topic came with the relation and goes with it: no client sees or reaches it. */
  readonly ownsTopic?: boolean;
  /**
   * Of a table that owns its topic: the columns of its key, when equal keys have equal bytes
   * (formats/keyed-rows.ts); then the topic is compacted.
   */
  readonly keyColumns?: readonly number[];
  /** Topic that it writes into (sinks). */
  readonly targetTopicId?: number;
  /** CREATE OR REPLACE: the relation that goes in the same moment. */
  readonly replaces?: number;
  /** Where the topics began that it reads as sources: what had expired by then it never saw. */
  readonly startsAt?: readonly TopicStart[];
  readonly timeMs: number;
}

/** Later records, and relations created later, mean it by its new name. */
export interface RelationRenamed {
  readonly op: 'relation-renamed';
  readonly relationId: number;
  /** New name of the relation. */
  readonly name?: string;
  /** A column's old and new name. */
  readonly column?: { readonly from: string; readonly to: string };
}

/** A table that owns its topic has other columns from now on; relations created before keep theirs. */
export interface RelationAltered {
  readonly op: 'relation-altered';
  readonly relationId: number;
  /** CREATE TABLE with its present name and the new columns. */
  readonly sql: string;
  /**
   * Of each new column, the hidden key among them, where its values come from
   * (engine/views/stored-layout.ts).
   */
  readonly origins: readonly (number | string | null)[];
}

export interface RelationDropped {
  readonly op: 'relation-dropped';
  /** All that one DROP ... CASCADE takes away: atomically. */
  readonly relationIds: readonly number[];
}
