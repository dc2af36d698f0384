import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Catalog } from '../analyze/catalog.ts';
import type { Context, StatementState } from '../analyze/context.ts';
import type { Parameters } from '../analyze/parameters.ts';
import { analyzeQuery } from '../analyze/query.ts';
import { foldConstant } from '../codegen/fold.ts';
import type { Query } from '../syntax/ast.ts';
import { freeColumns, isVolatile } from './correlation.ts';
import { fuseMaps } from './fuse.ts';
import { interned } from './intern.ts';
import { firstColumnId } from './joins.ts';
import { bottomUp, exprsOf, mapInputs, mapNode, projected } from './nodes.ts';
import type { PlanNode, QueryPlan } from './physical.ts';
import { pruneColumns } from './prune.ts';
import { pushFilters } from './push-down.ts';
import { Subqueries } from './subqueries.ts';
import { TableCalls } from './table-calls.ts';
import { recognizeTopN } from './top-n.ts';

/** Where the statement comes from: its text, for positions, and the relations it may name. */
export interface PlanOptions {
  readonly catalog: Catalog;
  readonly text: string;
  /** The moment that now() gives, ms since 1970; without it now() is refused. */
  readonly nowMs?: number;
  /** Without them there may be none in the text. */
  readonly parameters?: Parameters;
}

export function newContext({ catalog, text, nowMs, parameters }: PlanOptions): Context {
  const newColumn = () => statement.nextColumn++;
  const statement: StatementState = {
    nextColumn: firstColumnId,
    subqueries: new Subqueries(newColumn),
    tableCalls: new TableCalls(newColumn),
  };
  const base = { catalog, text, commonTables: [], outerScopes: [], depth: 0, statement };
  return {
    ...base,
    ...(nowMs === undefined ? {} : { nowMs }),
    ...(parameters === undefined ? {} : { parameters }),
  };
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
  assert(freeColumns(plan.root).size === 0, 'every column of an outer query is bound');
  return { ...plan, root: optimized(plan.root) };
}

/** The plan as the query says it, before any rule: for EXPLAIN. */
export function logicalPlan(
  query: Query,
  use: 'statement' | 'view',
  options: PlanOptions,
): QueryPlan {
  return analyzeQuery(newContext(options), query, use);
}

/** The rewrite rules, in order. */
export function optimized(root: PlanNode): PlanNode {
  checkVolatile(root);
  const simple = fuseMaps(interned(withoutDistinct(foldConstants(root))));
  const pushed = recognizeTopN(fuseMaps(pushFilters(simple)));
  return interned(fuseMaps(pruneColumns(interned(pushed))));
}

/**
 * A row that is taken back must be the one that was given, which a volatile function would not make
 * again: it may stand only over rows that stay.
 */
function checkVolatile(root: PlanNode): void {
  bottomUp(root, (node) => {
    const inputs: PlanNode[] = [];
    mapInputs(node, (input) => {
      inputs.push(input);
      return input;
    });
    if (inputs.every(({ appendOnly }) => appendOnly) || !exprsOf(node).some(isVolatile))
      return node;
    const message = 'a volatile function over rows that may change is not supported yet';
    throw new MillraceError('UNSUPPORTED', message, {
      sqlState: '0A000',
      hint: 'Put the rows into a table first, or call the function on the rows of a table.',
    });
  });
}

function foldConstants(root: PlanNode): PlanNode {
  return bottomUp(root, (node) => {
    if (node.kind !== 'map') return node;
    const { input, fields, outputs, filter } = node;
    const names = fields.map(({ name }) => name);
    return mapNode(input, names, outputs.map(foldConstant), filter && foldConstant(filter));
  });
}

/** DISTINCT over rows that are all different already only picks columns. */
function withoutDistinct(root: PlanNode): PlanNode {
  return bottomUp(root, (node) => {
    if (node.kind !== 'aggregate' || node.calls.length > 0) return node;
    const { input, groupBy } = node;
    const isUnique = input.uniqueKey?.every((column) => groupBy.includes(column)) === true;
    return isUnique ? projected(input, groupBy) : node;
  });
}
