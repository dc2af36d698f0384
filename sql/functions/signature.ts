import type { SqlType } from '../columns/types.ts';

/**
 * The table of signatures, as the analyzer sees it. One table feeds name resolution, codegen,
 * the interpreter and the documentation.
 */
export interface ScalarSignature {
  /** Unique and stable, e.g. `int8mul`, `numeric_add`, `to_char_timestamp`, `cast:int4:int8`. */
  readonly id: string;
  /** SQL name or operator symbol, lower case. */
  readonly name: string;
  readonly args: readonly SqlType[];
  readonly result: SqlType;
  /** NULL in any argument gives NULL. */
  readonly strict: boolean;
  /** Volatile functions are refused in views (DESIGN section 7). */
  readonly volatile: boolean;
  /** True when it can fail on some input (division, casts, overflow). */
  readonly fails: boolean;
}

/** What resolution says: the function and, per argument, the cast id to apply first, if any. */
export interface ResolvedCall {
  readonly signature: ScalarSignature;
  readonly argCasts: readonly (string | undefined)[];
  /** Result type with precision/scale filled in where the arguments decide it. */
  readonly result: SqlType;
}

/** `min`, `max`, `sum`, `avg`, `count`; the dataflow's aggregate operator knows each id. */
export interface AggregateSignature {
  /** e.g. `count_star`, `count`, `sum:bigint`, `avg:numeric`, `min:text`. */
  readonly id: string;
  readonly name: string;
  /** Type of the argument after its cast; `undefined` for `count(*)`. */
  readonly arg: SqlType | undefined;
  readonly result: SqlType;
}

export interface ResolvedAggregate {
  readonly signature: AggregateSignature;
  readonly argCast: string | undefined;
}
