import { type ErrorCode, MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { kindOfTypeName, knownTypeNames, typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { Subqueries } from '../plan/subqueries.ts';
import type { TableCalls } from '../plan/table-calls.ts';
import type { CommonTable, Span, TypeName } from '../syntax/ast.ts';
import { positionAt } from '../syntax/position.ts';
import type { AggregateOwner } from './aggregates.ts';
import type { Catalog } from './catalog.ts';
import type { Parameters } from './parameters.ts';
import type { Scope } from './scope.ts';

/** What an analysis knows wherever it is in the statement. */
export interface Context {
  readonly catalog: Catalog;
  /** The statement's text; spans refer to it. */
  readonly text: string;
  /** Common tables in sight, innermost last. */
  readonly commonTables: readonly CommonPlan[];
  /** The enclosing queries, innermost first. */
  readonly outerScopes: readonly OuterScope[];
  /** `view`: the answer must be a function of the input alone. */
  readonly use?: 'statement' | 'view';
  /** The moment that now() gives, ms since 1970. */
  readonly nowMs?: number;
  /** Absent where there can be none, as in a view. */
  readonly parameters?: Parameters;
  /** Plain views being expanded, so that errors can say where they come from. */
  readonly depth: number;
  readonly statement: StatementState;
}

/** What an enclosing query shows to the queries inside it. */
export interface OuterScope extends Scope {
  /** Where in it the inner query stands, for messages, e.g. `WHERE`. */
  readonly clause: string;
  /** Absent where its aggregates may not stand. */
  readonly aggregates?: AggregateOwner;
}

/** A common table, planned once however often it is used. */
export interface CommonPlan {
  readonly table: CommonTable;
  readonly plan: PlanNode;
  readonly visibleColumns: number;
  /** Told of each use; for the part of WITH RECURSIVE that may use the table once. */
  readonly onUse?: (span: Span) => void;
}

/** What grows while one statement is analyzed. */
export interface StatementState {
  /** The next column id: ids are unique in the statement (plan/joins.ts). */
  nextColumn: number;
  readonly subqueries: Subqueries;
  readonly tableCalls: TableCalls;
}

export function newColumn({ statement }: Context): number {
  return statement.nextColumn++;
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
  if (name.arrayDepth > 0) {
    return { kind: 'array', element: resolveType(context, { ...name, arrayDepth: 0 }) };
  }
  if (name.fields !== undefined) {
    const fields = name.fields.map((field) => ({
      name: field.name.name,
      type: resolveType(context, field.typeName),
    }));
    return { kind: 'record', fields };
  }
  const kind = kindOfTypeName(name.name);
  if (kind === undefined) {
    throw complain(context, name.span, `type "${name.name}" does not exist`, {
      sqlState: '42704',
      hint: didYouMean(name.name, knownTypeNames()),
    });
  }
  const [first, second = 0] = name.modifiers;
  const plain = { kind } as SqlType;
  if (first === undefined) return plain;
  const refuse = (message: string) => complain(context, name.span, message, { sqlState: '22023' });
  switch (plain.kind) {
    case 'numeric': {
      const digits = limits.numericPrecisionMax;
      if (first < 1 || first > digits || second < 0 || second > first) {
        throw refuse(
          `NUMERIC(${name.modifiers.join(', ')}) is out of range: precision 1 to ${digits}, scale 0 to precision`,
        );
      }
      return { kind: plain.kind, precision: first, scale: second };
    }
    case 'varchar':
    case 'char':
      if (first < 1) throw refuse(`length for type ${plain.kind} must be at least 1`);
      return { kind: plain.kind, length: first };
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'interval':
      if (first < 0) throw refuse(`${typeName(plain)} precision must not be negative`);
      // PostgreSQL takes more than 6 for 6, with a warning.
      return first >= 6 ? plain : { kind: plain.kind, precision: first };
    default:
      throw complain(context, name.span, `type modifier is not allowed for type "${name.name}"`, {
        sqlState: '42601',
      });
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
