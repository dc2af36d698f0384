import { Json, type JsonNode, type JsonObject } from '../../columns/json.ts';
import type { SqlValue } from '../../columns/types.ts';
import { PathFailure, pathItems } from './evaluate.ts';
import { pathOf } from './functions.ts';

/** A row path of JSON_TABLE and those nested in it. */
export interface JsonTablePath {
  readonly path: string;
  readonly nested: readonly JsonTablePath[];
}

/** As JSON text it is an argument of the function. */
export interface JsonTablePlan {
  readonly root: JsonTablePath;
  /** ERROR ON ERROR: a path that fails is an error, and not one without items. */
  readonly isStrict: boolean;
}

type Row = readonly SqlValue[];

/**
 * The items behind JSON_TABLE's rows (PostgreSQL's documentation, 9.16.4): for each path, outer ones
 * first, the item and its number from 1. Rows of nested paths are joined to their parent's as by an
 * outer join, and those of neighbours come one after the other, the cells of the others NULL.
 * Arguments: the document, the plan, and an object of the paths' variables.
 */
export function jsonTableItems([document, plan, variables]: readonly SqlValue[]): Iterable<Row> {
  const { root, isStrict } = JSON.parse(plan as string) as JsonTablePlan;
  const of = { variables: (variables as Json).root as JsonObject, isStrict };
  return rowsOf(root, (document as Json).root, of);
}

interface Scan {
  readonly variables: JsonObject;
  readonly isStrict: boolean;
}

function* rowsOf({ path, nested }: JsonTablePath, context: JsonNode, scan: Scan): Generator<Row> {
  let number = 0;
  for (const item of itemsOf(path, context, scan)) {
    const own: Row = [Json.of(item), ++number];
    let isAlone = true;
    for (const [index, inner] of nested.entries()) {
      const before = nones(nested.slice(0, index));
      const after = nones(nested.slice(index + 1));
      for (const row of rowsOf(inner, item, scan)) {
        isAlone = false;
        yield [...own, ...before, ...row, ...after];
      }
    }
    if (isAlone) yield [...own, ...nones(nested)];
  }
}

function itemsOf(path: string, context: JsonNode, scan: Scan): readonly JsonNode[] {
  try {
    return pathItems(pathOf(path), context, scan.variables);
  } catch (error) {
    if (!(error instanceof PathFailure)) throw error;
    if (scan.isStrict) throw error.error;
    return [];
  }
}

/** The cells of paths that have no row. */
function nones(paths: readonly JsonTablePath[]): null[] {
  return paths.flatMap(({ nested }) => [null, null, ...nones(nested)]);
}
