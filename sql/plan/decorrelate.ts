import { MillraceError } from '../../platform/errors.ts';
import type { TypeKind } from '../columns/types.ts';
import { canFail, freeColumns } from './correlation.ts';
import type { Expr } from './expr.ts';
import {
  columnExpr,
  columnsOf,
  conjunction,
  conjunctsOf,
  exprKey,
  mapColumns,
} from './expr-tools.ts';
import { equalityOf, innerJoin, isFree, type Side } from './joins.ts';
import {
  aggregateNode,
  expandNode,
  flatMapNode,
  joinNode,
  mapNode,
  outerJoinNode,
  projected,
  semiJoinNode,
  setNode,
  topNNode,
  unionNode,
  windowNode,
} from './nodes.ts';
import type {
  AggregateNode,
  ExpandNode,
  FlatMapNode,
  JoinNode,
  MapNode,
  OuterJoinNode,
  PlanNode,
  SemiJoinNode,
  SetNode,
  TopNNode,
  UnionNode,
  WindowNode,
} from './physical.ts';
import {
  behindTerms,
  hasTerm,
  idOf,
  inOrderOf,
  moved,
  names,
  sameTerms,
  type Term,
  termFields,
  termOutputs,
  type Unnested,
  withTermKeys,
} from './unnested.ts';

/**
 * Decorrelation (T. Neumann, A. Kemper: Unnesting Arbitrary Queries, BTW 2015). A plan R that reads
 * columns of an outer side L means one relation R(l) per row l of L. `unnest` turns it into one
 * plan over all of them: the rows of R(l), each with the values of L's columns that it belongs to,
 * for l from the domain D, the different values of those columns in L. D is pushed down to where
 * its columns are read: each rule below does that for one operator.
 *
 * Often D is not even needed. Where R filters by `f(l) = g(r)`, g(r) itself says to which outer
 * rows a row belongs: f is then a term whose value is the column g(r). Values that no outer row has
 * come along and find no partner in the end; that is allowed only if nothing in R can fail, since
 * an expression must not fail on a row that the query does not ask for.
 */
export function unnest(plan: PlanNode, outer: Side): Unnested {
  return new Unnesting(plan, outer).unnest(plan);
}

class Unnesting {
  readonly #outer: Side;
  /** Ids of the outer side's columns that the plan reads: the columns of D. */
  readonly #ids: readonly number[];
  readonly #isTotal: boolean;

  constructor(plan: PlanNode, outer: Side) {
    this.#outer = outer;
    this.#ids = [...freeColumns(plan)]
      .filter((id) => outer.columns.includes(id))
      .sort((a, b) => a - b);
    this.#isTotal = !canFail(plan);
  }

  unnest(node: PlanNode): Unnested {
    if (!this.#isBoundIn(node)) return { plan: node, terms: [] };
    switch (node.kind) {
      case 'map':
        return this.#map(node);
      case 'flat':
        return this.#flatMap(node);
      case 'join':
        return this.#join(node);
      case 'outer':
        return node.type === 'left' ? this.#leftJoin(node) : this.#fullJoin(node);
      case 'semi':
        return this.#semiJoin(node);
      case 'aggregate':
        return node.groupBy.length > 0 ? this.#group(node) : this.#aggregate(node);
      case 'expand':
        return this.#expand(node);
      case 'window':
        return this.#window(node);
      case 'topn':
        return this.#topN(node);
      case 'union':
        return this.#union(node);
      case 'set':
        return this.#set(node);
      case 'recursive':
        throw new MillraceError(
          'UNSUPPORTED',
          'WITH RECURSIVE that reads columns of an outer query is not supported yet',
          { sqlState: '0A000' },
        );
      case 'input':
      case 'constants':
      case 'iteration':
        // Never: a leaf reads no outer column.
        return { plan: node, terms: [] };
    }
  }

  #isBoundIn(node: PlanNode): boolean {
    const free = freeColumns(node);
    return this.#ids.some((id) => free.has(id));
  }

  #reads(expr: Expr): boolean {
    return [...columnsOf(expr)].some((column) => this.#ids.includes(column));
  }

  /** An expression over outer columns alone. */
  #isOuter(expr: Expr): boolean {
    const columns = [...columnsOf(expr)];
    return columns.length > 0 && columns.every((column) => this.#ids.includes(column));
  }

  // ---- one rule per operator ---------------------------------------------------------------------

  #map(node: MapNode): Unnested {
    const input = this.unnest(node.input);
    const conditions = node.filter === undefined ? [] : conjunctsOf(node.filter);
    const equalities = conditions.flatMap((condition) => this.#equality(condition));
    const added = equalities.filter(
      ({ term }, index) =>
        !hasTerm(input.terms, term) &&
        equalities.findIndex((other) => exprKey(other.term) === exprKey(term)) === index,
    );
    const rest = conditions.filter(
      (condition) => !added.some((item) => item.condition === condition),
    );
    const bare = new Set(
      [...input.terms.map(({ expr }) => expr), ...added.map(({ term }) => term)].flatMap(idOf),
    );
    const needed = [...node.outputs, ...rest].flatMap((expr) => [...columnsOf(expr)]);
    const isBound = needed.every((column) => !this.#ids.includes(column) || bare.has(column));
    const isSubstituted = isBound && this.#isTotal && added.every(({ isExact }) => isExact);
    return isSubstituted
      ? this.#substituted(node, input, rest, added)
      : this.#overDomain(node, input, equalities, conditions);
  }

  /** The inner side of an equality is the outer value. */
  #substituted(
    node: MapNode,
    input: Unnested,
    rest: readonly Expr[],
    added: readonly Equality[],
  ): Unnested {
    const values = new Map(
      [
        ...input.terms.map(({ expr, column }) => ({
          ids: idOf(expr),
          value: columnExpr(column, expr.type),
        })),
        ...added.map(({ term, inner }) => ({ ids: idOf(term), value: inner })),
      ].flatMap(({ ids, value }) => ids.map((id) => [id, value] as const)),
    );
    const bound = (expr: Expr) => mapColumns(expr, (column) => values.get(column.index) ?? column);
    const outputs = [
      ...node.outputs.map(bound),
      ...input.terms.map(({ expr, column }) => columnExpr(column, expr.type)),
      ...added.map(({ inner }) => inner),
    ];
    const width = node.outputs.length;
    const terms = [
      ...input.terms,
      ...added.map(({ term, nullSafe }) => ({ expr: term, nullSafe })),
    ].map(({ expr, nullSafe }, index): Term => ({ expr, nullSafe, column: width + index }));
    const plan = mapNode(input.plan, names(node, terms), outputs, conjunction(rest.map(bound)));
    return { plan, terms };
  }

  /** The input joined with D, which gives the outer values. */
  #overDomain(
    node: MapNode,
    input: Unnested,
    equalities: readonly Equality[],
    conditions: readonly Expr[],
  ): Unnested {
    const complete = this.#complete(input, equalities);
    const isKey = (condition: Expr) =>
      complete !== input && equalities.some((item) => item.condition === condition);
    const bound = (expr: Expr) => this.#bound(expr, complete.terms);
    const width = node.outputs.length;
    const terms = complete.terms.map((term, index) => ({ ...term, column: width + index }));
    const outputs = [
      ...node.outputs.map(bound),
      ...complete.terms.map(({ expr, column }) => columnExpr(column, expr.type)),
    ];
    const filter = conjunction(conditions.filter((item) => !isKey(item)).map(bound));
    return { plan: mapNode(complete.plan, names(node, terms), outputs, filter), terms };
  }

  #flatMap(node: FlatMapNode): Unnested {
    const width = node.input.fields.length;
    const isRead = node.calls.some(({ args }) => args.some((arg) => this.#reads(arg)));
    const given = this.unnest(node.input);
    const input = isRead ? this.#complete(given) : given;
    const calls = node.calls.map((call) => ({
      ...call,
      args: call.args.map((arg) => this.#bound(arg, input.terms)),
    }));
    const plan = flatMapNode(input.plan, calls, node.hasOrdinality);
    const terms = input.terms.map(({ column }) => column);
    const order = behindTerms(width, node.fields.length, terms, input.plan.fields.length);
    return { plan: projected(plan, order), terms: moved(input.terms, node.fields.length) };
  }

  #join(node: JoinNode): Unnested {
    const { left, right } = this.#aligned(this.unnest(node.left), this.unnest(node.right), 'inner');
    const from = left.terms.length > 0 ? left : right;
    const more = termOutputs(left.terms.length > 0 ? 'left' : 'right', from);
    const outputs = [...node.outputs, ...more];
    const keys = withTermKeys(node, left, right);
    const plan = joinNode(
      left.plan,
      right.plan,
      keys.leftKeys,
      keys.rightKeys,
      outputs,
      keys.nullSafe,
    );
    return { plan, terms: moved(from.terms, node.outputs.length) };
  }

  #leftJoin(node: OuterJoinNode): Unnested {
    const { residual } = node;
    const isRead = residual !== undefined && this.#reads(residual);
    let { left, right } = this.#aligned(
      this.unnest(node.left),
      this.unnest(node.right),
      'preserve left',
    );
    if (isRead) {
      left = this.#complete(left);
      if (right.terms.length > 0) right = this.#complete(right);
    }
    const plan = this.#outerJoin(node, left, right, termOutputs('left', left));
    return { plan, terms: moved(left.terms, node.outputs.length) };
  }

  /** Each side has all of D; a row of NULLs has its outer values from the side that it is of. */
  #fullJoin(node: OuterJoinNode): Unnested {
    const left = this.#complete(this.unnest(node.left));
    const right = this.#complete(this.unnest(node.right));
    const both = [...termOutputs('left', left), ...termOutputs('right', right)];
    const joined = this.#outerJoin(node, left, right, both);
    const terms = moved(left.terms, node.outputs.length);
    const outputs = [
      ...node.fields.map(({ type }, index) => columnExpr(index, type)),
      ...terms.map(({ expr: { type }, column }): Expr => {
        const args = [columnExpr(column, type), columnExpr(column + terms.length, type)];
        return { kind: 'call', functionId: 'coalesce', args, type };
      }),
    ];
    return { plan: mapNode(joined, names(node, terms), outputs), terms };
  }

  /** The join of two sides that may have become wider, with more outputs behind its own. */
  #outerJoin(
    node: OuterJoinNode,
    left: Unnested,
    right: Unnested,
    more: OuterJoinNode['outputs'],
  ): OuterJoinNode {
    const { residual } = node;
    return outerJoinNode({
      ...node,
      ...withTermKeys(node, left, right),
      left: left.plan,
      right: right.plan,
      outputs: [...node.outputs, ...more],
      ...(residual === undefined ? {} : { residual: this.#residual(node, residual, left) }),
    });
  }

  /** The residual condition of a join whose left side became wider. */
  #residual(node: OuterJoinNode, residual: Expr, left: Unnested): Expr {
    const width = node.left.fields.length;
    const shift = left.plan.fields.length - width;
    const shifted = mapColumns(residual, (column) => {
      const isRight = column.index >= width && !isFree(column.index);
      return isRight ? { ...column, index: column.index + shift } : column;
    });
    return this.#bound(shifted, left.terms);
  }

  #semiJoin(node: SemiJoinNode): Unnested {
    const { left, right } = this.#aligned(
      this.unnest(node.left),
      this.unnest(node.right),
      'preserve left',
    );
    const plan = semiJoinNode({
      ...node,
      ...withTermKeys(node, left, right),
      left: left.plan,
      right: right.plan,
    });
    return { plan, terms: left.terms };
  }

  /** Groups of one outer row do not mix with those of another. */
  #group(node: AggregateNode): Unnested {
    const input = this.unnest(node.input);
    return this.#grouped(node, input);
  }

  #grouped(node: AggregateNode, input: Unnested): Unnested {
    const groups = node.groupBy.length;
    const { terms } = input;
    if (groups > 0 && node.always.length > 0) {
      // Every outer row would have such a group.
      throw new MillraceError(
        'UNSUPPORTED',
        'an empty grouping set in a correlated subquery is not supported yet',
        { sqlState: '0A000' },
      );
    }
    const plan = aggregateNode(
      input.plan,
      [...node.groupBy, ...terms.map(({ column }) => column)],
      node.calls,
      node.fields.slice(groups),
    );
    const order = [
      ...node.groupBy.map((_, index) => index),
      ...node.calls.map((_, index) => groups + terms.length + index),
      ...terms.map((_, index) => groups + index),
    ];
    return { plan: projected(plan, order), terms: moved(terms, node.fields.length) };
  }

  /** Aggregates without GROUP BY: an outer row without input rows has a result too. */
  #aggregate(node: AggregateNode): Unnested {
    const input = this.#complete(this.unnest(node.input));
    const groups = this.#grouped(node, input);
    const domain = this.#domain();
    const calls = node.fields.length;
    const all = this.#ids.map((_, index) => index);
    const joined = outerJoinNode({
      type: 'left',
      left: domain.plan,
      right: groups.plan,
      leftKeys: all,
      rightKeys: groups.terms.map(({ column }) => column),
      nullSafe: all.map(() => true),
      outputs: [
        ...node.fields.map((_, column) => ({ side: 'right' as const, column })),
        ...all.map((column) => ({ side: 'left' as const, column })),
      ],
    });
    const terms = groups.terms;
    const outputs = joined.fields.map(({ type }, index) =>
      index < calls ? emptyValue(node, index, columnExpr(index, type)) : columnExpr(index, type),
    );
    return { plan: mapNode(joined, names(node, terms), outputs), terms };
  }

  #expand(node: ExpandNode): Unnested {
    const isRead = node.outputs.flat().some((expr) => this.#reads(expr));
    const inner = this.unnest(node.input);
    const input = isRead ? this.#complete(inner) : inner;
    const columns = input.terms.map(({ expr, column }) => columnExpr(column, expr.type));
    const outputs = node.outputs.map((list) => [
      ...list.map((expr) => this.#bound(expr, input.terms)),
      ...columns,
    ]);
    const terms = moved(input.terms, node.fields.length);
    return { plan: expandNode(input.plan, outputs, termFields(node, terms)), terms };
  }

  /** Partitions of one outer row do not mix with those of another. */
  #window(node: WindowNode): Unnested {
    const { plan: input, terms } = this.unnest(node.input);
    const width = node.input.fields.length;
    const columns = terms.map(({ column }) => column);
    const partitionBy = [...node.partitionBy, ...columns];
    const plan = windowNode({ ...node, input, partitionBy }, node.fields.slice(width));
    const order = behindTerms(width, node.fields.length, columns, input.fields.length);
    return { plan: projected(plan, order), terms: moved(terms, node.fields.length) };
  }

  #topN(node: TopNNode): Unnested {
    const { plan: input, terms } = this.unnest(node.input);
    const width = node.input.fields.length;
    const columns = terms.map(({ column }) => column);
    const partitionBy = [...node.partitionBy, ...columns];
    const plan = topNNode({ ...node, input, partitionBy }, node.fields[width]);
    const order = behindTerms(width, node.fields.length, columns, input.fields.length);
    return { plan: projected(plan, order), terms: moved(terms, node.fields.length) };
  }

  #union(node: UnionNode): Unnested {
    const inputs = this.#allAligned(node.inputs.map((input) => this.unnest(input)));
    const width = node.fields.length;
    const terms = moved(inputs[0]!.terms, width);
    const plans = inputs.map((input) => input.plan);
    return { plan: unionNode(plans, termFields(node, terms)), terms };
  }

  #set(node: SetNode): Unnested {
    const [left, right] = this.#allAligned([this.unnest(node.left), this.unnest(node.right)]);
    const terms = moved(left!.terms, node.fields.length);
    const plan = setNode(
      { ...node, left: left!.plan, right: right!.plan },
      termFields(node, terms),
    );
    return { plan, terms };
  }

  // ---- terms -------------------------------------------------------------------------------------

  #equality(condition: Expr): Equality[] {
    const equality = equalityOf(condition);
    if (equality === undefined) return [];
    const [a, b] = equality.operands;
    const { nullSafe } = equality;
    const isExact = exactKinds.has(a.type.kind);
    if (this.#isOuter(a) && !this.#reads(b) && columnsOf(b).size > 0) {
      return [{ condition, term: a, inner: b, nullSafe, isExact }];
    }
    if (this.#isOuter(b) && !this.#reads(a) && columnsOf(a).size > 0) {
      return [{ condition, term: b, inner: a, nullSafe, isExact }];
    }
    return [];
  }

  /** Both sides with the same terms, or one without any where that will do. */
  #aligned(left: Unnested, right: Unnested, kind: 'inner' | 'preserve left') {
    const isEnough =
      sameTerms(left, right) ||
      right.terms.length === 0 ||
      (kind === 'inner' && left.terms.length === 0);
    if (isEnough) return { left, right: inOrderOf(left, right) };
    return { left: this.#complete(left), right: this.#complete(right) };
  }

  /** All with the same terms, in the same order, right behind their columns. */
  #allAligned(inputs: readonly Unnested[]): readonly Unnested[] {
    const [first, ...others] = inputs as readonly [Unnested, ...Unnested[]];
    if (others.every((other) => sameTerms(first, other))) {
      return [first, ...others.map((other) => inOrderOf(first, other))];
    }
    return inputs.map((input) => this.#complete(input));
  }

  /** The same with a term for each column of D, by a join with D. */
  #complete(input: Unnested, equalities: readonly Equality[] = []): Unnested {
    if (this.#isComplete(input)) return input;
    const width = input.plan.fields.length - input.terms.length;
    const keys = [
      ...input.terms.map(({ expr, column, nullSafe }) => ({
        left: expr,
        right: columnExpr(column, expr.type),
        nullSafe,
      })),
      ...equalities.map(({ term, inner, nullSafe }) => ({ left: term, right: inner, nullSafe })),
    ];
    const inner: Side = { plan: input.plan, columns: input.plan.fields.map((_, index) => index) };
    const joined = innerJoin(this.#domain(), inner, keys);
    const count = this.#ids.length;
    const order = [
      ...Array.from({ length: width }, (_, index) => count + index),
      ...this.#ids.map((_, index) => index),
    ];
    const plan = projected(joined.plan, order);
    const terms = this.#ids.map((id, index): Term => {
      const column = width + index;
      return { expr: columnExpr(id, plan.fields[column]!.type), column, nullSafe: true };
    });
    return { plan, terms };
  }

  #isComplete({ terms }: Unnested): boolean {
    return (
      terms.length === this.#ids.length &&
      terms.every(({ expr, nullSafe }, index) => nullSafe && idOf(expr)[0] === this.#ids[index])
    );
  }

  /** D: the different values of the outer columns. */
  #domain(): Side {
    const { plan, columns } = this.#outer;
    const order = this.#ids.map((id) => columns.indexOf(id));
    const values = projected(plan, order);
    const isUnique = values.uniqueKey !== undefined;
    const all = order.map((_, index) => index);
    return { plan: isUnique ? values : aggregateNode(values, all, [], []), columns: this.#ids };
  }

  /** Outer columns become the columns of their terms. */
  #bound(expr: Expr, terms: readonly Term[]): Expr {
    return mapColumns(expr, (column) => {
      const term = terms.find((item) => idOf(item.expr).includes(column.index));
      return term === undefined ? column : { ...column, index: term.column };
    });
  }
}

interface Equality {
  readonly condition: Expr;
  readonly term: Expr;
  readonly inner: Expr;
  readonly nullSafe: boolean;
  /** Equal values are the same value, so that one can stand for the other. */
  readonly isExact: boolean;
}

const exactKinds: ReadonlySet<TypeKind> = new Set<TypeKind>([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'text',
  'varchar',
  'bytea',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
]);

/** What an aggregate over no rows gives: a count is 0, all others are NULL. */
export function emptyValue(node: AggregateNode, call: number, value: Expr): Expr {
  const { functionId } = node.calls[call - node.groupBy.length]!;
  if (!/^(count|approx_count|regr_count)/.test(functionId)) return value;
  const zero: Expr = { kind: 'constant', type: value.type, value: 0n };
  return { kind: 'call', functionId: 'coalesce', args: [value, zero], type: value.type };
}
