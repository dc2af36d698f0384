import { Json } from '../columns/json.ts';
import { typeName } from '../columns/type-name.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import type { ColumnExpr, Expr } from './expr.ts';

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

/** `a AND b AND c` as its parts. */
export function conjunctsOf(expr: Expr): readonly Expr[] {
  if (expr.kind !== 'call' || expr.functionId !== 'and') return [expr];
  return expr.args.flatMap(conjunctsOf);
}

export function conjunction(parts: readonly Expr[]): Expr | undefined {
  if (parts.length <= 1) return parts[0];
  return { kind: 'call', functionId: 'and', args: parts, type: { kind: 'boolean' } };
}
