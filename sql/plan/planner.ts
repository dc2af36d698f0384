import type { Catalog } from '../analyze/catalog.ts';
import type { Context } from '../analyze/context.ts';
import { analyzeQuery } from '../analyze/query.ts';
import { foldConstant } from '../codegen/fold.ts';
import type { Query } from '../syntax/ast.ts';
import { fuseMaps } from './fuse.ts';
import { aggregateNode, joinNode, mapNode, unionNode } from './nodes.ts';
import type { PlanNode, QueryPlan } from './physical.ts';
import { pruneColumns } from './prune.ts';

/** Where the statement comes from: its text, for positions, and the relations it may name. */
export interface PlanOptions {
  readonly catalog: Catalog;
  readonly text: string;
}

export function newContext({ catalog, text }: PlanOptions): Context {
  return { catalog, text, commonTables: [], depth: 0 };
}

/**
 * Query to physical plan. Throws SQL_SEMANTIC and UNSUPPORTED with a position. `statement`: run
 * once, rows ordered; `view`: kept current.
 */
export function planQuery(
  query: Query,
  use: 'statement' | 'view',
  options: PlanOptions,
): QueryPlan {
  const plan = analyzeQuery({ ...newContext(options), use }, query, use);
  return { ...plan, root: optimized(plan.root) };
}

/** The rewrite rules, in order. */
export function optimized(root: PlanNode): PlanNode {
  return fuseMaps(pruneColumns(fuseMaps(foldConstants(root))));
}

function foldConstants(node: PlanNode): PlanNode {
  switch (node.kind) {
    case 'input':
    case 'constants':
      return node;
    case 'map':
      return mapNode(
        foldConstants(node.input),
        node.fields.map(({ name }) => name),
        node.outputs.map(foldConstant),
        node.filter === undefined ? undefined : foldConstant(node.filter),
      );
    case 'join':
      return joinNode(
        foldConstants(node.left),
        foldConstants(node.right),
        node.leftKeys,
        node.rightKeys,
        node.outputs,
      );
    case 'aggregate': {
      const callFields = node.fields.slice(node.groupBy.length);
      return aggregateNode(foldConstants(node.input), node.groupBy, node.calls, callFields);
    }
    case 'union':
      return unionNode(node.inputs.map(foldConstants), node.fields);
  }
}

/** Every relation that the plan reads, each once. */
export function inputsOf(node: PlanNode): readonly number[] {
  switch (node.kind) {
    case 'input':
      return [node.relationId];
    case 'constants':
      return [];
    case 'map':
    case 'aggregate':
      return inputsOf(node.input);
    case 'join':
      return [...new Set([...inputsOf(node.left), ...inputsOf(node.right)])];
    case 'union':
      return [...new Set(node.inputs.flatMap(inputsOf))];
  }
}
