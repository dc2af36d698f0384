import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import type { ParameterExpression } from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';

/**
 * What stands for `$1`, `$2` and so on. A value comes as text and is read like a literal without a
 * type: as what stands where it is used (PostgreSQL's documentation, PREPARE). Without values the
 * statement is only described, and the types are what counts.
 */
export class Parameters {
  readonly #values: readonly (string | null)[] | undefined;
  /** By number; `undefined` until a use decides it. */
  readonly #types = new Map<number, SqlType | undefined>();

  constructor(values?: readonly (string | null)[]) {
    this.#values = values;
  }

  expression(context: Context, { index, span }: ParameterExpression): Expr {
    const given = this.#values;
    if (index < 1 || (given !== undefined && index > given.length)) {
      throw noParameter(context, { index, span });
    }
    if (!this.#types.has(index)) this.#types.set(index, undefined);
    const value = given?.[index - 1] ?? null;
    return { kind: 'constant', type: { kind: 'unknown' }, value, parameter: index, span };
  }

  /** The first use decides. */
  decide(index: number, type: SqlType): void {
    if (this.#types.get(index) === undefined) this.#types.set(index, type);
  }

  /** From `$1` to the last one; what nothing decided is text. */
  get types(): readonly SqlType[] {
    const count = Math.max(0, ...this.#types.keys());
    return Array.from({ length: count }, (_, at) => this.#types.get(at + 1) ?? { kind: 'text' });
  }
}

export function noParameter(
  context: Context,
  { index, span }: Pick<ParameterExpression, 'index' | 'span'>,
) {
  return complain(context, span, `there is no parameter $${index}`, { sqlState: '42P02' });
}
