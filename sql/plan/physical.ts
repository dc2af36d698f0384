import type { Field, SqlType, SqlValue } from '../columns/types.ts';
import type { Expr } from './expr.ts';

/**
 * The incremental physical plan: what `engine/dataflow` turns into operators. Every node maps
 * deltas to a delta. Expressions live in `map` only; joins and aggregates take column numbers of
 * their inputs, so a `map` below them computes what they need.
 *
 * `fields` is the node's output row. `appendOnly` says that no weight is ever negative.
 * `uniqueKey` lists output columns of which at most one row (of weight 1) exists per value.
 */
export type PlanNode =
  | InputNode
  | ConstantsNode
  | MapNode
  | FlatMapNode
  | ExpandNode
  | JoinNode
  | OuterJoinNode
  | SemiJoinNode
  | AggregateNode
  | WindowNode
  | TopNNode
  | UnionNode
  | SetNode
  | RecursiveNode
  | IterationNode;

interface PlanNodeBase {
  readonly fields: readonly Field[];
  readonly appendOnly: boolean;
  readonly uniqueKey?: readonly number[];
}

/** All visible columns of a relation that exists in the catalogue, pruned to `columns`. */
export interface InputNode extends PlanNodeBase {
  readonly kind: 'input';
  readonly relationId: number;
  /** For EXPLAIN. */
  readonly relationName: string;
  /** Column numbers of the relation, one per output field. */
  readonly columns: readonly number[];
}

/** VALUES, and `SELECT 1` as one row. */
export interface ConstantsNode extends PlanNodeBase {
  readonly kind: 'constants';
  readonly rows: readonly (readonly SqlValue[])[];
}

/** Fused filter and projection; linear, no state. */
export interface MapNode extends PlanNodeBase {
  readonly kind: 'map';
  readonly input: PlanNode;
  /** Boolean; rows for which it is false or NULL are dropped. */
  readonly filter?: Expr;
  readonly outputs: readonly Expr[];
}

/** One call of a table function (functions/table-functions.ts) per input row. */
export interface TableCall {
  readonly functionId: string;
  /** Over the input's columns. */
  readonly args: readonly Expr[];
  readonly fields: readonly Field[];
}

/**
 * Each input row with the rows that its calls give, side by side: the first of each, the second of
 * each and so on, NULLs where one has ended before the others. Output: the input's columns, then
 * those of the calls, then the row's number from 1 if asked for. Linear, no state.
 */
export interface FlatMapNode extends PlanNodeBase {
  readonly kind: 'flat';
  readonly input: PlanNode;
  readonly calls: readonly TableCall[];
  readonly hasOrdinality: boolean;
}

/**
 * Inner equi-join: rows whose keys are equal and not NULL. Empty keys make a cross join.
 * Bilinear, two arrangements. The residual condition is the filter of the `map` above.
 */
export interface JoinNode extends PlanNodeBase {
  readonly kind: 'join';
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly leftKeys: readonly number[];
  readonly rightKeys: readonly number[];
  /** Per key: NULL equals NULL. */
  readonly nullSafe: readonly boolean[];
  /** Output columns; the rest is never copied. */
  readonly outputs: readonly { readonly side: 'left' | 'right'; readonly column: number }[];
}

/**
 * LEFT and FULL join: the pairs of the inner join whose keys are equal and for which the residual
 * condition is true, and every left row without a pair, with NULLs for the right side; for `full`
 * right rows without a pair too. RIGHT is LEFT with its sides changed. Both inputs are kept, each
 * row with its number of pairs.
 */
export interface OuterJoinNode extends PlanNodeBase {
  readonly kind: 'outer';
  readonly type: 'left' | 'full';
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly leftKeys: readonly number[];
  readonly rightKeys: readonly number[];
  readonly nullSafe: readonly boolean[];
  /** Over the left input's columns, then the right input's. */
  readonly residual?: Expr;
  readonly outputs: JoinNode['outputs'];
}

/**
 * Rows of the left input that have a right row of equal keys; `anti`: those that have none. Output
 * is the left row. The left input by key and the number of right rows per key are kept.
 */
export interface SemiJoinNode extends PlanNodeBase {
  readonly kind: 'semi';
  readonly anti: boolean;
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly leftKeys: readonly number[];
  readonly rightKeys: readonly number[];
  /** Per key: NULL equals NULL. Without it a row with NULL has no equal. */
  readonly nullSafe: readonly boolean[];
}

/** Each input row once per list of outputs: the grouping sets of an aggregate. Linear. */
export interface ExpandNode extends PlanNodeBase {
  readonly kind: 'expand';
  readonly input: PlanNode;
  readonly outputs: readonly (readonly Expr[])[];
}

export interface AggregateCall {
  /** Id of an AggregateSignature. */
  readonly functionId: string;
  /** Input columns; none for count(*). */
  readonly args: readonly number[];
  /** ORDER BY inside the call, or in WITHIN GROUP. */
  readonly orderBy: readonly SortKey[];
  /** Constants before WITHIN GROUP: the fraction of a percentile. */
  readonly direct: readonly SqlValue[];
  /** Boolean input column: rows where it is not true do not count (FILTER). */
  readonly filter?: number;
  /** Equal rows of arguments count once. */
  readonly distinct: boolean;
}

/**
 * GROUP BY input columns; output = group columns, then one column per call. No calls: DISTINCT.
 * `always` are groups whose row exists even when they are empty: without GROUP BY the one group,
 * and the groups of empty grouping sets.
 */
export interface AggregateNode extends PlanNodeBase {
  readonly kind: 'aggregate';
  readonly input: PlanNode;
  readonly groupBy: readonly number[];
  readonly calls: readonly AggregateCall[];
  readonly always: readonly (readonly SqlValue[])[];
}

export interface FrameBound {
  readonly kind:
    | 'unbounded preceding'
    | 'preceding'
    | 'current row'
    | 'following'
    | 'unbounded following';
  /** Rows or groups as a number; for RANGE a value to add to the sort key. Not NULL. */
  readonly offset?: { readonly type: SqlType; readonly value: SqlValue };
}

export interface WindowFrame {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude: 'none' | 'current row' | 'group' | 'ties';
}

export interface WindowCall {
  /** Id of an AggregateSignature or a window function's name. */
  readonly functionId: string;
  readonly args: readonly number[];
  readonly filter?: number;
  readonly frame: WindowFrame;
}

/**
 * Window functions over one PARTITION BY and ORDER BY; output = the input's columns, then one per
 * call. Ties of the order are broken by the whole row.
 */
export interface WindowNode extends PlanNodeBase {
  readonly kind: 'window';
  readonly input: PlanNode;
  readonly partitionBy: readonly number[];
  readonly orderBy: readonly SortKey[];
  readonly calls: readonly WindowCall[];
}

/**
 * Per group the rows whose `ranking` in the order is at most `limit`, without the first `offset`
 * rows; ties of the order are broken by the whole row. Output = the input's columns, then the rank
 * as a bigint when `withRank`. Without `limit`: all rows after the offset.
 */
export interface TopNNode extends PlanNodeBase {
  readonly kind: 'topn';
  readonly input: PlanNode;
  readonly partitionBy: readonly number[];
  readonly orderBy: readonly SortKey[];
  readonly ranking: 'row_number' | 'rank' | 'dense_rank';
  readonly limit?: number;
  readonly offset: number;
  readonly withRank: boolean;
}

/** UNION ALL. */
export interface UnionNode extends PlanNodeBase {
  readonly kind: 'union';
  readonly inputs: readonly PlanNode[];
}

/** INTERSECT and EXCEPT, each also ALL, over rows of the same types; NULLs are equal. */
export interface SetNode extends PlanNodeBase {
  readonly kind: 'set';
  readonly operation: 'intersect' | 'except';
  readonly all: boolean;
  readonly left: PlanNode;
  readonly right: PlanNode;
}

/**
 * WITH RECURSIVE. The rows of `base` are those of iteration 0; those of iteration n + 1 are what
 * `step` gives where its leaf of this id has the rows of iteration n. The result is all of them;
 * without `all` a row belongs only to the first iteration that has it, and once.
 */
export interface RecursiveNode extends PlanNodeBase {
  readonly kind: 'recursive';
  readonly id: number;
  readonly base: PlanNode;
  readonly step: PlanNode;
  readonly all: boolean;
}

/** The rows of the iteration before, in the step of the recursive node of this id. */
export interface IterationNode extends PlanNodeBase {
  readonly kind: 'iteration';
  readonly id: number;
}

export interface SortKey {
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * A whole query: the plan and what is done once to its final rows. Output = the first
 * `visibleColumns` of `root`; the rest are sort keys only. Ties are broken by the whole row.
 */
export interface QueryPlan {
  readonly root: PlanNode;
  readonly orderBy: readonly SortKey[];
  readonly limit?: number;
  readonly offset?: number;
  readonly visibleColumns: number;
}
