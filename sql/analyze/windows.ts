import type { Field, SqlType } from '../columns/types.ts';
import { isAggregateName, isOrderedSetName, resolveAggregate } from '../functions/aggregates.ts';
import type { AggregateSignature } from '../functions/signature.ts';
import { isWindowName, resolveWindow } from '../functions/window-functions.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr, columnsOf, exprKey, mapColumns } from '../plan/expr-tools.ts';
import { located } from '../plan/joins.ts';
import { mapNode, windowNode } from '../plan/nodes.ts';
import type { PlanNode, WindowFrame } from '../plan/physical.ts';
import type {
  CallExpression,
  Expression,
  Identifier,
  NamedWindow,
  Span,
  WindowSpec,
} from '../syntax/ast.ts';
import { coerced, guarded, type TypedOrder, typedOrder, unknown } from './aggregates.ts';
import { asBoolean, coerce, settled } from './coerce.ts';
import { type Context, complain, unsupported } from './context.ts';
import { typedFrame, wholePartition } from './frames.ts';
import { type Grouping, type Lowered, placedOrder } from './grouping.ts';
import { operator } from './operators.ts';

/** Window calls become columns past all others. */
export const firstWindowColumn = 3_000_000;

interface Window {
  readonly partitionBy: readonly Expr[];
  readonly orderBy: readonly TypedOrder[];
  /** Equal for windows that one operator can evaluate together. */
  readonly key: string;
}

interface Call {
  readonly window: number;
  readonly functionId: string;
  readonly args: readonly Expr[];
  readonly filter: Expr | undefined;
  readonly frame: WindowFrame;
  readonly type: SqlType;
  readonly key: string;
}

function isRunningAverage(
  { id }: AggregateSignature,
  { start, end, exclude }: WindowFrame,
): boolean {
  const isPrefix = start.kind === 'unbounded preceding' && end.kind === 'current row';
  const isExact = /^avg:(?:smallint|integer|bigint|numeric)$/.test(id);
  return isExact && isPrefix && exclude === 'none';
}

/** The window calls of one SELECT. They see the rows after GROUP BY and HAVING. */
export class Windows {
  readonly #context: Context;
  readonly #grouping: Grouping;
  readonly #named: readonly NamedWindow[];
  readonly #windows: Window[] = [];
  readonly #calls: Call[] = [];

  constructor(context: Context, grouping: Grouping, named: readonly NamedWindow[]) {
    this.#context = context;
    this.#grouping = grouping;
    this.#named = named;
    for (const [index, { name, window }] of named.entries()) {
      if (named.findIndex((other) => other.name.name === name.name) !== index) {
        throw complain(context, name.span, `window "${name.name}" is already defined`, {
          sqlState: '42P20',
        });
      }
      // Wrong ones are errors even where nobody uses them.
      this.#frame(window, this.#window(window));
    }
  }

  /** A call with OVER, as a column. */
  add(node: CallExpression): Expr {
    const context = this.#context;
    const name = node.name.parts.at(-1)!.name;
    const given = node.args.map((arg) => this.#grouping.analyze(arg, 'a window function'));
    if (node.distinct) throw unsupported(context, node.span, 'DISTINCT in a window function');
    if (node.orderBy.length > 0) {
      throw unsupported(context, node.span, 'ORDER BY in the arguments of a window function');
    }
    const resolved = isWindowName(name)
      ? resolveWindow(
          name,
          given.map(({ type }) => type),
        )
      : resolveAggregate(
          name,
          given.map(({ type }) => type),
        );
    if (!isWindowName(name) && !isAggregateName(name)) {
      const message = `OVER specified, but ${name} is not a window function nor an aggregate function`;
      throw complain(context, node.span, message, { sqlState: '42809' });
    }
    if (node.withinGroup === true || isOrderedSetName(name)) {
      throw unsupported(context, node.span, `OVER with ordered-set aggregate ${name}`);
    }
    const isBare = node.args.length === 0 && !node.star && isAggregateName(name);
    if (
      resolved === undefined ||
      (isBare && !isWindowName(name)) ||
      (node.star && name !== 'count')
    ) {
      throw unknown(context, node, given);
    }
    if (resolved.distinct === true) throw unsupported(context, node.span, `${name} OVER`);
    if (node.filter !== undefined && isWindowName(name)) {
      throw complain(
        context,
        node.span,
        'FILTER is not implemented for non-aggregate window functions',
        { code: 'UNSUPPORTED', sqlState: '0A000' },
      );
    }
    const spec = this.#specOf(node.over!);
    const window = this.#window(spec);
    const filter =
      node.filter === undefined
        ? undefined
        : asBoolean(context, this.#analyze(node.filter), 'FILTER');
    const args = coerced(context, resolved, given).map((arg) => guarded(context, arg, filter));
    const frame = this.#frame(spec, window);
    const over = { args, filter, frame };
    const { signature } = resolved;
    return isRunningAverage(signature, frame)
      ? this.#runningAverage(window, signature.args, over, node.span)
      : this.#call(window, signature, over, node.span);
  }

  #call(
    window: Window,
    { id: functionId, result: type }: AggregateSignature,
    { args, filter, frame }: Pick<Call, 'args' | 'filter' | 'frame'>,
    span: Span,
  ): Expr {
    const parts = [functionId, args.map(exprKey), filter && exprKey(filter), window.key, frame];
    const key = JSON.stringify(parts, (_, value) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
    let index = this.#calls.findIndex((call) => call.key === key);
    if (index < 0) {
      let number = this.#windows.findIndex((other) => other.key === window.key);
      if (number < 0) number = this.#windows.push(window) - 1;
      index = this.#calls.push({ window: number, functionId, args, filter, frame, type, key }) - 1;
    }
    return { ...columnExpr(firstWindowColumn + index, type), span };
  }

  /**
   * The sum by the count, which is what PostgreSQL's avg of exact numbers is: a sum goes on from
   * the one before it, an average cannot.
   */
  #runningAverage(
    window: Window,
    types: readonly SqlType[],
    over: Pick<Call, 'args' | 'filter' | 'frame'>,
    span: Span,
  ): Expr {
    const numeric: SqlType = { kind: 'numeric' };
    const operands = ['sum', 'count'].map((name) => {
      const value = this.#call(window, resolveAggregate(name, types)!.signature, over, span);
      return coerce(this.#context, value, numeric, 'implicit');
    });
    return operator(this.#context, '/', operands, span, span);
  }

  /** What the windows ask of the rows that they see. */
  exprs(): Expr[] {
    return [
      ...this.#windows.flatMap(({ partitionBy, orderBy }) => [
        ...partitionBy,
        ...orderBy.map(({ expr }) => expr),
      ]),
      ...this.#calls.flatMap(({ args, filter }) => (filter ? [...args, filter] : args)),
    ];
  }

  /** A subquery is joined to the rows before their windows are known. */
  checkOperands(exprs: readonly Expr[]): void {
    for (const { operands, span } of this.#context.statement.subqueries.of(exprs)) {
      const columns = operands.flatMap(({ expr }) => [...columnsOf(expr)]);
      if (columns.some((column) => column >= firstWindowColumn)) {
        throw unsupported(this.#context, span, 'a window function as the operand of a subquery');
      }
    }
  }

  /** A map that computes what the windows need, then one operator per window. */
  plan({ side, lower }: Lowered): Lowered {
    if (this.#calls.length === 0) return { side, lower };
    const { fields } = side.plan;
    const outputs: Expr[] = fields.map(({ type }, index) => columnExpr(index, type));
    const place = (expr: Expr): number => {
      const column = located(lower(expr), side);
      const key = exprKey(column);
      const known = outputs.findIndex((output) => exprKey(output) === key);
      return known >= 0 ? known : outputs.push(column) - 1;
    };
    const placed = this.#calls.map(({ functionId, args, filter, frame }) => ({
      functionId,
      args: args.map(place),
      frame,
      ...(filter === undefined ? {} : { filter: place(filter) }),
    }));
    const windows = this.#windows.map(({ partitionBy, orderBy }) => ({
      partitionBy: partitionBy.map(place),
      orderBy: placedOrder(orderBy, place),
    }));
    const names = outputs.map((_, index) => fields[index]?.name ?? `w${index}`);
    let plan: PlanNode = mapNode(side.plan, names, outputs);
    const columns: number[] = [];
    for (const [number, window] of windows.entries()) {
      const mine = [...this.#calls.keys()].filter((call) => this.#calls[call]!.window === number);
      for (const [position, call] of mine.entries()) columns[call] = plan.fields.length + position;
      const callFields = mine.map((call): Field => {
        return { name: `window${call}`, type: this.#calls[call]!.type, nullable: true };
      });
      const calls = mine.map((call) => placed[call]!);
      plan = windowNode({ input: plan, ...window, calls }, callFields);
    }
    const above = (expr: Expr) =>
      mapColumns(lower(expr), (column) =>
        column.index < firstWindowColumn
          ? column
          : { ...column, index: columns[column.index - firstWindowColumn]! },
      );
    return { side: { ...side, plan }, lower: above };
  }

  #analyze(node: Expression): Expr {
    return settled(this.#context, this.#grouping.analyze(node, 'a window function'));
  }

  #specOf(over: WindowSpec | Identifier): WindowSpec {
    return 'name' in over ? this.#find(over) : over;
  }

  #find({ name, span }: Identifier): WindowSpec {
    const found = this.#named.find((item) => item.name.name === name);
    if (found !== undefined) return found.window;
    throw complain(this.#context, span, `window "${name}" does not exist`, { sqlState: '42704' });
  }

  #window(spec: WindowSpec): Window {
    const base = spec.base === undefined ? undefined : this.#base(spec, spec.base);
    const partitionBy = base?.partitionBy ?? spec.partitionBy.map((node) => this.#analyze(node));
    const orderBy =
      spec.orderBy.length === 0 && base !== undefined
        ? base.orderBy
        : typedOrder(this.#context, spec.orderBy, (item) => this.#analyze(item.expression));
    const order = orderBy.map((item) => [exprKey(item.expr), item.descending, item.nullsFirst]);
    const key = JSON.stringify([partitionBy.map(exprKey).sort(), order]);
    return { partitionBy, orderBy, key };
  }

  /** The window that `spec` adds an order or a frame to. */
  #base(spec: WindowSpec, base: Identifier): Window {
    const found = this.#find(base);
    // A window of the clause sees only those before it.
    const own = this.#named.findIndex(({ window }) => window === spec);
    const its = this.#named.findIndex(({ window }) => window === found);
    const refuse = (message: string, sqlState = '42P20') =>
      complain(this.#context, base.span, message, { sqlState });
    if (own >= 0 && its >= own) throw refuse(`window "${base.name}" does not exist`, '42704');
    const inherited = this.#window(found);
    if (spec.partitionBy.length > 0) {
      throw refuse(`cannot override PARTITION BY clause of window "${base.name}"`);
    }
    if (spec.orderBy.length > 0 && inherited.orderBy.length > 0) {
      throw refuse(`cannot override ORDER BY clause of window "${base.name}"`);
    }
    if (found.frame !== undefined) {
      throw refuse(`cannot copy window "${base.name}" because it has a frame clause`);
    }
    return inherited;
  }

  #frame({ frame }: WindowSpec, { orderBy }: Window): WindowFrame {
    if (frame !== undefined) return typedFrame(this.#context, frame, orderBy);
    if (orderBy.length === 0) return wholePartition;
    return { ...wholePartition, end: { kind: 'current row' } };
  }
}
