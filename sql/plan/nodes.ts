import type { Relation } from '../analyze/catalog.ts';
import { ColumnBuilder } from '../columns/builder.ts';
import { isLoose } from '../columns/nested.ts';
import type { Field, SqlValue } from '../columns/types.ts';
import type { Expr } from './expr.ts';
import { columnExpr } from './expr-tools.ts';
import type {
  AggregateCall,
  AggregateNode,
  ConstantsNode,
  ExpandNode,
  FlatMapNode,
  InputNode,
  IterationNode,
  JoinNode,
  MapNode,
  OuterJoinNode,
  PlanNode,
  RecursiveNode,
  SemiJoinNode,
  SetNode,
  TableCall,
  TopNNode,
  UnionNode,
  WindowNode,
} from './physical.ts';

/** Constructors of plan nodes; each infers `appendOnly` and `uniqueKey` from its inputs. */

export function inputNode(relation: Relation, columns: readonly number[]): InputNode {
  const declared = relation.primaryKey.length > 0 ? relation.primaryKey : undefined;
  const key = (relation.uniqueKey ?? declared)?.map((column) => columns.indexOf(column));
  const hasKey = key?.every((column) => column >= 0) === true;
  return {
    kind: 'input',
    relationId: relation.id,
    relationName: relation.name,
    columns,
    fields: columns.map((column) => {
      const { name, type, nullable } = relation.columns[column]!;
      return { name, type, nullable };
    }),
    appendOnly: relation.appendOnly,
    ...(hasKey ? { uniqueKey: key } : {}),
  };
}

const mayHoldNumeric: ReadonlySet<string> = new Set(['numeric', 'array', 'record']);

export function constantsNode(
  fields: readonly Field[],
  rows: readonly (readonly SqlValue[])[],
): ConstantsNode {
  // A value that no cell holds is refused now: later it would stop the whole dataflow.
  for (const [index, { type }] of fields.entries()) {
    if (!mayHoldNumeric.has(type.kind)) continue;
    const builder = new ColumnBuilder(type);
    for (const row of rows) builder.push(row[index]!);
  }
  return { kind: 'constants', fields, rows, appendOnly: true };
}

export function mapNode(
  input: PlanNode,
  names: readonly string[],
  outputs: readonly Expr[],
  filter?: Expr,
): MapNode {
  const fields = outputs.map((expr, index): Field => {
    // A column of an enclosing query (joins.ts) may be NULL.
    const nullable =
      expr.kind === 'column' ? (input.fields[expr.index]?.nullable ?? true) : isNullable(expr);
    return { name: names[index]!, type: expr.type, nullable };
  });
  const key = input.uniqueKey?.map((column) =>
    outputs.findIndex((expr) => expr.kind === 'column' && expr.index === column),
  );
  const hasKey = key?.every((column) => column >= 0) === true;
  return {
    kind: 'map',
    input,
    outputs,
    fields,
    appendOnly: input.appendOnly,
    ...(filter === undefined ? {} : { filter }),
    ...(hasKey ? { uniqueKey: key } : {}),
  };
}

function isNullable(expr: Expr): boolean {
  return expr.kind !== 'constant' || expr.value === null;
}

/** Only rows for which `filter` is true; the same columns. */
export function filterNode(input: PlanNode, filter: Expr): MapNode {
  const outputs = input.fields.map(({ type }, index): Expr => ({ kind: 'column', index, type }));
  return mapNode(
    input,
    input.fields.map(({ name }) => name),
    outputs,
    filter,
  );
}

export function flatMapNode(
  input: PlanNode,
  calls: readonly TableCall[],
  hasOrdinality = false,
): FlatMapNode {
  const ordinality: Field = { name: 'ordinality', type: { kind: 'bigint' }, nullable: false };
  const fields = [
    ...input.fields,
    ...calls.flatMap((call) => call.fields),
    ...(hasOrdinality ? [ordinality] : []),
  ];
  return { kind: 'flat', input, calls, hasOrdinality, fields, appendOnly: input.appendOnly };
}

export function joinNode(
  left: PlanNode,
  right: PlanNode,
  leftKeys: readonly number[],
  rightKeys: readonly number[],
  outputs: JoinNode['outputs'],
  nullSafe: readonly boolean[] = leftKeys.map(() => false),
): JoinNode {
  const node = { left, right, leftKeys, rightKeys, outputs };
  const key = hasOnePartner(right, rightKeys)
    ? keyOfSide(node, 'left')
    : hasOnePartner(left, leftKeys)
      ? keyOfSide(node, 'right')
      : keyOfBoth(node);
  return {
    ...node,
    kind: 'join',
    nullSafe,
    fields: outputs.map(({ side, column }) => (side === 'left' ? left : right).fields[column]!),
    appendOnly: left.appendOnly && right.appendOnly,
    ...(key === undefined ? {} : { uniqueKey: key }),
  };
}

type Joined = Pick<JoinNode, 'left' | 'right' | 'outputs'>;

/** A row of the other side meets at most one row of this one. */
function hasOnePartner({ uniqueKey }: PlanNode, keys: readonly number[]): boolean {
  return uniqueKey?.every((column) => keys.includes(column)) === true;
}

/** The unique key of one side as output columns, if all of it comes out. */
function keyOfSide(node: Joined, side: 'left' | 'right'): readonly number[] | undefined {
  const key = node[side].uniqueKey?.map((column) =>
    node.outputs.findIndex((output) => output.side === side && output.column === column),
  );
  return key?.every((column) => column >= 0) === true ? key : undefined;
}

/** Longer unique keys are not followed: nobody groups by so many columns. */
const keyColumnsMax = 8;

function keyOfBoth(node: Joined): readonly number[] | undefined {
  const width = (node.left.uniqueKey?.length ?? 0) + (node.right.uniqueKey?.length ?? 0);
  if (width > keyColumnsMax) return undefined;
  const [left, right] = [keyOfSide(node, 'left'), keyOfSide(node, 'right')];
  return left === undefined || right === undefined ? undefined : [...left, ...right];
}

export function outerJoinNode(
  node: Omit<OuterJoinNode, 'kind' | 'fields' | 'appendOnly' | 'uniqueKey'>,
): OuterJoinNode {
  const { left, right, type, outputs } = node;
  const fields = outputs.map(({ side, column }): Field => {
    const field = (side === 'left' ? left : right).fields[column]!;
    return side === 'right' || type === 'full' ? { ...field, nullable: true } : field;
  });
  const { uniqueKey: _, ...rest } = node as OuterJoinNode;
  const key =
    type === 'full'
      ? undefined
      : hasOnePartner(right, node.rightKeys)
        ? keyOfSide(node, 'left')
        : keyOfBoth(node);
  return {
    ...rest,
    kind: 'outer',
    fields,
    appendOnly: false,
    ...(key === undefined ? {} : { uniqueKey: key }),
  };
}

export function aggregateNode(
  input: PlanNode,
  groupBy: readonly number[],
  calls: readonly AggregateCall[],
  callFields: readonly Field[],
  always: AggregateNode['always'] = groupBy.length === 0 ? [[]] : [],
): AggregateNode {
  const key = groupBy.map((_, index) => index);
  return {
    kind: 'aggregate',
    input,
    groupBy,
    calls,
    always,
    fields: [...groupBy.map((column) => input.fields[column]!), ...callFields],
    // A group's row changes with its aggregates, and with the representation of its key that is
    // shown; else DISTINCT over a growing input only grows.
    appendOnly:
      calls.length === 0 &&
      groupBy.length > 0 &&
      input.appendOnly &&
      !groupBy.some((column) => isLoose(input.fields[column]!.type)),
    uniqueKey: key,
  };
}

export function semiJoinNode(
  node: Pick<SemiJoinNode, 'anti' | 'left' | 'right' | 'leftKeys' | 'rightKeys' | 'nullSafe'>,
): SemiJoinNode {
  const { left, right, anti } = node;
  const { uniqueKey: _, ...rest } = node as SemiJoinNode;
  return {
    ...rest,
    kind: 'semi',
    fields: left.fields,
    appendOnly: !anti && left.appendOnly && right.appendOnly,
    ...(left.uniqueKey === undefined ? {} : { uniqueKey: left.uniqueKey }),
  };
}

export function setNode(
  node: Pick<SetNode, 'operation' | 'all' | 'left' | 'right'>,
  fields: readonly Field[],
): SetNode {
  const { left, right, operation, all } = node;
  const isFixed = !fields.some(({ type }) => isLoose(type));
  const appendOnly = operation === 'intersect' && left.appendOnly && right.appendOnly && isFixed;
  const uniqueKey = fields.map((_, column) => column);
  const base = { operation, all, left, right, kind: 'set', fields, appendOnly } as const;
  return all ? base : { ...base, uniqueKey };
}

export function recursiveNode(
  node: Pick<RecursiveNode, 'id' | 'base' | 'step' | 'all' | 'fields'>,
): RecursiveNode {
  // Iterations move rows among themselves even where the whole only grows.
  return { ...node, kind: 'recursive', appendOnly: false };
}

export function iterationNode(id: number, fields: readonly Field[]): IterationNode {
  return { kind: 'iteration', id, fields, appendOnly: false };
}

/** The expressions of a node. */
export function exprsOf(node: PlanNode): readonly Expr[] {
  switch (node.kind) {
    case 'map':
      return node.filter === undefined ? node.outputs : [node.filter, ...node.outputs];
    case 'flat':
      return node.calls.flatMap(({ args }) => args);
    case 'outer':
      return node.residual === undefined ? [] : [node.residual];
    case 'expand':
      return node.outputs.flat();
    default:
      return [];
  }
}

/** A call of arguments alone. */
export function plainCall(functionId: string, args: readonly number[]): AggregateCall {
  return { functionId, args, orderBy: [], direct: [], distinct: false };
}

/** `fields` of the outputs; a column is nullable where any list may give NULL. */
export function expandNode(
  input: PlanNode,
  outputs: ExpandNode['outputs'],
  fields: readonly Field[],
): ExpandNode {
  return { kind: 'expand', input, outputs, fields, appendOnly: input.appendOnly };
}

export function windowNode(
  node: Pick<WindowNode, 'input' | 'partitionBy' | 'orderBy' | 'calls'>,
  callFields: readonly Field[],
): WindowNode {
  const { input } = node;
  const fields = [...input.fields, ...callFields];
  // A new row may change what the others' functions say.
  return { ...node, kind: 'window', fields, appendOnly: false, ...keyOf(input) };
}

export const rankField: Field = { name: 'rank', type: { kind: 'bigint' }, nullable: false };

export function topNNode(
  node: Pick<
    TopNNode,
    'input' | 'partitionBy' | 'orderBy' | 'ranking' | 'offset' | 'withRank' | 'limit'
  >,
  rank: Field = rankField,
): TopNNode {
  const { input, withRank } = node;
  const fields = withRank ? [...input.fields, rank] : input.fields;
  return { ...node, kind: 'topn', fields, appendOnly: false, ...keyOf(input) };
}

function keyOf({ uniqueKey }: PlanNode): Pick<PlanNode, 'uniqueKey'> {
  return uniqueKey === undefined ? {} : { uniqueKey };
}

/** The same node over changed inputs. */
export function mapInputs(node: PlanNode, change: (input: PlanNode) => PlanNode): PlanNode {
  switch (node.kind) {
    case 'input':
    case 'constants':
    case 'iteration':
      return node;
    case 'recursive':
      return recursiveNode({ ...node, base: change(node.base), step: change(node.step) });
    case 'map': {
      const names = node.fields.map(({ name }) => name);
      return mapNode(change(node.input), names, node.outputs, node.filter);
    }
    case 'flat':
      return flatMapNode(change(node.input), node.calls, node.hasOrdinality);
    case 'join': {
      const { leftKeys, rightKeys, outputs, nullSafe } = node;
      return joinNode(
        change(node.left),
        change(node.right),
        leftKeys,
        rightKeys,
        outputs,
        nullSafe,
      );
    }
    case 'outer':
      return outerJoinNode({ ...node, left: change(node.left), right: change(node.right) });
    case 'semi':
      return semiJoinNode({ ...node, left: change(node.left), right: change(node.right) });
    case 'aggregate': {
      const callFields = node.fields.slice(node.groupBy.length);
      return aggregateNode(change(node.input), node.groupBy, node.calls, callFields, node.always);
    }
    case 'window': {
      const callFields = node.fields.slice(node.input.fields.length);
      return windowNode({ ...node, input: change(node.input) }, callFields);
    }
    case 'topn':
      return topNNode({ ...node, input: change(node.input) }, node.fields.at(-1));
    case 'expand':
      return expandNode(change(node.input), node.outputs, node.fields);
    case 'union':
      return unionNode(node.inputs.map(change), node.fields);
    case 'set':
      return setNode({ ...node, left: change(node.left), right: change(node.right) }, node.fields);
  }
}

export function unionNode(inputs: readonly PlanNode[], fields: readonly Field[]): UnionNode {
  return { kind: 'union', inputs, fields, appendOnly: inputs.every((node) => node.appendOnly) };
}

/** A rule applied to every node, inputs first; a node that several others use is changed once. */
export function bottomUp(root: PlanNode, rule: (node: PlanNode) => PlanNode): PlanNode {
  const done = new Map<PlanNode, PlanNode>();
  const visit = (node: PlanNode): PlanNode => {
    const known = done.get(node);
    if (known !== undefined) return known;
    const changed = rule(mapInputs(node, visit));
    done.set(node, changed);
    return changed;
  };
  return visit(root);
}

/** Some columns of a plan, in a new order. */
export function projected(plan: PlanNode, order: readonly number[]): PlanNode {
  const outputs = order.map((column) => columnExpr(column, plan.fields[column]!.type));
  return mapNode(
    plan,
    order.map((column) => plan.fields[column]!.name),
    outputs,
  );
}
