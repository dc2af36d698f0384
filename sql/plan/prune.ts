import { assert } from '../../platform/assert.ts';
import type { Expr } from './expr.ts';
import { columnExpr, eachColumn, mapColumns } from './expr-tools.ts';
import { aggregateNode, joinNode, mapNode, unionNode } from './nodes.ts';
import type { InputNode, PlanNode } from './physical.ts';

/**
 * Column pruning: the same rows, computing only the columns that someone uses. `needed` are
 * columns of the node; the result's column `at(c)` is the node's column c.
 */
interface Pruned {
  readonly plan: PlanNode;
  readonly at: (column: number) => number;
}

/** Keeps every column of the root. */
export function pruneColumns(root: PlanNode): PlanNode {
  const { plan, at } = prune(root, new Set(root.fields.keys()));
  assert(
    root.fields.every((_, column) => at(column) === column),
    'pruning keeps the columns of the root',
  );
  return plan;
}

function prune(node: PlanNode, needed: ReadonlySet<number>): Pruned {
  const kept = [...needed].sort((a, b) => a - b);
  const at = (column: number) => kept.indexOf(column);
  switch (node.kind) {
    case 'input':
      return { plan: pruneInput(node, kept), at };
    case 'constants':
      return {
        plan: {
          ...node,
          fields: kept.map((column) => node.fields[column]!),
          rows: node.rows.map((row) => kept.map((column) => row[column]!)),
        },
        at,
      };
    case 'map': {
      const used = new Set<number>();
      const outputs = kept.map((column) => node.outputs[column]!);
      for (const expr of outputs) eachColumn(expr, ({ index }) => used.add(index));
      if (node.filter !== undefined) eachColumn(node.filter, ({ index }) => used.add(index));
      const input = prune(node.input, used);
      const moved = (expr: Expr) =>
        mapColumns(expr, (column) => ({ ...column, index: input.at(column.index) }));
      const names = kept.map((column) => node.fields[column]!.name);
      const filter = node.filter === undefined ? undefined : moved(node.filter);
      return { plan: mapNode(input.plan, names, outputs.map(moved), filter), at };
    }
    case 'join': {
      const outputs = kept.map((column) => node.outputs[column]!);
      const of = (side: 'left' | 'right') =>
        outputs.flatMap((output) => (output.side === side ? [output.column] : []));
      const left = prune(node.left, new Set([...of('left'), ...node.leftKeys]));
      const right = prune(node.right, new Set([...of('right'), ...node.rightKeys]));
      const plan = joinNode(
        left.plan,
        right.plan,
        node.leftKeys.map(left.at),
        node.rightKeys.map(right.at),
        outputs.map(({ side, column }) => ({
          side,
          column: (side === 'left' ? left : right).at(column),
        })),
      );
      return { plan, at };
    }
    case 'aggregate': {
      // Group columns stay: they decide how many rows there are.
      const groups = node.groupBy.length;
      const calls = node.calls.flatMap((call, index) =>
        needed.has(groups + index) ? [{ call, index }] : [],
      );
      const used = new Set(node.groupBy);
      for (const { call } of calls) {
        if (call.arg !== undefined) used.add(call.arg);
        if (call.filter !== undefined) used.add(call.filter);
      }
      const input = prune(node.input, used);
      const plan = aggregateNode(
        input.plan,
        node.groupBy.map(input.at),
        calls.map(({ call }) => ({
          ...call,
          ...(call.arg === undefined ? {} : { arg: input.at(call.arg) }),
          ...(call.filter === undefined ? {} : { filter: input.at(call.filter) }),
        })),
        calls.map(({ index }) => node.fields[groups + index]!),
      );
      const position = (column: number) =>
        column < groups
          ? column
          : groups + calls.findIndex(({ index }) => index === column - groups);
      return { plan, at: position };
    }
    case 'union': {
      const inputs = node.inputs.map((input) => {
        const pruned = prune(input, needed);
        return inOrder(pruned, kept);
      });
      return {
        plan: unionNode(
          inputs,
          kept.map((column) => node.fields[column]!),
        ),
        at,
      };
    }
  }
}

function pruneInput(node: InputNode, kept: readonly number[]): InputNode {
  const key = node.uniqueKey?.map((column) => kept.indexOf(column));
  const { uniqueKey: _, ...rest } = node;
  return {
    ...rest,
    columns: kept.map((column) => node.columns[column]!),
    fields: kept.map((column) => node.fields[column]!),
    ...(key?.every((column) => column >= 0) === true ? { uniqueKey: key } : {}),
  };
}

/** Exactly the columns `kept`, in that order. */
function inOrder({ plan, at }: Pruned, kept: readonly number[]): PlanNode {
  const isSame =
    plan.fields.length === kept.length && kept.every((column, index) => at(column) === index);
  if (isSame) return plan;
  const outputs = kept.map((column) => columnExpr(at(column), plan.fields[at(column)]!.type));
  const names = outputs.map(({ index }) => plan.fields[index]!.name);
  return mapNode(plan, names, outputs);
}
