import { MillraceError } from '../../platform/errors.ts';
import type { SqlType, SqlValue, TypeKind } from '../columns/types.ts';
import type { ScalarSignature } from './signature.ts';

/** A scalar function: its signature and what it does to one row's values. */
export interface ScalarFunction {
  readonly signature: ScalarSignature;
  /**
   * `type` is the result type of the call, with its modifiers. Strict functions never see NULL.
   * Throws SQL_RUNTIME with PostgreSQL's SQLSTATE.
   */
  evaluate(args: readonly SqlValue[], type: SqlType): SqlValue;
}

export const t = (kind: TypeKind): SqlType => ({ kind }) as SqlType;

/** A strict function that depends on its arguments alone. */
export function strict(
  id: string,
  name: string,
  args: readonly TypeKind[],
  result: TypeKind,
  evaluate: (args: readonly SqlValue[], type: SqlType) => SqlValue,
  fails = true,
): ScalarFunction {
  return {
    signature: {
      id,
      name,
      args: args.map(t),
      result: t(result),
      strict: true,
      volatile: false,
      fails,
    },
    evaluate,
  };
}

export function runtimeError(message: string, sqlState: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', message, { sqlState });
}
