import type { MillraceError } from '../../platform/errors.ts';
import type { Relation, RelationColumn } from '../../sql/analyze/catalog.ts';
import { type Context, complain, didYouMean } from '../../sql/analyze/context.ts';
import { sameType, typeName } from '../../sql/columns/type-name.ts';
import type { QualifiedName } from '../../sql/syntax/ast.ts';
import type { CreateView, Rename } from '../../sql/syntax/statement-ast.ts';
import type { RelationRenamed } from '../broker/catalogue-record.ts';
import type { Catalogue } from './catalogue.ts';
import { noRelation } from './show.ts';

/** ALTER ... RENAME and CREATE OR REPLACE VIEW: what they change, checked before it is a record. */

export function renameOf(
  context: Context,
  catalogue: Catalogue,
  node: Rename,
): Omit<RelationRenamed, 'op'> | undefined {
  const { name } = node.name.parts.at(-1)!;
  const { newName } = node;
  if (node.object === 'index') {
    const index = catalogue.findIndex(name);
    if (index === undefined && node.ifExists) return undefined;
    if (index === undefined) throw noIndex(context, node.name, catalogue);
    checkFree(context, catalogue, newName);
    return { relationId: index.id, name: newName.name };
  }
  const relation = node.object === 'sink' ? catalogue.findSink(name) : catalogue.find(name);
  if (relation === undefined && node.ifExists) return undefined;
  if (relation === undefined) throw noRelation(context, name, node.name.span, catalogue);
  // PostgreSQL's ALTER TABLE renames views too.
  if (relation.id <= 0 || (relation.kind !== node.object && node.object !== 'table')) {
    throw complain(context, node.name.span, `"${name}" is not a ${node.object}`, {
      sqlState: '42809',
    });
  }
  if (node.column === undefined) {
    checkFree(context, catalogue, newName);
    return { relationId: relation.id, name: newName.name };
  }
  const from = node.column.name;
  const columns = relation.columns.map((column) => column.name);
  if (!columns.includes(from)) {
    throw complain(context, node.column.span, `column "${from}" does not exist`, {
      sqlState: '42703',
      hint: didYouMean(from, columns),
    });
  }
  if (columns.includes(newName.name) || newName.name.startsWith('$')) {
    const message = `column "${newName.name}" of relation "${name}" already exists`;
    throw complain(context, newName.span, message, { sqlState: '42701' });
  }
  return { relationId: relation.id, column: { from, to: newName.name } };
}

function checkFree(context: Context, catalogue: Catalogue, name: Rename['newName']): void {
  if (name.name.includes('$')) {
    throw complain(context, name.span, `"${name.name}": "$" is reserved in relation names`, {
      sqlState: '42602',
    });
  }
  if (catalogue.isFree(name.name)) return;
  throw complain(context, name.span, `relation "${name.name}" already exists`, {
    code: 'ALREADY_EXISTS',
    sqlState: '42P07',
  });
}

export function noIndex(
  context: Context,
  { parts, span }: QualifiedName,
  catalogue: Catalogue,
): MillraceError {
  const { name } = parts.at(-1)!;
  return complain(context, span, `index "${name}" does not exist`, {
    code: 'NOT_FOUND',
    sqlState: '42704',
    hint: didYouMean(
      name,
      [...catalogue.indexes.values()].map((index) => index.name),
    ),
  });
}

/** The plain view that CREATE OR REPLACE VIEW replaces; `undefined` when there is none. */
export function replacedView(
  catalogue: Catalogue,
  node: CreateView,
  context: Context,
): Relation | undefined {
  const { name } = node.name.parts.at(-1)!;
  const relation = catalogue.find(name);
  if (relation === undefined) return undefined;
  if (relation.kind !== 'view') {
    throw complain(context, node.name.span, `"${name}" is not a view`, { sqlState: '42809' });
  }
  const dependants = catalogue.dependants(relation.id);
  if (dependants.length === 0) return relation;
  const names = dependants.map((id) => `"${catalogue.nameOf(id)}"`).join(', ');
  throw complain(
    context,
    node.name.span,
    `cannot replace "${name}" because ${names} depend on it`,
    {
      code: 'DEPENDENCY',
      sqlState: '2BP01',
    },
  );
}

/** Columns stay as they were; more may follow (PostgreSQL, CREATE VIEW). */
export function checkReplacement(
  context: Context,
  node: CreateView,
  old: Relation,
  columns: readonly RelationColumn[],
): void {
  for (const [index, column] of old.columns.entries()) {
    const next = columns[index];
    if (next === undefined) {
      throw complain(context, node.query.span, 'cannot drop columns from view', {
        sqlState: '42P16',
      });
    }
    if (next.name !== column.name) {
      const message = `cannot change name of view column "${column.name}" to "${next.name}"`;
      throw complain(context, node.query.span, message, { sqlState: '42P16' });
    }
    if (!sameType(next.type, column.type)) {
      const message = `cannot change data type of view column "${column.name}" from ${typeName(column.type)} to ${typeName(next.type)}`;
      throw complain(context, node.query.span, message, { sqlState: '42P16' });
    }
  }
}
