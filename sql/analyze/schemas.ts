import type { QualifiedName, Span } from '../syntax/ast.ts';
import type { Statement } from '../syntax/statement-ast.ts';
import type { Relation } from './catalog.ts';
import { type Context, complain } from './context.ts';

/** All relations are in the schema `public`; those of `information_schema` can be read. */
const ownSchema = 'public';
const readSchemas = [ownSchema, 'information_schema'];

/** Throws SQL_SEMANTIC 3F000 when the name of a relation that is read is in no known schema. */
export function checkReadSchema(context: Context, name: QualifiedName): void {
  checkSchema(context, name, readSchemas);
}

/** As `checkReadSchema`, for the names of what a statement makes, changes, drops or shows. */
export function checkSchemas(context: Context, statement: Statement): void {
  switch (statement.kind) {
    case 'create-relation':
    case 'create-table-as':
    case 'create-view':
    case 'create-function':
    case 'create-sink':
    case 'rename':
    case 'alter-table':
      return checkSchema(context, statement.name, [ownSchema]);
    case 'create-index':
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return checkSchema(context, statement.table, [ownSchema]);
    case 'changing-with':
      return checkSchemas(context, statement.change);
    case 'truncate':
      for (const table of statement.tables) checkSchema(context, table, [ownSchema]);
      return;
    case 'drop':
      if (statement.object === 'topic' || statement.ifExists) return;
      for (const name of statement.names) checkSchema(context, name, [ownSchema]);
      return;
    case 'describe':
      return checkReadSchema(context, statement.name);
    case 'show':
      if (statement.name !== undefined) checkReadSchema(context, statement.name);
      return;
    default:
  }
}

/** Whether a relation of Millrace can have the name. */
export function isInOwnSchema({ parts }: QualifiedName): boolean {
  return parts.length === 1 || (parts.length === 2 && parts[0]!.name === ownSchema);
}

function checkSchema(context: Context, { parts, span }: QualifiedName, known: readonly string[]) {
  if (parts.length === 1) return;
  const schema = parts.at(-2)!.name;
  if (parts.length === 2 && known.includes(schema)) return;
  throw complain(context, span, `schema "${schema}" does not exist`, {
    sqlState: '3F000',
    hint: 'All relations are in the schema "public".',
  });
}

export const unusableHint = 'Drop it and create it again.';

/** Throws SQL_SEMANTIC 55000 for a relation that could not be built at the start. */
export function checkUsable(context: Context, { unusable }: Relation, span: Span): void {
  if (unusable === undefined) return;
  throw complain(context, span, unusable, {
    sqlState: '55000',
    hint: unusableHint,
  });
}
