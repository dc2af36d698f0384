import type { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import { type Context, complain, didYouMean } from '../../sql/analyze/context.ts';
import { isInOwnSchema } from '../../sql/analyze/schemas.ts';
import type { QualifiedName } from '../../sql/syntax/ast.ts';
import type { Drop } from '../../sql/syntax/statement-ast.ts';
import type { Catalogue } from './catalogue.ts';
import { noIndex } from './renames.ts';

/**
 * DROP of anything but a topic: the ids of all that goes, with CASCADE what depends on it too, and with
 * a table its indexes. Throws SQL_SEMANTIC, NOT_FOUND, DEPENDENCY.
 */
export function droppedBy(context: Context, catalogue: Catalogue, node: Drop): readonly number[] {
  // With IF EXISTS, what is in a schema that is not there does not exist either.
  const named = node.names
    .filter(isInOwnSchema)
    .flatMap((name) => idOf(context, catalogue, node, name) ?? []);
  const ids = new Set(named);
  if (node.cascade) {
    for (const id of named) for (const dependant of catalogue.dependants(id)) ids.add(dependant);
  }
  for (const id of ids) {
    const left = catalogue.dependants(id).filter((dependant) => !ids.has(dependant));
    if (left.length > 0) throw inUse(context, catalogue, node, id, left);
  }
  for (const index of catalogue.indexes.values()) {
    if (ids.has(index.tableId)) ids.add(index.id);
  }
  return [...ids];
}

/** `undefined` with IF EXISTS where there is none. */
function idOf(
  context: Context,
  catalogue: Catalogue,
  { object, ifExists }: Drop,
  name: QualifiedName,
): number | undefined {
  const last = name.parts.at(-1)!.name;
  switch (object) {
    case 'index': {
      const index = catalogue.findIndex(last);
      if (index === undefined && !ifExists) throw noIndex(context, name, catalogue);
      return index?.id;
    }
    case 'function': {
      const found = catalogue.findFunction(last);
      if (found !== undefined || ifExists) return found?.id;
      const message = `function "${last}" does not exist`;
      throw complain(context, name.span, message, { sqlState: '42883' });
    }
    default: {
      const relation = object === 'sink' ? catalogue.findSink(last) : catalogue.find(last);
      if (relation === undefined && ifExists) return undefined;
      if (relation?.kind === object) return relation.id;
      throw notA(context, name, object, relation, catalogue);
    }
  }
}

function inUse(
  context: Context,
  catalogue: Catalogue,
  { span }: Drop,
  id: number,
  dependants: readonly number[],
): MillraceError {
  const names = dependants.map((other) => `"${catalogue.nameOf(other)}"`).join(', ');
  const message = `cannot drop "${catalogue.nameOf(id)}" because ${names} depend on it`;
  return complain(context, span, message, {
    code: 'DEPENDENCY',
    sqlState: '2BP01',
    hint: 'Use DROP ... CASCADE to drop them too.',
  });
}

function notA(
  context: Context,
  { parts, span }: QualifiedName,
  kind: string,
  found: Relation | undefined,
  catalogue: Catalogue,
): MillraceError {
  const { name } = parts.at(-1)!;
  if (found === undefined) {
    return complain(context, span, `${kind} "${name}" does not exist`, {
      code: 'NOT_FOUND',
      sqlState: '42P01',
      hint: didYouMean(name, catalogue.names()),
    });
  }
  return complain(context, span, `"${name}" is not a ${kind}`, {
    sqlState: '42809',
    hint: `Use DROP ${found.kind.toUpperCase()} to remove it.`,
  });
}
