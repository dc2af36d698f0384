import { Json } from '../columns/json.ts';
import { typeName } from '../columns/type-name.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import type { CallExpr, ColumnExpr, Expr } from './expr.ts';

/** Small functions over expression trees. */

export function columnExpr(index: number, type: SqlType): ColumnExpr {
  return { kind: 'column', index, type };
}

/** The tree with every column replaced by what `replace` gives for it. */
export function mapColumns(expr: Expr, replace: (column: ColumnExpr) => Expr): Expr {
  switch (expr.kind) {
    case 'column':
      return replace(expr);
    case 'constant':
      return expr;
    case 'call':
      return { ...expr, args: expr.args.map((arg) => mapColumns(arg, replace)) };
    case 'case':
      return {
        ...expr,
        branches: expr.branches.map(({ when, then }) => ({
          when: mapColumns(when, replace),
          then: mapColumns(then, replace),
        })),
        otherwise: mapColumns(expr.otherwise, replace),
      };
  }
}

/** Without the spans: for an expression that is run for a statement whose text it is not in. */
export function unplaced(expr: Expr): Expr {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    const entries = Object.entries(value).filter(([key]) => key !== 'span');
    return Object.fromEntries(entries.map(([key, part]) => [key, walk(part)]));
  };
  return walk(expr) as Expr;
}

export function eachColumn(expr: Expr, visit: (column: ColumnExpr) => void): void {
  mapColumns(expr, (column) => {
    visit(column);
    return column;
  });
}

export function columnsOf(expr: Expr): Set<number> {
  const columns = new Set<number>();
  eachColumn(expr, ({ index }) => columns.add(index));
  return columns;
}

/** Same meaning by structure; spans do not count. */
export function sameExpr(a: Expr, b: Expr): boolean {
  return exprKey(a) === exprKey(b);
}

/** A text that two expressions share exactly when they are the same. */
export function exprKey(expr: Expr): string {
  switch (expr.kind) {
    case 'column':
      return `#${expr.index}`;
    case 'constant':
      return `${typeName(expr.type)}:${valueKey(expr.value)}`;
    case 'call':
      return `${expr.functionId}[${typeName(expr.type)}](${expr.args.map(exprKey).join(',')})`;
    case 'case': {
      const branches = expr.branches.map(({ when, then }) => `${exprKey(when)}?${exprKey(then)}`);
      return `case(${branches.join(',')}:${exprKey(expr.otherwise)})`;
    }
  }
}

function valueKey(value: SqlValue): string {
  return JSON.stringify(value, (_, part: unknown) => distinctPart(part));
}

/** What JSON would write alike, told apart: for keys that two values share only when they are one. */
export function distinctPart(part: unknown): unknown {
  if (part instanceof Json) return { json: String(part) };
  if (typeof part === 'bigint') return `${part}n`;
  const isPlain = typeof part !== 'number' || (Number.isFinite(part) && !Object.is(part, -0));
  return isPlain ? part : { number: Object.is(part, -0) ? '-0' : String(part) };
}

/** `a AND b AND c` as its parts; `(a AND b) OR (a AND c)` is a and `b OR c`. */
export function conjunctsOf(expr: Expr): readonly Expr[] {
  if (expr.kind !== 'call') return [expr];
  if (expr.functionId === 'and') return expr.args.flatMap(conjunctsOf);
  return expr.functionId === 'or' ? factored(expr) : [expr];
}

/** What all branches of an OR demand taken out of it: a join's key often stands in each. */
function factored(or: CallExpr): readonly Expr[] {
  const [first, ...others] = disjunctsOf(or).map((branch) => {
    return new Map(conjunctsOf(branch).map((part) => [exprKey(part), part]));
  });
  const common = [...first!.keys()].filter((key) => others.every((branch) => branch.has(key)));
  if (common.length === 0) return [or];
  const shared = common.map((key) => first!.get(key)!);
  const rests = [first!, ...others].map((branch) => {
    return conjunction([...branch].flatMap(([key, part]) => (common.includes(key) ? [] : [part])));
  });
  // A branch of which nothing is left holds wherever the common parts do.
  if (rests.includes(undefined)) return shared;
  return [...shared, { ...or, args: rests as Expr[] }];
}

function disjunctsOf(expr: Expr): readonly Expr[] {
  const isOr = expr.kind === 'call' && expr.functionId === 'or';
  return isOr ? expr.args.flatMap(disjunctsOf) : [expr];
}

export function conjunction(parts: readonly Expr[]): Expr | undefined {
  if (parts.length <= 1) return parts[0];
  return { kind: 'call', functionId: 'and', args: parts, type: { kind: 'boolean' } };
}
