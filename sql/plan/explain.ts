import { toText } from '../columns/text.ts';
import { typeName } from '../columns/type-name.ts';
import type { Field, SqlType, SqlValue } from '../columns/types.ts';
import type { Expr } from './expr.ts';
import type {
  JoinNode,
  OuterJoinNode,
  PlanNode,
  QueryPlan,
  SemiJoinNode,
  SortKey,
  TopNNode,
  WindowNode,
} from './physical.ts';

/**
 * The plan as an indented tree, one operator a line, for EXPLAIN; `note` stands behind each. What
 * several others use, which runs once, is shown once.
 */
export function explainPlan(
  plan: QueryPlan,
  note: (node: PlanNode) => string = () => '',
): string[] {
  const lines: string[] = [];
  let depth = 0;
  const { fields } = plan.root;
  const bounds = [
    plan.limit === undefined ? [] : [`limit ${plan.limit}`],
    plan.offset === undefined ? [] : [`offset ${plan.offset}`],
  ].flat();
  if (bounds.length > 0) lines.push(`${'  '.repeat(depth++)}Limit: ${bounds.join(', ')}`);
  if (plan.orderBy.length > 0) {
    lines.push(`${'  '.repeat(depth++)}Sort: ${explainOrder(plan.orderBy, fields)}`);
  }
  const shown = new Map<PlanNode, number>();
  const show = (node: PlanNode, at: number): void => {
    const number = shown.get(node);
    if (number !== undefined && hasInputs(node)) {
      lines.push(`${'  '.repeat(at)}As in line ${number}`);
      return;
    }
    shown.set(node, lines.length + 1);
    explainNode(node, at, lines, note, show);
  };
  show(plan.root, depth);
  return lines;
}

/** What has none is as short as a reference to it. */
function hasInputs({ kind }: PlanNode): boolean {
  return kind !== 'input' && kind !== 'constants' && kind !== 'iteration';
}

function explainOrder(keys: readonly SortKey[], fields: readonly Field[]): string {
  return keys
    .map(({ column, descending, nullsFirst }) => {
      const direction = descending ? ' desc' : '';
      const nulls = nullsFirst === descending ? '' : nullsFirst ? ' nulls first' : ' nulls last';
      return `${fields[column]!.name}${direction}${nulls}`;
    })
    .join(', ');
}

function explainNode(
  node: PlanNode,
  depth: number,
  lines: string[],
  note: (node: PlanNode) => string,
  show: (node: PlanNode, depth: number) => void,
): void {
  const nameOf = (input: PlanNode) => (column: number) => input.fields[column]!.name;
  const add = (text: string) => {
    const growing = node.appendOnly ? '' : ' [retracts]';
    lines.push(`${'  '.repeat(depth)}${text}${growing}${note(node)}`);
  };
  switch (node.kind) {
    case 'input':
      add(`Input: ${node.relationName} (${node.fields.map(({ name }) => name).join(', ')})`);
      return;
    case 'constants':
      add(`Constants: ${node.rows.length} rows`);
      return;
    case 'map': {
      const name = nameOf(node.input);
      const filter = node.filter === undefined ? '' : ` where ${explainExpr(node.filter, name)}`;
      const outputs = node.outputs.map((expr) => explainExpr(expr, name));
      add(`Map: ${outputs.join(', ')}${filter}`);
      show(node.input, depth + 1);
      return;
    }
    case 'join': {
      add(`Join: ${explainKeys(node) || 'cross'}; state: both inputs`);
      show(node.left, depth + 1);
      show(node.right, depth + 1);
      return;
    }
    case 'iteration':
      add('Rows of the iteration before');
      return;
    case 'recursive':
      add(`Recursive${node.all ? ' all' : ''}; state: inputs and every iteration`);
      show(node.base, depth + 1);
      show(node.step, depth + 1);
      return;
    case 'flat': {
      const name = nameOf(node.input);
      const calls = node.calls.map(({ functionId, args }) => {
        return `${functionId.split(':')[0]}(${args.map((arg) => explainExpr(arg, name)).join(', ')})`;
      });
      add(`Rows of: ${calls.join(', ')}`);
      show(node.input, depth + 1);
      return;
    }
    case 'outer': {
      const { left, right, residual } = node;
      const name = (column: number) => [...left.fields, ...right.fields][column]!.name;
      const test = residual === undefined ? '' : ` where ${explainExpr(residual, name)}`;
      const what = node.type === 'left' ? 'Left join' : 'Full join';
      add(`${what}: ${explainKeys(node) || 'any row'}${test}; state: both inputs`);
      show(left, depth + 1);
      show(right, depth + 1);
      return;
    }
    case 'semi': {
      const what = node.anti ? 'Anti join' : 'Semi join';
      const state = 'state: left input, one row per right key';
      add(`${what}: ${explainKeys(node) || 'any row'}; ${state}`);
      show(node.left, depth + 1);
      show(node.right, depth + 1);
      return;
    }
    case 'set':
      add(`${node.operation}${node.all ? ' all' : ''}; state: one row per different row`);
      show(node.left, depth + 1);
      show(node.right, depth + 1);
      return;
    case 'aggregate': {
      const name = nameOf(node.input);
      const calls = node.calls.map(({ functionId, args, filter, distinct, orderBy }) => {
        const of = `${distinct ? ' distinct' : ''}${args.map((arg) => ` ${name(arg)}`).join(',')}`;
        const by = orderBy.length === 0 ? '' : ` by ${explainOrder(orderBy, node.input.fields)}`;
        return `${functionId}${of}${by}${filter === undefined ? '' : ` filter ${name(filter)}`}`;
      });
      const by = node.groupBy.length === 0 ? 'all rows' : node.groupBy.map(name).join(', ');
      add(`Aggregate: ${calls.join(', ') || 'distinct'}; by ${by}; state: one row per group`);
      show(node.input, depth + 1);
      return;
    }
    case 'expand': {
      const name = nameOf(node.input);
      const sets = node.outputs.map((set) => set.map((expr) => explainExpr(expr, name)).join(', '));
      add(`Expand: ${sets.map((set) => `(${set})`).join(', ')}`);
      show(node.input, depth + 1);
      return;
    }
    case 'window': {
      const name = nameOf(node.input);
      const calls = node.calls.map(({ functionId, args, frame }) => {
        const { mode, start, end } = frame;
        return `${functionId}(${args.map(name).join(', ')}) ${mode} ${start.kind} to ${end.kind}`;
      });
      add(`Window: ${calls.join('; ')}; ${explainGroups(node)}; state: all rows`);
      show(node.input, depth + 1);
      return;
    }
    case 'topn': {
      const { ranking, limit, offset } = node;
      const bounds = `${limit === undefined ? '' : ` <= ${limit}`}${offset > 0 ? ` after ${offset}` : ''}`;
      const state = node.input.appendOnly && limit !== undefined ? 'the top rows' : 'all rows';
      add(`TopN: ${ranking}${bounds}; ${explainGroups(node)}; state: ${state}`);
      show(node.input, depth + 1);
      return;
    }
    case 'union':
      add('Union');
      for (const input of node.inputs) show(input, depth + 1);
  }
}

function explainKeys({
  left,
  right,
  leftKeys,
  rightKeys,
  nullSafe,
}: JoinNode | OuterJoinNode | SemiJoinNode) {
  const keys = leftKeys.map((key, index) => {
    const equals = nullSafe[index] === true ? 'is not distinct from' : '=';
    return `${left.fields[key]!.name} ${equals} ${right.fields[rightKeys[index]!]!.name}`;
  });
  return keys.join(' and ');
}

function explainGroups({ input, partitionBy, orderBy }: WindowNode | TopNNode): string {
  const names = partitionBy.map((column) => input.fields[column]!.name).join(', ');
  return `by ${names || 'all rows'} ordered by ${explainOrder(orderBy, input.fields) || 'the row'}`;
}

function explainExpr(expr: Expr, name: (column: number) => string): string {
  switch (expr.kind) {
    case 'column':
      return name(expr.index);
    case 'constant':
      return explainValue(expr.type, expr.value);
    case 'call': {
      const args = expr.args.map((arg) => explainExpr(arg, name));
      const [symbol] = expr.functionId.split(':');
      if (symbol === 'cast') return `${args[0]}::${typeName(expr.type)}`;
      const isInfix =
        args.length > 1 && (/^\W+$/.test(symbol!) || symbol === 'and' || symbol === 'or');
      return isInfix ? `(${args.join(` ${symbol} `)})` : `${symbol}(${args.join(', ')})`;
    }
    case 'case': {
      const branches = expr.branches.map(
        ({ when, then }) => `when ${explainExpr(when, name)} then ${explainExpr(then, name)}`,
      );
      return `case ${branches.join(' ')} else ${explainExpr(expr.otherwise, name)} end`;
    }
  }
}

function explainValue(type: SqlType, value: SqlValue): string {
  if (value === null) return 'null';
  const text = toText(type, value);
  return ['text', 'varchar', 'timestamp', 'timestamptz', 'date', 'interval'].includes(type.kind)
    ? `'${text}'`
    : text;
}
