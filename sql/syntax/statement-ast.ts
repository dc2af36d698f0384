import type {
  CommonTable,
  Expression,
  Identifier,
  Node,
  QualifiedName,
  Query,
  RowExpression,
  SelectItem,
  Span,
  SubqueryExpression,
  TableExpression,
  TypeName,
} from './ast.ts';

/** The syntax tree of statements, over that of expressions and queries (ast.ts). */

export interface ColumnDefinition extends Node {
  readonly name: Identifier;
  readonly typeName: TypeName;
  readonly notNull: boolean;
  readonly primaryKey: boolean;
  readonly unique: boolean;
  /** Where CONSTRAINT gives the key, or UNIQUE, a name. */
  readonly primaryKeyName?: Identifier;
  readonly uniqueName?: Identifier;
  readonly checks: readonly CheckDefinition[];
  readonly defaultValue?: Expression;
  /** `GENERATED ALWAYS AS (expression) STORED`. */
  readonly generated?: Expression;
  /** `METADATA [FROM 'kind']`: a property of the message, here by the kind's name. */
  readonly metadata?: string;
}

/** `[CONSTRAINT name] CHECK (expression)`, of a column or of the table. */
export interface CheckDefinition extends Node {
  readonly name?: Identifier;
  readonly expression: Expression;
}

/** `[CONSTRAINT name] UNIQUE (columns)`. */
export interface UniqueDefinition extends Node {
  readonly name?: Identifier;
  readonly columns: readonly Identifier[];
}

export interface WatermarkDefinition extends Node {
  readonly column: Identifier;
  readonly expression: Expression;
}

/** `WITH (name = value, ...)`; names lower case, values as text or as true/false. */
export interface WithOption extends Node {
  readonly name: string;
  readonly value: string;
}

export interface CreateRelation extends Node {
  readonly kind: 'create-relation';
  readonly relation: 'source' | 'table';
  readonly name: QualifiedName;
  readonly ifNotExists: boolean;
  readonly columns: readonly ColumnDefinition[];
  /** Table-level PRIMARY KEY; empty when there is none. */
  readonly primaryKey: readonly Identifier[];
  readonly primaryKeyName?: Identifier;
  readonly checks: readonly CheckDefinition[];
  readonly uniques: readonly UniqueDefinition[];
  readonly watermarks: readonly WatermarkDefinition[];
  readonly appendOnly: boolean;
  /** RisingWave's ON CONFLICT; absent for OVERWRITE, which is so anyway. */
  readonly onConflict?: TableConflict;
  readonly options: readonly WithOption[];
}

/** What a row does whose key is there: nothing, or it puts its values that are not NULL. */
export type TableConflict = 'ignore' | 'fill';

/** `CREATE TABLE name [(columns)] AS query`. */
export interface CreateTableAs extends Node {
  readonly kind: 'create-table-as';
  readonly name: QualifiedName;
  readonly ifNotExists: boolean;
  /** Names for the query's first columns. */
  readonly columns: readonly Identifier[];
  readonly query: Query;
  /** WITH NO DATA: the table stays empty. */
  readonly noData?: true;
}

export interface CreateView extends Node {
  readonly kind: 'create-view';
  readonly materialized: boolean;
  readonly orReplace: boolean;
  readonly name: QualifiedName;
  readonly ifNotExists: boolean;
  readonly columns: readonly Identifier[];
  readonly options: readonly WithOption[];
  readonly query: Query;
}

export interface CreateTopic extends Node {
  readonly kind: 'create-topic';
  readonly name: Identifier;
  readonly ifNotExists: boolean;
  readonly options: readonly WithOption[];
}

export interface CreateIndex extends Node {
  readonly kind: 'create-index';
  readonly unique: boolean;
  /** Without one the table's and the columns' names make it. */
  readonly name?: Identifier;
  readonly ifNotExists: boolean;
  readonly table: QualifiedName;
  readonly columns: readonly { readonly column: Identifier; readonly descending: boolean }[];
}

export interface CreateFunction extends Node {
  readonly kind: 'create-function';
  readonly name: QualifiedName;
  readonly parameters: readonly { readonly name?: Identifier; readonly typeName: TypeName }[];
  readonly returns: TypeName;
  /** A promise that nothing rests on: what the body calls says so itself. */
  readonly volatility?: 'immutable' | 'stable';
  readonly body: { readonly text: string; readonly span: Span };
}

/** `CREATE SINK name FROM relation | AS query INTO [TABLE | TOPIC] target`. */
export interface CreateSink extends Node {
  readonly kind: 'create-sink';
  readonly name: QualifiedName;
  readonly ifNotExists: boolean;
  readonly source: Query;
  readonly target: Identifier;
  /** Absent where the text does not say. */
  readonly targetKind?: 'table' | 'topic';
  readonly options: readonly WithOption[];
}

/** `ALTER object name RENAME TO newName`, or of a column of it. */
export interface Rename extends Node {
  readonly kind: 'rename';
  readonly object: 'source' | 'table' | 'view' | 'materialized view' | 'index' | 'sink';
  readonly ifExists: boolean;
  readonly name: QualifiedName;
  readonly column?: Identifier;
  readonly newName: Identifier;
}

/** `ALTER TABLE t ADD a int, DROP b`. */
export interface AlterTable extends Node {
  readonly kind: 'alter-table';
  readonly ifExists: boolean;
  readonly name: QualifiedName;
  readonly changes: readonly ColumnChange[];
}

export type ColumnChange =
  | { readonly add: ColumnDefinition; readonly ifNotExists: boolean }
  | { readonly drop: Identifier; readonly ifExists: boolean; readonly cascade: boolean };

/** `ALTER TOPIC t SET (queues = 64)`, `ALTER TOPIC t MOVE QUEUE 3 TO p2`. */
export interface AlterTopic extends Node {
  readonly kind: 'alter-topic';
  readonly name: Identifier;
  readonly change:
    | { readonly options: readonly WithOption[] }
    | { readonly queue: string; readonly partition: Identifier };
}

export interface Drop extends Node {
  readonly kind: 'drop';
  readonly object:
    | 'source'
    | 'table'
    | 'view'
    | 'materialized view'
    | 'topic'
    | 'index'
    | 'sink'
    | 'function';
  readonly ifExists: boolean;
  readonly names: readonly QualifiedName[];
  readonly cascade: boolean;
}

/** `WITH [RECURSIVE] ...` before a statement; absent where there is none. */
export interface WithClause {
  readonly tables: readonly CommonTable[];
  readonly recursive: boolean;
}

export interface Insert extends Node {
  readonly kind: 'insert';
  readonly with?: WithClause;
  readonly table: QualifiedName;
  readonly alias?: Identifier;
  readonly columns: readonly Identifier[];
  /** Absent for DEFAULT VALUES. */
  readonly source?: Query;
  readonly onConflict?: 'nothing' | 'replace' | ConflictUpdate;
  /** The columns of `ON CONFLICT (a, b)`, or the constraint that has them; absent without either. */
  readonly conflictKey?: readonly Identifier[] | Identifier;
  readonly returning?: readonly SelectItem[];
}

/** `DO UPDATE SET ... [WHERE ...]`; the new row is called `excluded`. */
export interface ConflictUpdate {
  readonly assignments: readonly (Assignment | RowAssignment)[];
  readonly where?: Expression;
}

export interface Assignment extends Node {
  readonly column: Identifier;
  /** `undefined` for DEFAULT. */
  readonly value: Expression | undefined;
}

/** `(a, b) = (x, DEFAULT)` or `(a, b) = (SELECT ...)`. */
export interface RowAssignment extends Node {
  readonly columns: readonly Identifier[];
  /** DEFAULT in a row is a column of that name, unquoted. */
  readonly value: RowExpression | SubqueryExpression;
}

export interface Update extends Node {
  readonly kind: 'update';
  readonly with?: WithClause;
  readonly table: QualifiedName;
  readonly alias?: Identifier;
  readonly assignments: readonly (Assignment | RowAssignment)[];
  readonly from: readonly TableExpression[];
  readonly where?: Expression;
  readonly returning?: readonly SelectItem[];
}

export interface Delete extends Node {
  readonly kind: 'delete';
  readonly with?: WithClause;
  readonly table: QualifiedName;
  readonly alias?: Identifier;
  readonly using: readonly TableExpression[];
  readonly where?: Expression;
  readonly returning?: readonly SelectItem[];
}

/** `MERGE INTO t USING source ON condition WHEN ...`: each row does what the first clause says that fits. */
export interface Merge extends Node {
  readonly kind: 'merge';
  readonly with?: WithClause;
  readonly table: QualifiedName;
  readonly alias?: Identifier;
  readonly source: TableExpression;
  readonly on: Expression;
  readonly clauses: readonly MergeClause[];
}

export interface MergeClause extends Node {
  /** Rows of both sides; of the source alone; of the target alone. */
  readonly of: 'both' | 'source' | 'target';
  readonly condition?: Expression;
  readonly action: MergeAction;
}

export type MergeAction =
  | { readonly kind: 'nothing' | 'delete' }
  | { readonly kind: 'update'; readonly assignments: readonly (Assignment | RowAssignment)[] }
  /** Without `values`: DEFAULT VALUES. */
  | {
      readonly kind: 'insert';
      readonly columns: readonly Identifier[];
      readonly values?: readonly Expression[];
    };

/** `WITH earlier AS (query), name AS (change), later AS (query) query`. */
export interface ChangingWith extends Node {
  readonly kind: 'changing-with';
  /** What RETURNING gives; its WITH clause has the earlier tables. */
  readonly name: Identifier;
  readonly columns: readonly Identifier[];
  readonly change: Insert | Update | Delete;
  /** Its WITH clause has the earlier tables and the later ones. */
  readonly query: Query;
}

/** `TRUNCATE [TABLE] t, u`: all rows of them go. */
export interface Truncate extends Node {
  readonly kind: 'truncate';
  readonly tables: readonly QualifiedName[];
}

export interface Explain extends Node {
  readonly kind: 'explain';
  readonly analyze: boolean;
  /** The plan as it is run; as it was before the rewrite rules; the functions made of it. */
  readonly form: 'incremental' | 'logical' | 'code';
  /** A statement, or a materialized view by its name. */
  readonly statement: Statement | { readonly kind: 'view-name'; readonly name: QualifiedName };
}

/**
 * `SHOW TABLES`, `SHOW TOPICS`, `SHOW setting`: `what` in lower case, words joined by one space.
 * `SHOW COLUMNS FROM name`, `SHOW CREATE TABLE name` have a name.
 */
export interface Show extends Node {
  readonly kind: 'show';
  readonly what: string;
  readonly name?: QualifiedName;
}

export interface Describe extends Node {
  readonly kind: 'describe';
  readonly object: 'relation' | 'topic';
  readonly name: QualifiedName;
}

export interface Flush extends Node {
  readonly kind: 'flush';
}

export interface SetVariable extends Node {
  readonly kind: 'set';
  /** RESET, which is SET to DEFAULT, or SET TIME ZONE, which sets `timezone`. */
  readonly form?: 'reset' | 'time zone';
  readonly name: string;
  /** Absent for DEFAULT. */
  readonly value?: string;
}

export type Statement =
  | Query
  | CreateRelation
  | CreateTableAs
  | CreateView
  | CreateTopic
  | CreateIndex
  | CreateSink
  | CreateFunction
  | Rename
  | AlterTable
  | AlterTopic
  | Drop
  | Insert
  | Update
  | Delete
  | Merge
  | ChangingWith
  | Truncate
  | Explain
  | Show
  | Describe
  | Flush
  | SetVariable;
