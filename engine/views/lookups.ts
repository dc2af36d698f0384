import { typeName } from '../../sql/columns/type-name.ts';
import type { SqlValue } from '../../sql/columns/types.ts';
import type { Expr } from '../../sql/plan/expr.ts';
import { conjunctsOf } from '../../sql/plan/expr-tools.ts';
import type { InputNode, PlanNode } from '../../sql/plan/physical.ts';
import { inputsOf } from '../dataflow/meter.ts';
import type { Catalogue } from './catalogue.ts';

/** Instead of all rows of a relation: those whose columns have these values. */
export interface Lookup {
  readonly columns: readonly number[];
  readonly values: readonly SqlValue[];
}

/**
 * Relations that a query needs only the rows of one key of, because it filters by constants for
 * all columns of an index: by the most columns where there are several. The filter stays.
 */
export function lookupsOf(root: PlanNode, catalogue: Catalogue): ReadonlyMap<number, Lookup> {
  const reads = new Map<number, (Read | undefined)[]>();
  const visited = new Set<PlanNode>();
  const visit = (node: PlanNode, filter: Expr | undefined) => {
    if (node.kind === 'input') {
      reads.set(node.relationId, [...(reads.get(node.relationId) ?? []), { node, filter }]);
    }
    // A common table is one node in several places: its inputs are read by several, too.
    if (visited.has(node)) return markAll(node);
    visited.add(node);
    for (const input of inputsOf(node)) visit(input, node.kind === 'map' ? node.filter : undefined);
  };
  const markAll = (node: PlanNode) => {
    for (const id of inputsBelow(node)) reads.set(id, [...(reads.get(id) ?? []), undefined]);
  };
  visit(root, undefined);
  const lookups = new Map<number, Lookup>();
  for (const [id, [read, ...others]] of reads) {
    const indexes = id > 0 ? (catalogue.nodes.get(id)?.indexedColumns?.() ?? []) : [];
    if (read?.filter === undefined || others.length > 0) continue;
    const known = constantsOf(read.node, read.filter);
    const usable = indexes
      .filter((columns) => columns.length > 0 && columns.every((column) => known.has(column)))
      .toSorted((a, b) => b.length - a.length)[0];
    if (usable === undefined) continue;
    const values = usable.map((column) => known.get(column)!);
    lookups.set(id, { columns: usable, values });
  }
  return lookups;
}

interface Read {
  readonly node: InputNode;
  readonly filter: Expr | undefined;
}

/** Ids of the relations that are read below a node, each once. */
function inputsBelow(root: PlanNode): ReadonlySet<number> {
  const ids = new Set<number>();
  const visited = new Set<PlanNode>();
  const visit = (node: PlanNode) => {
    if (visited.has(node)) return;
    visited.add(node);
    if (node.kind === 'input') ids.add(node.relationId);
    for (const input of inputsOf(node)) visit(input);
  };
  visit(root);
  return ids;
}

/** Columns of the relation that the filter compares with a constant of the same type. */
function constantsOf({ columns }: InputNode, filter: Expr): ReadonlyMap<number, SqlValue> {
  const found = new Map<number, SqlValue>();
  for (const conjunct of conjunctsOf(filter)) {
    if (conjunct.kind !== 'call' || conjunct.functionId.split(':')[0] !== '=') continue;
    const [left, right] = conjunct.args as [Expr, Expr];
    const [column, constant] = left.kind === 'column' ? [left, right] : [right, left];
    if (column.kind !== 'column' || constant.kind !== 'constant' || constant.value === null) {
      continue;
    }
    if (typeName(column.type) !== typeName(constant.type)) continue;
    found.set(columns[column.index]!, constant.value);
  }
  return found;
}
