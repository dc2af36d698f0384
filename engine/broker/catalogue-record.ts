/**
 * The catalogue's changes: one JSON record per entry of the system topic (DESIGN section 4). The
 * broker and the SQL engine each replay the records they know; replaying all of them in order
 * from offset 0 gives the present catalogue. Records are on disk: fields are only ever added.
 */
export type CatalogueRecord = TopicCreated | TopicDropped | RelationCreated | RelationDropped;

/** RocketMQ's message types that a topic may take; First light serves NORMAL. */
export type TopicMessageType = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION' | 'MIXED';

export interface TopicCreated {
  readonly op: 'topic-created';
  /** From 1; never reused. 0 is the system topic. */
  readonly topicId: number;
  readonly name: string;
  readonly queues: number;
  readonly messageType: TopicMessageType;
  readonly timeMs: number;
}

export interface TopicDropped {
  readonly op: 'topic-dropped';
  readonly topicId: number;
}

/** A source, table, view or materialized view, by the statement that made it. */
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
  readonly timeMs: number;
}

export interface RelationDropped {
  readonly op: 'relation-dropped';
  /** All that one DROP ... CASCADE takes away: atomically. */
  readonly relationIds: readonly number[];
}
