import { scalarById } from '../functions/scalar.ts';
import { isVolatile } from './correlation.ts';
import type { Expr } from './expr.ts';
import { columnExpr, columnsOf, conjunction, conjunctsOf, mapColumns } from './expr-tools.ts';
import { equalityOf } from './joins.ts';
import {
  aggregateNode,
  filterNode,
  flatMapNode,
  joinNode,
  mapInputs,
  mapNode,
  outerJoinNode,
  semiJoinNode,
  setNode,
  unionNode,
} from './nodes.ts';
import type { AggregateNode, JoinNode, MapNode, OuterJoinNode, PlanNode } from './physical.ts';

/**
 * Predicate push-down: a condition is tested as early as its columns are there, so that joins and
 * groups keep less. A sub-plan that several others use keeps its rows as they are.
 */
export function pushFilters(root: PlanNode): PlanNode {
  const uses = new Map<PlanNode, number>();
  const count = (node: PlanNode) => {
    const known = uses.get(node) ?? 0;
    uses.set(node, known + 1);
    if (known > 0) return;
    mapInputs(node, (input) => {
      count(input);
      return input;
    });
  };
  count(root);
  const done = new Map<PlanNode, PlanNode>();
  const visit = (node: PlanNode): PlanNode => {
    const known = done.get(node);
    if (known !== undefined) return known;
    let current = node;
    while (current.kind === 'map' && (uses.get(current.input) ?? 1) === 1) {
      const next = pushed(current);
      if (next === current) break;
      current = next;
    }
    const changed = mapInputs(current, visit);
    done.set(node, changed);
    return changed;
  };
  return visit(root);
}

/** A condition's new places, over the inputs' columns; `undefined`: it stays where it is. */
type Split = (condition: Expr) => readonly (Expr | undefined)[] | undefined;

/** The map with those of its conditions pushed into its input that can go there. */
function pushed(node: MapNode): MapNode {
  const { input, filter } = node;
  if (filter === undefined) return node;
  const conditions = conjunctsOf(filter);
  // It is for each row that is there now, not for those which these are made of.
  if (conditions.some(isVolatile)) return node;
  switch (input.kind) {
    case 'map':
      return through(node, conditions, throughMap(input), ([inner]) =>
        rebuilt(input, filtered(input.input, inner!)),
      );
    case 'join':
      return joined(node, input, conditions);
    case 'outer':
      return outerJoined(node, input, conditions);
    case 'semi':
      return through(
        node,
        conditions,
        (condition) => [condition],
        ([left]) => semiJoinNode({ ...input, left: filtered(input.left, left!) }),
      );
    case 'flat': {
      const width = input.input.fields.length;
      const isInput = (condition: Expr) => [...columnsOf(condition)].every((c) => c < width);
      return through(
        node,
        conditions,
        (condition) => (isInput(condition) ? [condition] : undefined),
        ([inner]) => flatMapNode(filtered(input.input, inner!), input.calls, input.hasOrdinality),
      );
    }
    case 'aggregate':
      // A group that is there without rows would stay.
      if (input.always.length > 0) return node;
      return through(node, conditions, throughGroups(input), ([inner]) =>
        aggregateNode(
          filtered(input.input, inner!),
          input.groupBy,
          input.calls,
          input.fields.slice(input.groupBy.length),
        ),
      );
    case 'union':
      return through(
        node,
        conditions,
        (condition) => input.inputs.map(() => condition),
        (sides) =>
          unionNode(
            input.inputs.map((side, index) => filtered(side, sides[index]!)),
            input.fields,
          ),
      );
    case 'set':
      return through(
        node,
        conditions,
        (condition) => [condition, condition],
        ([left, right]) =>
          setNode(
            { ...input, left: filtered(input.left, left!), right: filtered(input.right, right!) },
            input.fields,
          ),
      );
    default:
      return node;
  }
}

function through(
  node: MapNode,
  conditions: readonly Expr[],
  split: Split,
  rebuild: (pushed: readonly (readonly Expr[])[]) => PlanNode,
): MapNode {
  const places = conditions.map(split);
  const width = Math.max(0, ...places.map((place) => place?.length ?? 0));
  if (width === 0) return node;
  const perInput = Array.from({ length: width }, (_, index) =>
    places.flatMap((place) => place?.[index] ?? []),
  );
  const kept = conditions.filter((_, index) => places[index] === undefined);
  return over(node, rebuild(perInput), kept);
}

function over(node: MapNode, input: PlanNode, conditions: readonly Expr[]): MapNode {
  const names = node.fields.map(({ name }) => name);
  return mapNode(input, names, node.outputs, conjunction(conditions));
}

function rebuilt(node: MapNode, input: PlanNode): MapNode {
  const names = node.fields.map(({ name }) => name);
  return mapNode(input, names, node.outputs, node.filter);
}

function filtered(node: PlanNode, conditions: readonly Expr[]): PlanNode {
  const filter = conjunction(conditions);
  return filter === undefined ? node : filterNode(node, filter);
}

/** Through a map whose filter, if any, came first: only where the condition reads plain columns. */
function throughMap(input: MapNode): Split {
  return (condition) => {
    const isPlain = [...columnsOf(condition)].every((c) => input.outputs[c]!.kind === 'column');
    if (!isPlain || input.filter !== undefined) return undefined;
    return [mapColumns(condition, (column) => input.outputs[column.index]!)];
  };
}

/** A condition on the keys of groups tests their rows as well. */
function throughGroups({ groupBy }: AggregateNode): Split {
  return (condition) => {
    const columns = [...columnsOf(condition)];
    const isOfKeys = columns.length > 0 && columns.every((column) => column < groupBy.length);
    if (!isOfKeys) return undefined;
    return [mapColumns(condition, (column) => ({ ...column, index: groupBy[column.index]! }))];
  };
}

type Sided = 'left' | 'right' | 'both' | 'none';

function sideOf(condition: Expr, outputs: JoinNode['outputs']): Sided {
  const sides = new Set([...columnsOf(condition)].map((column) => outputs[column]!.side));
  if (sides.size === 0) return 'none';
  return sides.size === 2 ? 'both' : [...sides][0]!;
}

function onSide(condition: Expr, outputs: JoinNode['outputs']): Expr {
  return mapColumns(condition, (column) => ({ ...column, index: outputs[column.index]!.column }));
}

/** One side's conditions go to it; an equality of plain columns of both becomes a key. */
function joined(node: MapNode, input: JoinNode, conditions: readonly Expr[]): MapNode {
  const { outputs } = input;
  const of = (side: Sided) =>
    conditions
      .filter((condition) => sideOf(condition, outputs) === side)
      .map((condition) => onSide(condition, outputs));
  const keys = conditions.flatMap((condition) => {
    const equality = sideOf(condition, outputs) === 'both' ? equalityOf(condition) : undefined;
    const [a, b] = equality?.operands ?? [];
    if (a?.kind !== 'column' || b?.kind !== 'column') return [];
    const [first, second] = [outputs[a.index]!, outputs[b.index]!];
    const [left, right] = first.side === 'left' ? [first, second] : [second, first];
    return [{ condition, left: left.column, right: right.column, nullSafe: equality!.nullSafe }];
  });
  const kept = conditions.filter(
    (condition) =>
      ['both', 'none'].includes(sideOf(condition, outputs)) &&
      !keys.some((key) => key.condition === condition),
  );
  if (kept.length === conditions.length) return node;
  const join = joinNode(
    filtered(input.left, of('left')),
    filtered(input.right, of('right')),
    [...input.leftKeys, ...keys.map(({ left }) => left)],
    [...input.rightKeys, ...keys.map(({ right }) => right)],
    outputs,
    [...input.nullSafe, ...keys.map(({ nullSafe }) => nullSafe)],
  );
  return over(node, join, kept);
}

/**
 * Conditions on the left side of a LEFT JOIN go to it. One that a row of NULLs cannot pass makes
 * it an inner join.
 */
function outerJoined(node: MapNode, input: OuterJoinNode, conditions: readonly Expr[]): MapNode {
  if (input.type === 'full') return node;
  const { outputs, left, right, leftKeys, rightKeys, nullSafe, residual } = input;
  const isOnRight = (column: number) => outputs[column]!.side === 'right';
  if (conditions.some((condition) => rejectsNull(condition, isOnRight))) {
    const inner = joinNode(left, right, leftKeys, rightKeys, allOf(left, right), nullSafe);
    const kept = residual === undefined ? inner : filterNode(inner, residual);
    const width = left.fields.length;
    const picked = outputs.map(({ side, column }, index) =>
      columnExpr(side === 'left' ? column : width + column, input.fields[index]!.type),
    );
    const names = input.fields.map(({ name }) => name);
    return over(node, mapNode(kept, names, picked), conditions);
  }
  return through(
    node,
    conditions,
    (condition) =>
      sideOf(condition, outputs) === 'left' ? [onSide(condition, outputs)] : undefined,
    ([own]) => outerJoinNode({ ...input, left: filtered(left, own!) }),
  );
}

function allOf(left: PlanNode, right: PlanNode): JoinNode['outputs'] {
  return [
    ...left.fields.map((_, column) => ({ side: 'left' as const, column })),
    ...right.fields.map((_, column) => ({ side: 'right' as const, column })),
  ];
}

/** The condition is not true where all these columns are NULL. */
function rejectsNull(condition: Expr, isNulled: (column: number) => boolean): boolean {
  if (condition.kind === 'column') return isNulled(condition.index);
  if (condition.kind !== 'call') return false;
  const { functionId, args } = condition;
  if (functionId === 'not') return isNullThen(args[0]!, isNulled);
  if (functionId === 'or') return args.every((arg) => rejectsNull(arg, isNulled));
  return isNullThen(condition, isNulled);
}

/** The value is NULL where all these columns are. */
function isNullThen(expr: Expr, isNulled: (column: number) => boolean): boolean {
  if (expr.kind === 'column') return isNulled(expr.index);
  if (expr.kind !== 'call') return false;
  const isComparison = /^(=|<>|<|<=|>|>=):/.test(expr.functionId);
  const isStrict = isComparison || /^cast:/.test(expr.functionId);
  const known = isStrict ? scalarById(expr.functionId) : undefined;
  return known?.signature.strict === true && expr.args.some((arg) => isNullThen(arg, isNulled));
}
