import type { Relation } from '../analyze/catalog.ts';
import type { Field, SqlValue } from '../columns/types.ts';
import type { Expr } from './expr.ts';
import type {
  AggregateCall,
  AggregateNode,
  ConstantsNode,
  InputNode,
  JoinNode,
  MapNode,
  PlanNode,
  UnionNode,
} from './physical.ts';

/** Constructors of plan nodes; each infers `appendOnly` and `uniqueKey` from its inputs. */

export function inputNode(relation: Relation, columns: readonly number[]): InputNode {
  const key = relation.primaryKey.map((column) => columns.indexOf(column));
  const hasKey = key.length > 0 && key.every((column) => column >= 0);
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

export function constantsNode(
  fields: readonly Field[],
  rows: readonly (readonly SqlValue[])[],
): ConstantsNode {
  return { kind: 'constants', fields, rows, appendOnly: true };
}

export function mapNode(
  input: PlanNode,
  names: readonly string[],
  outputs: readonly Expr[],
  filter?: Expr,
): MapNode {
  const fields = outputs.map((expr, index): Field => {
    const nullable = expr.kind === 'column' ? input.fields[expr.index]!.nullable : isNullable(expr);
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

export function joinNode(
  left: PlanNode,
  right: PlanNode,
  leftKeys: readonly number[],
  rightKeys: readonly number[],
  outputs: JoinNode['outputs'],
): JoinNode {
  return {
    kind: 'join',
    left,
    right,
    leftKeys,
    rightKeys,
    outputs,
    fields: outputs.map(({ side, column }) => (side === 'left' ? left : right).fields[column]!),
    appendOnly: left.appendOnly && right.appendOnly,
  };
}

export function aggregateNode(
  input: PlanNode,
  groupBy: readonly number[],
  calls: readonly AggregateCall[],
  callFields: readonly Field[],
): AggregateNode {
  const key = groupBy.map((_, index) => index);
  return {
    kind: 'aggregate',
    input,
    groupBy,
    calls,
    fields: [...groupBy.map((column) => input.fields[column]!), ...callFields],
    // A group's row changes with its aggregates; DISTINCT over a growing input only grows.
    appendOnly: calls.length === 0 && groupBy.length > 0 && input.appendOnly,
    uniqueKey: key,
  };
}

export function unionNode(inputs: readonly PlanNode[], fields: readonly Field[]): UnionNode {
  return { kind: 'union', inputs, fields, appendOnly: inputs.every((node) => node.appendOnly) };
}
