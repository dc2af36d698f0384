import { assert } from '../../platform/assert.ts';
import type { Expr } from './expr.ts';
import { columnExpr, columnsOf, eachColumn, mapColumns } from './expr-tools.ts';
import {
  aggregateNode,
  expandNode,
  flatMapNode,
  joinNode,
  mapNode,
  outerJoinNode,
  recursiveNode,
  semiJoinNode,
  setNode,
  topNNode,
  unionNode,
  windowNode,
} from './nodes.ts';
import type { InputNode, PlanNode, SortKey, TopNNode, WindowNode } from './physical.ts';

/**
 * Column pruning: the same rows, computing only the columns that someone uses. `needed` are
 * columns of the node; the result's column `at(c)` is the node's column c.
 */
interface Pruned {
  readonly plan: PlanNode;
  readonly at: (column: number) => number;
}

/**
 * Keeps every column of the root. A sub-plan that several others use stays one: it keeps the
 * columns that any of them uses, so it is pruned again when a later one needs more.
 */
export function pruneColumns(root: PlanNode): PlanNode {
  const demands = new Map<PlanNode, Set<number>>();
  for (;;) {
    const done = new Map<PlanNode, Pruned>();
    let isStale = false;
    const prune: Prune = (node, needed) => {
      const demand = demands.get(node) ?? new Set<number>();
      demands.set(node, demand);
      const known = demand.size;
      for (const column of needed) demand.add(column);
      const earlier = done.get(node);
      if (earlier !== undefined && demand.size === known) return earlier;
      isStale ||= earlier !== undefined;
      const pruned = pruneNode(node, demand, prune);
      done.set(node, pruned);
      return pruned;
    };
    const { plan, at } = prune(root, new Set(root.fields.keys()));
    if (isStale) continue;
    assert(
      root.fields.every((_, column) => at(column) === column),
      'pruning keeps the columns of the root',
    );
    return plan;
  }
}

type Prune = (node: PlanNode, needed: ReadonlySet<number>) => Pruned;

function pruneNode(node: PlanNode, needed: ReadonlySet<number>, prune: Prune): Pruned {
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
    case 'iteration':
      return { plan: node, at: (column) => column };
    case 'recursive': {
      // Every column may decide how the recursion goes on.
      const all = node.fields.map((_, column) => column);
      const [base, step] = [node.base, node.step].map((side) =>
        inOrder(prune(side, new Set(all)), all),
      );
      const plan = recursiveNode({ ...node, base: base!, step: step! });
      return { plan, at: (column) => column };
    }
    case 'flat': {
      const width = node.input.fields.length;
      const used = new Set(kept.filter((column) => column < width));
      for (const { args } of node.calls) {
        for (const arg of args) eachColumn(arg, ({ index }) => used.add(index));
      }
      const input = prune(node.input, used);
      const calls = node.calls.map((call) => ({
        ...call,
        args: call.args.map((arg) =>
          mapColumns(arg, (column) => ({ ...column, index: input.at(column.index) })),
        ),
      }));
      const plan = flatMapNode(input.plan, calls, node.hasOrdinality);
      const shift = input.plan.fields.length - width;
      const position = (column: number) => (column < width ? input.at(column) : column + shift);
      return { plan, at: position };
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
        node.nullSafe,
      );
      return { plan, at };
    }
    case 'outer': {
      const outputs = kept.map((column) => node.outputs[column]!);
      const { residual } = node;
      const width = node.left.fields.length;
      const tested = [...(residual === undefined ? [] : columnsOf(residual))];
      const of = (side: 'left' | 'right') =>
        outputs.flatMap((output) => (output.side === side ? [output.column] : []));
      const left = prune(
        node.left,
        new Set([...of('left'), ...node.leftKeys, ...tested.filter((column) => column < width)]),
      );
      const right = prune(
        node.right,
        new Set([
          ...of('right'),
          ...node.rightKeys,
          ...tested.filter((column) => column >= width).map((column) => column - width),
        ]),
      );
      const keptWidth = left.plan.fields.length;
      const moved = (column: number) =>
        column < width ? left.at(column) : keptWidth + right.at(column - width);
      const plan = outerJoinNode({
        ...node,
        left: left.plan,
        right: right.plan,
        leftKeys: node.leftKeys.map(left.at),
        rightKeys: node.rightKeys.map(right.at),
        outputs: outputs.map(({ side, column }) => ({
          side,
          column: (side === 'left' ? left : right).at(column),
        })),
        ...(residual === undefined
          ? {}
          : {
              residual: mapColumns(residual, (column) => ({
                ...column,
                index: moved(column.index),
              })),
            }),
      });
      return { plan, at };
    }
    case 'semi': {
      const left = prune(node.left, new Set([...needed, ...node.leftKeys]));
      const right = prune(node.right, new Set(node.rightKeys));
      const plan = semiJoinNode({
        ...node,
        left: left.plan,
        right: right.plan,
        leftKeys: node.leftKeys.map(left.at),
        rightKeys: node.rightKeys.map(right.at),
      });
      return { plan, at: left.at };
    }
    case 'set': {
      // Every column says whether two rows are the same.
      const all = node.fields.map((_, column) => column);
      const [left, right] = [node.left, node.right].map((side) =>
        inOrder(prune(side, new Set(all)), all),
      );
      const plan = setNode({ ...node, left: left!, right: right! }, node.fields);
      return { plan, at: (column) => column };
    }
    case 'aggregate': {
      // Group columns stay: they decide how many rows there are.
      const groups = node.groupBy.length;
      const calls = node.calls.flatMap((call, index) =>
        needed.has(groups + index) ? [{ call, index }] : [],
      );
      const used = new Set(node.groupBy);
      for (const { call } of calls) {
        for (const arg of call.args) used.add(arg);
        for (const { column } of call.orderBy) used.add(column);
        if (call.filter !== undefined) used.add(call.filter);
      }
      const input = prune(node.input, used);
      const plan = aggregateNode(
        input.plan,
        node.groupBy.map(input.at),
        calls.map(({ call }) => ({
          ...call,
          args: call.args.map(input.at),
          orderBy: movedKeys(call.orderBy, input.at),
          ...(call.filter === undefined ? {} : { filter: input.at(call.filter) }),
        })),
        calls.map(({ index }) => node.fields[groups + index]!),
        node.always,
      );
      const position = (column: number) =>
        column < groups
          ? column
          : groups + calls.findIndex(({ index }) => index === column - groups);
      return { plan, at: position };
    }
    case 'expand': {
      const used = new Set<number>();
      const outputs = node.outputs.map((list) => kept.map((column) => list[column]!));
      for (const expr of outputs.flat()) eachColumn(expr, ({ index }) => used.add(index));
      const input = prune(node.input, used);
      const moved = outputs.map((list) =>
        list.map((expr) =>
          mapColumns(expr, (column) => ({ ...column, index: input.at(column.index) })),
        ),
      );
      const fields = kept.map((column) => node.fields[column]!);
      return { plan: expandNode(input.plan, moved, fields), at };
    }
    case 'window':
      return pruneWindow(node, needed, prune);
    case 'topn':
      return pruneTopN(node, needed, prune);
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

function movedKeys(keys: readonly SortKey[], at: (column: number) => number): SortKey[] {
  return keys.map((key) => ({ ...key, column: at(key.column) }));
}

/** A window whose calls nobody uses is no window. */
function pruneWindow(node: WindowNode, needed: ReadonlySet<number>, prune: Prune): Pruned {
  const width = node.input.fields.length;
  const calls = node.calls.flatMap((call, index) =>
    needed.has(width + index) ? [{ call, index }] : [],
  );
  const used = new Set([...needed].filter((column) => column < width));
  if (calls.length === 0) return prune(node.input, used);
  for (const column of node.partitionBy) used.add(column);
  for (const { column } of node.orderBy) used.add(column);
  for (const { call } of calls) {
    for (const arg of call.args) used.add(arg);
    if (call.filter !== undefined) used.add(call.filter);
  }
  const input = prune(node.input, used);
  const plan = windowNode(
    {
      input: input.plan,
      partitionBy: node.partitionBy.map(input.at),
      orderBy: movedKeys(node.orderBy, input.at),
      calls: calls.map(({ call }) => ({
        ...call,
        args: call.args.map(input.at),
        ...(call.filter === undefined ? {} : { filter: input.at(call.filter) }),
      })),
    },
    calls.map(({ index }) => node.fields[width + index]!),
  );
  const at = (column: number) =>
    column < width
      ? input.at(column)
      : input.plan.fields.length + calls.findIndex(({ index }) => index === column - width);
  return { plan, at };
}

function pruneTopN(node: TopNNode, needed: ReadonlySet<number>, prune: Prune): Pruned {
  const width = node.input.fields.length;
  const used = new Set([...needed].filter((column) => column < width));
  for (const column of node.partitionBy) used.add(column);
  for (const { column } of node.orderBy) used.add(column);
  const input = prune(node.input, used);
  const plan = topNNode(
    {
      ...node,
      input: input.plan,
      partitionBy: node.partitionBy.map(input.at),
      orderBy: movedKeys(node.orderBy, input.at),
      withRank: needed.has(width),
    },
    node.fields[width],
  );
  return { plan, at: (column) => (column < width ? input.at(column) : input.plan.fields.length) };
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
