import type { SqlType } from '../columns/types.ts';

/**
 * The table of signatures, as the analyzer sees it. One table feeds name resolution, codegen,
 * the interpreter and the documentation (docs/functions.md).
 */
export interface ScalarSignature {
  /** Unique and stable, e.g. `+:integer`, `lpad:text:integer`, `cast:integer:bigint`. */
  readonly id: string;
  /** SQL name or operator symbol, lower case. */
  readonly name: string;
  readonly args: readonly ParamType[];
  readonly result: ParamType;
  /** The last argument may come any number of times from one on. */
  readonly variadic?: boolean;
  /** NULL in any argument gives NULL. */
  readonly strict: boolean;
  /** Volatile functions are refused in views (DESIGN section 7). */
  readonly volatile: boolean;
  /** True when it can fail on some input (division, casts, overflow). */
  readonly fails: boolean;
}

/**
 * PostgreSQL's pseudo-types (documentation 38.2.5). All `anyelement` and `anyarray` of one call mean
 * the same element type; `anycompatible` ones are cast to their common type; `any` is anything.
 */
export const pseudoTypes = [
  'any',
  'anyelement',
  'anyarray',
  'anynonarray',
  'anycompatible',
  'anycompatiblearray',
  'anyrecord',
] as const;

export interface PseudoType {
  readonly kind: (typeof pseudoTypes)[number];
}

export type ParamType = SqlType | PseudoType;

export function isPseudo(type: ParamType): type is PseudoType {
  return (pseudoTypes as readonly string[]).includes(type.kind);
}

/** What resolution says: the function and, per argument, the cast id to apply first, if any. */
export interface ResolvedCall {
  readonly signature: ScalarSignature;
  /** What each argument becomes. */
  readonly args: readonly SqlType[];
  readonly argCasts: readonly (string | undefined)[];
  /** Result type with precision/scale filled in where the arguments decide it. */
  readonly result: SqlType;
}

/** What the dataflow's aggregate and window operators know by id. */
export interface AggregateSignature {
  /** e.g. `count_star`, `count`, `sum:bigint`, `avg:numeric`, `min:text`, `percentile_disc`. */
  readonly id: string;
  readonly name: string;
  /** Types of the arguments after their casts; of an ordered-set aggregate its sort key. */
  readonly args: readonly SqlType[];
  readonly result: SqlType;
}

export interface ResolvedAggregate {
  readonly signature: AggregateSignature;
  /** It is DISTINCT by its nature. */
  readonly distinct?: true;
}
