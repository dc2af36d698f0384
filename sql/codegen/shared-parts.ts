import { layoutOf } from '../columns/types.ts';
import { isVolatileFunction } from '../functions/scalar.ts';
import type { Expr } from '../plan/expr.ts';

/**
 * Expressions in which equal parts are one object, and the parts worth keeping a row's value of:
 * used more than once, costly to make or to read (texts, arrays). Parts before what holds them.
 */
export interface SharedParts {
  readonly exprs: readonly Expr[];
  readonly repeated: readonly Expr[];
}

export function sharedParts(exprs: readonly Expr[]): SharedParts {
  const known = new Map<string, Expr>();
  const numbers = new Map<Expr, number>();
  const shared = (expr: Expr): Expr => {
    const over = overParts(expr, shared);
    const key = keyOf(over, (part) => numbers.get(part)!);
    const same = key === undefined ? undefined : known.get(key);
    if (same !== undefined) return same;
    numbers.set(over, numbers.size);
    if (key !== undefined) known.set(key, over);
    return over;
  };
  const results = exprs.map(shared);
  const used = new Set<Expr>();
  const repeated = new Set<Expr>();
  for (const part of [...results, ...[...numbers.keys()].flatMap(partsOf)]) {
    if (used.has(part) && layoutOf(part.type) === 'bytes') repeated.add(part);
    used.add(part);
  }
  return { exprs: results, repeated: [...numbers.keys()].filter((expr) => repeated.has(expr)) };
}

function partsOf(expr: Expr): readonly Expr[] {
  if (expr.kind === 'call') return expr.args;
  if (expr.kind !== 'case') return [];
  return [...expr.branches.flatMap(({ when, then }) => [when, then]), expr.otherwise];
}

function overParts(expr: Expr, part: (expr: Expr) => Expr): Expr {
  if (expr.kind === 'call') return { ...expr, args: expr.args.map(part) };
  // A copy: what a map remembers of it is that map's alone.
  if (expr.kind !== 'case') return { ...expr };
  const branches = expr.branches.map(({ when, then }) => ({ when: part(when), then: part(then) }));
  return { ...expr, branches, otherwise: part(expr.otherwise) };
}

/** Equal for equal parts, their own parts by number; `undefined` for what is not shared. */
function keyOf(expr: Expr, numberOf: (part: Expr) => number): string | undefined {
  const type = JSON.stringify(expr.type);
  switch (expr.kind) {
    case 'column':
      return `column ${expr.index} ${type}`;
    case 'constant': {
      const { value } = expr;
      const isPlain = typeof value === 'string' || Number.isInteger(value);
      // 0 and -0 differ, though not as texts.
      return isPlain && !Object.is(value, -0)
        ? `constant ${typeof value} ${value} ${type}`
        : undefined;
    }
    case 'call':
      if (isVolatileFunction(expr.functionId)) return undefined;
      return `call ${expr.functionId} ${expr.args.map(numberOf).join()} ${type}`;
    case 'case':
      return undefined;
  }
}
