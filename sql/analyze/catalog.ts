import type { Field, SqlValue } from '../columns/types.ts';
import type { Expression, Query } from '../syntax/ast.ts';
import type { TableConflict } from '../syntax/statement-ast.ts';
import type { SqlFunction } from './sql-functions.ts';

/** Relations as the analyzer sees them; `engine/views` implements it. */
export type RelationKind = 'source' | 'table' | 'view' | 'materialized view' | 'sink' | 'system';

export interface RelationColumn extends Field {
  /** DEFAULT of a table column, as parsed; it sees no columns. */
  readonly defaultValue?: Expression;
  /** GENERATED ALWAYS AS, as parsed; it sees the other columns of the row. */
  readonly generated?: Expression;
  /** The property of the message that the column holds. */
  readonly metadata?: string;
}

export interface CheckConstraint {
  readonly name: string;
  readonly expression: Expression;
}

export interface UniqueConstraint {
  readonly name: string;
  readonly columns: readonly number[];
}

export interface Relation {
  /** Never reused. */
  readonly id: number;
  readonly name: string;
  readonly kind: RelationKind;
  readonly columns: readonly RelationColumn[];
  /** Why no statement can use it; it has no columns then. */
  readonly unusable?: string;
  /** Column numbers; empty when there is none. */
  readonly primaryKey: readonly number[];
  readonly primaryKeyName?: string;
  /** Columns of which no two rows have the same values, where no key is declared: a view's. */
  readonly uniqueKey?: readonly number[];
  readonly checks?: readonly CheckConstraint[];
  readonly uniques?: readonly UniqueConstraint[];
  /** A table declared APPEND ONLY: no statement takes a row back. */
  readonly growing?: boolean;
  /** What a row does whose key is there; absent: it takes the place of the old one. */
  readonly onConflict?: TableConflict;
  /** No row is ever taken back. */
  readonly appendOnly: boolean;
  /** INSERT, UPDATE and DELETE are possible (a table that owns its storage). */
  readonly writable: boolean;
  /** A plain view's query and column names, expanded where it is used. */
  readonly view?: {
    readonly query: Query;
    readonly text: string;
    /** What the names in it meant when it was made: they may have changed since. */
    readonly bound?: ReadonlyMap<string, Relation>;
  };
  /** The rows of a relation that is computed when it is read. */
  readonly rows?: readonly (readonly SqlValue[])[];
}

export interface Catalog {
  /** `name` in lower case as the lexer folds it; one schema, `public`, for now. */
  find(name: string): Relation | undefined;
  /** For "did you mean" hints. */
  names(): readonly string[];
  /** The same, but for names that mean these relations. */
  bound?(relations: ReadonlyMap<string, Relation>): Catalog;
  /** A user's function of that many parameters. */
  findFunction?(name: string, parameters: number): SqlFunction | undefined;
}
