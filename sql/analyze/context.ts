import { type ErrorCode, MillraceError } from '../../platform/errors.ts';
import { kindOfTypeName, knownTypeNames, typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { CommonTable, Span, TypeName } from '../syntax/ast.ts';
import { positionAt } from '../syntax/position.ts';
import type { Catalog } from './catalog.ts';

/** What an analysis knows wherever it is in the statement. */
export interface Context {
  readonly catalog: Catalog;
  /** The statement's text; spans refer to it. */
  readonly text: string;
  /** Common tables in sight, innermost last. */
  readonly commonTables: readonly { readonly table: CommonTable; readonly context: Context }[];
  /** Plain views being expanded, so that errors can say where they come from. */
  readonly depth: number;
}

export interface Complaint {
  readonly code?: ErrorCode;
  readonly sqlState: string;
  readonly hint?: string | undefined;
}

export function complain(
  context: Context,
  span: Span,
  message: string,
  { code = 'SQL_SEMANTIC', sqlState, hint }: Complaint,
): MillraceError {
  return new MillraceError(code, message, {
    position: positionAt(context.text, span.start, span.end),
    sqlState,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function unsupported(context: Context, span: Span, what: string): MillraceError {
  return complain(context, span, `${what} is not supported yet`, {
    code: 'UNSUPPORTED',
    sqlState: '0A000',
  });
}

/** The type that a type name means. */
export function resolveType(context: Context, name: TypeName): SqlType {
  const kind = kindOfTypeName(name.name);
  if (name.arrayDepth > 0) throw unsupported(context, name.span, 'an array type');
  if (kind === undefined) {
    throw complain(context, name.span, `type "${name.name}" does not exist`, {
      sqlState: '42704',
      hint: didYouMean(name.name, knownTypeNames()),
    });
  }
  const [first, second = 0] = name.modifiers;
  switch (kind) {
    case 'numeric': {
      if (first === undefined) return { kind };
      if (first < 1 || first > 38 || second < 0 || second > first) {
        throw complain(
          context,
          name.span,
          `NUMERIC(${name.modifiers.join(', ')}) is out of range: precision 1 to 38, scale 0 to precision`,
          { sqlState: '22023' },
        );
      }
      return { kind, precision: first, scale: second };
    }
    case 'varchar': {
      if (first === undefined) return { kind };
      if (first < 1) {
        throw complain(context, name.span, 'length for type varchar must be at least 1', {
          sqlState: '22023',
        });
      }
      return { kind, length: first };
    }
    default: {
      const hasPrecision = kind === 'time' || kind === 'timestamp' || kind === 'timestamptz';
      if (first !== undefined && !(hasPrecision && first === 6)) {
        throw unsupported(context, name.span, `a modifier of type ${typeName({ kind })}`);
      }
      return { kind };
    }
  }
}

/** A hint that names the closest of the known names, when one is close. */
export function didYouMean(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate, bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best === undefined ? undefined : `Did you mean "${best}"?`;
}

/** Levenshtein's distance, or `bound` when it is not below that. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return Math.min(bound, previous[b.length]!);
}
