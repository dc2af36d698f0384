import type { Expr } from '../plan/expr.ts';
import { generateColumn } from './compile-column.ts';
import { generateFilter } from './compile-filter.ts';

/** The functions that are generated for a map, as text, for EXPLAIN CODE. */
export function mapCode({
  filter,
  outputs,
}: {
  readonly filter?: Expr;
  readonly outputs: readonly Expr[];
}): string[] {
  const test = filter === undefined ? [] : sourceOf('filter', generateFilter(filter));
  const columns = outputs.flatMap((expr, index) =>
    expr.kind === 'column' ? [] : sourceOf(`column ${index + 1}`, generateColumn(expr)),
  );
  return [...test, ...columns];
}

function sourceOf(what: string, made: ((...args: never) => unknown) | undefined): string[] {
  if (made === undefined) return [`// ${what}: interpreted`];
  return [`// ${what}`, ...String(made).split('\n')];
}
