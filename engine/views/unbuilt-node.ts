import { MillraceError } from '../../platform/errors.ts';
import type { Relation, RelationKind } from '../../sql/analyze/catalog.ts';
import { unusableHint } from '../../sql/analyze/schemas.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import type { Statement } from '../../sql/syntax/statement-ast.ts';
import type { RelationCreated } from '../broker/catalogue-record.ts';
import type { Catalogue, Index } from './catalogue.ts';
import type { RelationNode } from './nodes.ts';

/**
 * In place of a relation whose definition this version cannot build, or that is built on such a one:
 * it has no columns and no rows, and takes nothing in. It is found by its name, so that it can be
 * dropped; a statement that uses it is refused with the reason. All else goes on.
 */
export class UnbuiltNode implements RelationNode {
  relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  readonly topicId: number | undefined;
  readonly ownsTopic: boolean;
  readonly failure: MillraceError;
  delta: readonly Batch[] = [];
  readonly rowCount = undefined;
  readonly errors = undefined;
  /** No state has it: one that builds again is filled anew. */
  readonly fingerprint = 'unbuilt';

  constructor(
    { relationId: id, name, sql, topicId, ownsTopic }: RelationCreated,
    kind: RelationKind,
    dependsOn: readonly number[],
    reason: string,
  ) {
    const unusable = `"${name}" cannot be used: ${reason}`;
    const nothing = { columns: [], primaryKey: [], appendOnly: false, writable: false };
    this.relation = { id, name, kind, unusable, ...nothing };
    this.sql = sql;
    this.topicId = topicId;
    this.ownsTopic = ownsTopic === true;
    this.dependsOn = dependsOn;
    this.failure = new MillraceError('CORRUPTION', unusable, { hint: unusableHint });
  }

  step(): void {}

  /** Throws CORRUPTION. */
  snapshot(): Iterable<Batch> {
    throw this.failure;
  }

  stateTables() {
    return [];
  }
}

/**
 * What takes the place of something that cannot be built. An index has no columns then, so that
 * nothing is found by it; in the place of a function there is nothing.
 */
export function unbuilt(
  record: RelationCreated,
  catalogue: Catalogue,
  reason: string,
): UnbuiltNode | Index | undefined {
  const { relationId: id, name, sql } = record;
  const statement = parsed(sql);
  const dependsOn = readBy(statement, catalogue);
  const node = (kind: RelationKind) => new UnbuiltNode(record, kind, dependsOn, reason);
  switch (statement?.kind) {
    case 'create-index': {
      const tableId = catalogue.find(statement.table.parts.at(-1)!.name)?.id ?? id;
      return { id, name, sql, tableId, columns: [], unique: false };
    }
    case 'create-function':
      return undefined;
    case 'create-sink':
      return node('sink');
    case 'create-relation':
      return node(statement.relation);
    case 'create-view':
      return node(statement.materialized ? 'materialized view' : 'view');
    default: {
      // A text of another version: its first words say what it was.
      const [, word = 'view'] = /\b(materialized view|view|sink|source|table)\b/i.exec(sql) ?? [];
      return node(word.toLowerCase() as RelationKind);
    }
  }
}

function parsed(sql: string): Statement | undefined {
  try {
    return parseStatement(sql);
  } catch {
    return undefined;
  }
}

/** Relations whose names the statement has after FROM or JOIN, anywhere in it. */
function readBy(statement: Statement | undefined, catalogue: Catalogue): readonly number[] {
  const found = new Set<number>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(walk);
    if (typeof value !== 'object' || value === null) return;
    const node = value as {
      readonly kind?: unknown;
      readonly name?: { readonly parts?: readonly { readonly name: string }[] };
    };
    const name = node.kind === 'relation' ? node.name?.parts?.at(-1)?.name : undefined;
    const relation = name === undefined ? undefined : catalogue.find(name);
    if (relation !== undefined) found.add(relation.id);
    Object.values(value).forEach(walk);
  };
  walk(statement);
  return [...found];
}
