import type { RelationKind } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { Field, SqlType } from '../../sql/columns/types.ts';

/** SQL as connectors see it. Implemented by `engine/views/sql-client.ts` over the worker. */
export interface SqlService {
  /**
   * Runs every statement of `text` in order; the result is the last one's. Rejects with a
   * MillraceError (position relative to `text`); statements before a failing one stay done.
   * `readAfter`: the answer reflects at least these (topic name, queue, offset)s.
   */
  execute(text: string, options?: ExecuteOptions): Promise<SqlResult>;
  /** Parses and analyses one statement without running it, as the session has it. */
  describe(text: string, options?: StatementOptions): Promise<StatementDescription>;
  /** Forgets what was set in the session. */
  closeSession(session: string): void;
  /** Every relation that a user can name, sorted by name. */
  relations(): Promise<readonly RelationInfo[]>;
  close(): Promise<void>;
}

/** What a statement does: reads, changes rows, or changes what there is. */
export type StatementClass = 'read' | 'write' | 'admin';

export interface StatementOptions {
  /** Whose settings hold, and keep what SET sets; without one they end with the text. */
  readonly session?: string;
  /** Statements of higher classes are refused with FORBIDDEN; absent: none is. */
  readonly highest?: StatementClass;
}

export interface ExecuteOptions extends StatementOptions {
  /** What `$1` and so on stand for, as text; null is NULL. */
  readonly parameters?: readonly (string | null)[];
  /** Aborting cancels the query; its batches then reject with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Progress of long work (a view's replay): rows done and rows known to remain. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type SqlResult = RowsResult | CommandResult;

/** A query, SHOW, DESCRIBE or EXPLAIN. The consumer must drain or return the iterator. */
export interface RowsResult {
  readonly kind: 'rows';
  readonly fields: readonly Field[];
  /** All weights are 1; up to 8,192 rows a batch. Reading slowly holds the query back. */
  readonly batches: AsyncIterable<Batch>;
}

export interface CommandResult {
  readonly kind: 'command';
  /** PostgreSQL's command tag: `CREATE TABLE`, `INSERT 0 3`. */
  readonly tag: string;
  /** Rows changed by DML; `undefined` for the rest. */
  readonly rowsAffected?: number;
}

export interface StatementDescription {
  /** `undefined` when the statement returns no rows. */
  readonly fields: readonly Field[] | undefined;
  readonly isUpdate: boolean;
  /** Types of `$1`, `$2` and so on. */
  readonly parameters: readonly SqlType[];
}

export interface RelationInfo {
  readonly name: string;
  readonly kind: RelationKind;
  readonly fields: readonly Field[];
  readonly primaryKey: readonly number[];
}
