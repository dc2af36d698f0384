import type { ErrorData } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { IndexRows } from '../../storage/queues/index-rows.ts';
import type {
  CatalogueRecord,
  RelationAltered,
  RelationCreated,
  RelationRenamed,
  TopicRetention,
} from '../broker/catalogue-record.ts';
import type {
  ExecuteOptions,
  Progress,
  RelationInfo,
  StatementDescription,
  StatementOptions,
} from './sql-service.ts';

/**
 * Messages between the main thread (`sql-client.ts`) and the dataflow worker (`sql-engine.ts`).
 *
 * Invariants
 * - Main posts `rows` in the order of their store times, which over all partitions is the order of
 *   the appends: each durable entry of a followed topic exactly once, from the moment it posts
 *   `followed`. All rows that were durable before an `execute` precede it.
 * - Main posts each catalogue `record` once, in order, before any answer that depends on it.
 * - Buffers in messages are transferred: the sender never touches them again.
 */
export type ToWorker =
  | { readonly type: 'record'; readonly record: CatalogueRecord }
  /** Every record that was durable at start has been posted. */
  | { readonly type: 'catalogue-complete' }
  | { readonly type: 'rows'; readonly rows: IndexRows }
  /** `ranges[queueId]` = offsets before those that later `rows` will bring. */
  | { readonly type: 'followed'; readonly topicId: number; readonly ranges: readonly QueueSpan[] }
  /** Answer to `fetch-rows`; `error` instead when the index could not be read. */
  | { readonly type: 'fetched-rows'; readonly requestId: number; readonly rows: IndexRows }
  | { readonly type: 'fetch-failed'; readonly requestId: number; readonly error: ErrorData }
  | {
      readonly type: 'execute' | 'describe';
      readonly id: number;
      readonly text: string;
      readonly options: StatementOptions & Pick<ExecuteOptions, 'parameters'>;
    }
  | { readonly type: 'close-session'; readonly session: string }
  | { readonly type: 'relations'; readonly id: number }
  | { readonly type: 'cancel'; readonly id: number }
  /** The consumer took one batch of query `id`: the worker may send another. */
  | { readonly type: 'credit'; readonly id: number }
  /** Answer to `propose` or `append`; rows and records that it caused were posted before. */
  | { readonly type: 'changed'; readonly id: number; readonly baseOffset: number }
  | { readonly type: 'change-failed'; readonly id: number; readonly error: ErrorData }
  /** Make what has been consumed durable, and answer `checkpoint-flushed`. */
  | { readonly type: 'flush-checkpoint'; readonly id: number }
  /** Segment files were replaced: let go of those that are open. */
  | { readonly type: 'segments-replaced' }
  /** Write a last checkpoint and answer `stopped`. */
  | { readonly type: 'stop' };

export interface QueueSpan {
  readonly minOffset: number;
  /** Below it messages may be missing whose keys came again. */
  readonly compactedOffset?: number;
  readonly maxOffset: number;
}

/** Part of a queue that is read from offset `from` on. */
export interface HeldSpan {
  readonly topicId: number;
  readonly queueId: number;
  readonly from: number;
}

/** What a checkpoint holds that survives a power loss. */
export interface FlushedCheckpoint {
  /** Next offset of each queue, by queue id, of each topic that relations read. */
  readonly frontier: ReadonlyMap<number, readonly number[]>;
  /** Relations whose state it holds, and views that have none. */
  readonly relations: ReadonlySet<number>;
}

/** How the worker got its state at start. */
export interface StartReport {
  /** Relations whose state came from the checkpoint. */
  readonly restored: number;
  /** Relations built from the whole log. */
  readonly filled: number;
  /** Log entries beyond the checkpoint that were replayed. */
  readonly replayed: number;
}

/** A catalogue change as the worker proposes it; main assigns the ids. */
export type Proposal =
  | {
      readonly op: 'create-topic';
      readonly name: string;
      readonly queues: number;
      /** As the statement says; main checks it. */
      readonly messageType: string;
      readonly ifNotExists: boolean;
      readonly retention: TopicRetention;
    }
  | { readonly op: 'alter-topic'; readonly topicId: number; readonly retention: TopicRetention }
  | { readonly op: 'grow-topic'; readonly name: string; readonly queues: number }
  | {
      readonly op: 'move-queue';
      readonly name: string;
      readonly queueId: number;
      readonly partition: number;
    }
  | { readonly op: 'drop-topic'; readonly topicId: number }
  | {
      readonly op: 'create-relation';
      readonly record: Omit<
        RelationCreated,
        'op' | 'relationId' | 'timeMs' | 'topicId' | 'startsAt'
      > & {
        /** Topic to read; `ownsTopic` asks main for a new one instead. */
        readonly topicId?: number;
      };
      /** Topics that it reads as sources. */
      readonly reads: readonly number[];
    }
  | {
      readonly op: 'rename-relation';
      readonly record: Omit<RelationRenamed, 'op'>;
    }
  | {
      readonly op: 'alter-relation';
      readonly record: Omit<RelationAltered, 'op'>;
    }
  | { readonly op: 'drop-relations'; readonly relationIds: readonly number[] };

/** An entry for queue 0 of a topic: rows of a table, or messages of which the first has the id. */
export interface AppendedEntry {
  readonly topicId: number;
  readonly kind: 'rows' | 'messages';
  readonly count: number;
  readonly body: Uint8Array;
  readonly messageId?: string;
}

export type FromWorker =
  /** The catalogue is loaded, state restored; statements are accepted from the start. */
  | ({ readonly type: 'ready' } & StartReport)
  /** The state database or the engine failed; the worker answers nothing any more. */
  | { readonly type: 'fatal'; readonly error: ErrorData }
  | { readonly type: 'follow'; readonly topicId: number }
  | { readonly type: 'unfollow'; readonly topicId: number }
  /** What lies in the spans is about to be read: nothing of it may expire until it is released. */
  | { readonly type: 'hold'; readonly id: number; readonly spans: readonly HeldSpan[] }
  | { readonly type: 'release'; readonly id: number }
  /** `checkpoint` is what is durable now; without it nothing new is. */
  | {
      readonly type: 'checkpoint-flushed';
      readonly id: number;
      readonly checkpoint?: FlushedCheckpoint;
    }
  /** At most `maxEntries` index rows of the queue from `fromOffset` on. */
  | {
      readonly type: 'fetch-rows';
      readonly requestId: number;
      readonly topicId: number;
      readonly queueId: number;
      readonly fromOffset: number;
      readonly maxEntries: number;
    }
  | { readonly type: 'propose'; readonly id: number; readonly proposal: Proposal }
  | {
      readonly type: 'append';
      readonly id: number;
      readonly entry: AppendedEntry;
    }
  | { readonly type: 'fields'; readonly id: number; readonly fields: readonly Field[] }
  | { readonly type: 'batch'; readonly id: number; readonly batch: Batch }
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'done'; readonly id: number; readonly tag: string; readonly rows?: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorData }
  | { readonly type: 'described'; readonly id: number; readonly description: StatementDescription }
  | { readonly type: 'relation-list'; readonly id: number; readonly list: readonly RelationInfo[] }
  | { readonly type: 'stopped' };
