import { typeName } from '../columns/type-name.ts';
import type { Field } from '../columns/types.ts';
import { commonType } from '../functions/resolve.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { aggregateNode, mapNode, projected, setNode, unionNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { QueryBody, SetOperation } from '../syntax/ast.ts';
import { coerce } from './coerce.ts';
import { type Context, complain } from './context.ts';

/**
 * UNION, INTERSECT and EXCEPT. Both sides get the common type of each column (PostgreSQL's
 * documentation 10.5), names come from the left. An untyped literal of a side's select list takes
 * the other side's type.
 */
export function analyzeSetOperation(
  context: Context,
  node: SetOperation,
  analyzeSide: (side: QueryBody) => PlanNode,
): PlanNode {
  const [left, right] = matched(context, node, analyzeSide(node.left), analyzeSide(node.right));
  const what = node.operator.toUpperCase();
  if (left.fields.length !== right.fields.length) {
    const message = `each ${what} query must have the same number of columns`;
    throw complain(context, node.right.span, message, { sqlState: '42601' });
  }
  const fields = left.fields.map(({ name, type, nullable }, index): Field => {
    const other = right.fields[index]!;
    const common = commonType([type, other.type]);
    if (common === undefined) {
      const message = `${what} types ${typeName(type)} and ${typeName(other.type)} cannot be matched`;
      throw complain(context, node.right.span, message, { sqlState: '42804' });
    }
    const isNullable = node.operator === 'intersect' ? nullable && other.nullable : nullable;
    return {
      name,
      type: common,
      nullable: isNullable || (node.operator === 'union' && other.nullable),
    };
  });
  const [first, second] = [left, right].map((side) => typed(context, side, fields)) as [
    PlanNode,
    PlanNode,
  ];
  if (node.operator !== 'union') {
    return setNode({ operation: node.operator, all: node.all, left: first, right: second }, fields);
  }
  const union = unionNode([first, second], fields);
  const all = fields.map((_, index) => index);
  return node.all ? union : aggregateNode(union, all, [], []);
}

/** With CORRESPONDING each side gives the columns that both have by name, in the left one's order. */
function matched(
  context: Context,
  { corresponding, operator, span }: SetOperation,
  left: PlanNode,
  right: PlanNode,
): readonly [PlanNode, PlanNode] {
  if (corresponding === undefined) return [left, right];
  const refuse = (message: string) => complain(context, span, message, { sqlState: '42601' });
  const names =
    corresponding === 'all'
      ? left.fields.map(({ name }) => name).filter((name) => indexesOf(right, name).length > 0)
      : corresponding.map(({ name }) => name);
  if (names.length === 0)
    throw refuse(`the ${operator.toUpperCase()} queries share no column name`);
  const picked = (side: PlanNode) =>
    names.map((name) => {
      const found = indexesOf(side, name);
      if (found.length === 1) return found[0]!;
      const problem = found.length === 0 ? 'is not in both queries' : 'is there twice';
      throw refuse(`CORRESPONDING column "${name}" ${problem}`);
    });
  return [projected(left, picked(left)), projected(right, picked(right))];
}

function indexesOf({ fields }: PlanNode, wanted: string): readonly number[] {
  return fields.flatMap(({ name }, index) => (name === wanted ? [index] : []));
}

export function typed(context: Context, node: PlanNode, fields: readonly Field[]): PlanNode {
  const names = fields.map(({ name }) => name);
  const isUntyped = node.fields.some(({ type }) => type.kind === 'unknown');
  if (isUntyped && node.kind === 'map') {
    const outputs = node.outputs.map((expr, index) =>
      coerce(context, expr, fields[index]!.type, 'implicit'),
    );
    return mapNode(node.input, names, outputs, node.filter);
  }
  const outputs = fields.map((field, index) =>
    coerce(context, columnExpr(index, node.fields[index]!.type), field.type, 'implicit'),
  );
  return mapNode(node, names, outputs);
}
