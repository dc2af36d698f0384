import { compileMap } from '../../sql/codegen/compile-map.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import type { Expr } from '../../sql/plan/expr.ts';
import { interned } from '../../sql/plan/intern.ts';
import { mapInputs, mapNode } from '../../sql/plan/nodes.ts';
import type { PlanNode, RecursiveNode } from '../../sql/plan/physical.ts';
import { AggregateOperator } from './aggregate.ts';
import { FlatMapOperator } from './flat-map.ts';
import { JoinOperator } from './join.ts';
import {
  ConstantsOperator,
  ExpandOperator,
  InputOperator,
  MapOperator,
  type OnceFlag,
  type OnErrors,
  PortOperator,
  type RowError,
  UnionOperator,
} from './linear.ts';
import type { Loading, Operator, Pace } from './operator.ts';
import { OuterJoinOperator } from './outer-join.ts';
import { RecursiveOperator } from './recursion.ts';
import { splitStep } from './recursion-plan.ts';
import { SemiJoinOperator } from './semi-join.ts';
import { SetOperator } from './set-operation.ts';
import { SharedOperator } from './shared.ts';
import { TopNOperator } from './top-n.ts';
import { WindowOperator } from './window.ts';

export interface DataflowOptions {
  /** `fail`: an error on a row that is never taken back throws. Else it goes to `onErrors`. */
  readonly mode: 'fail' | 'collect';
  /** Takes rows left out because an expression failed on them. Absent: the first one throws. */
  readonly onErrors?: OnErrors;
  /** The statement, so that run-time errors can point. */
  readonly text?: string;
  /**
   * May put something around each operator as it is built: a meter, or a test's fault. There are
   * several of a node inside a recursion, one per iteration: these pass.
   */
  readonly observe?: (node: PlanNode, operator: Operator, isPassing: boolean) => Operator;
}

/** A plan as running operators. */
export interface Dataflow {
  readonly root: Operator;
  readonly inputs: readonly InputOperator[];
  /** Set when constants were given out already: a plan restored from a checkpoint. */
  readonly constantsGiven: OnceFlag;
  /** Set by the owner while whole relations go in; the step after gives what was kept back. */
  readonly loading: Loading;
  /** Set by an owner that may stop before all recursions have ended. */
  readonly pace: Pace;
}

export function buildDataflow(plan: PlanNode, options: DataflowOptions): Dataflow {
  const loading: Loading = { isSet: false };
  const pace: Pace = { isSet: false, running: 0 };
  const builder = new Builder(options, loading, pace);
  const root = builder.buildAll(plan);
  const { inputs, flags } = builder;
  const constantsGiven: OnceFlag = {
    get isSet() {
      return flags.every((flag) => flag.isSet);
    },
    set isSet(value) {
      for (const flag of flags) flag.isSet = value;
    },
  };
  return { root, inputs, constantsGiven, loading, pace };
}

/** Operators of one plan: one for each different node, shared where several read it. */
class Builder {
  readonly inputs: InputOperator[] = [];
  readonly flags: OnceFlag[] = [];
  /** Where the rows of a recursion's iteration enter, with their ports. */
  readonly ports: { readonly port: number; readonly operator: PortOperator }[] = [];
  readonly #options: DataflowOptions;
  readonly #onErrors: OnErrors;
  readonly #uses = new Map<PlanNode, number>();
  readonly #shared = new Map<PlanNode, SharedOperator>();
  /** Conditions that are tested behind a join, of which it may make use. */
  readonly #tests = new Map<PlanNode, Expr | undefined>();

  readonly #loading: Loading;
  readonly #pace: Pace;

  constructor(options: DataflowOptions, loading: Loading, pace: Pace) {
    this.#options = options;
    this.#pace = pace;
    this.#loading = loading;
    this.#onErrors = options.onErrors ?? failOnErrors;
  }

  buildAll(plan: PlanNode): Operator {
    const root = interned(plan);
    this.#count(root);
    return this.#build(root);
  }

  #count(node: PlanNode): void {
    const uses = this.#uses.get(node) ?? 0;
    this.#uses.set(node, uses + 1);
    if (uses > 0) return;
    mapInputs(node, (input) => {
      // What is in the step of a recursion is counted when that is built.
      if (node.kind !== 'recursive' || input === node.base) this.#count(input);
      return input;
    });
  }

  #build(node: PlanNode): Operator {
    const uses = this.#uses.get(node)!;
    if (uses === 1) return this.#observed(node);
    let shared = this.#shared.get(node);
    if (shared === undefined) {
      shared = new SharedOperator(this.#observed(node), uses);
      this.#shared.set(node, shared);
    }
    return shared.port();
  }

  #observed(node: PlanNode): Operator {
    const operator = this.#make(node);
    return this.#options.observe?.(node, operator, false) ?? operator;
  }

  #make(node: PlanNode): Operator {
    const { mode, text } = this.#options;
    const onErrors = this.#onErrors;
    const loading = this.#loading;
    const mapMode = (input: PlanNode) => (mode === 'fail' && input.appendOnly ? 'fail' : 'collect');
    const build = (input: PlanNode) => this.#build(input);
    switch (node.kind) {
      case 'input': {
        const input = new InputOperator(node.relationId, node.columns);
        this.inputs.push(input);
        return input;
      }
      case 'constants': {
        const flag = { isSet: false };
        this.flags.push(flag);
        return new ConstantsOperator(batchOf(node.fields, node.rows), flag);
      }
      case 'map':
        if (isJoinByAnything(node.input) && this.#uses.get(node.input) === 1) {
          this.#tests.set(node.input, node.filter);
        }
        return new MapOperator(
          build(node.input),
          node.input.fields,
          compileMap(node, mapMode(node.input), text),
          onErrors,
        );
      case 'flat':
        return new FlatMapOperator(node, build(node.input), onErrors, text);
      case 'join':
        return new JoinOperator(node, build(node.left), build(node.right), this.#tests.get(node));
      case 'outer':
        return new OuterJoinOperator(node, build(node.left), build(node.right), onErrors, text);
      case 'semi':
        return new SemiJoinOperator(node, build(node.left), build(node.right));
      case 'set':
        return new SetOperator(node, build(node.left), build(node.right));
      case 'expand': {
        const names = node.fields.map(({ name }) => name);
        const maps = node.outputs.map((outputs) =>
          compileMap(mapNode(node.input, names, outputs), mapMode(node.input), text),
        );
        return new ExpandOperator(build(node.input), node.input.fields, maps, onErrors);
      }
      case 'aggregate':
        return new AggregateOperator(node, build(node.input), onErrors, loading);
      case 'window':
        return new WindowOperator(node, build(node.input), onErrors, loading);
      case 'topn':
        return new TopNOperator(node, build(node.input), loading);
      case 'union':
        return new UnionOperator(node.inputs.map(build));
      case 'recursive':
        return this.#recursive(node);
      case 'iteration': {
        const operator = new PortOperator();
        this.ports.push({ port: node.id, operator });
        return operator;
      }
    }
  }

  #recursive(node: RecursiveNode): Operator {
    const { plan, inputs, origins } = splitStep(node);
    const { observe } = this.#options;
    const base = this.#build(node.base);
    const external = inputs.map((input) => {
      const shared = interned(input);
      return { plan: input, operator: this.#external(shared) };
    });
    const newIteration = (onErrors: OnErrors) => {
      const builder = new Builder(
        {
          ...this.#options,
          mode: 'collect',
          onErrors,
          ...(observe === undefined
            ? {}
            : { observe: (part, operator) => observe(origins.get(part) ?? part, operator, true) }),
        },
        { isSet: false },
        // One inside an iteration runs to its end.
        { isSet: false, running: 0 },
      );
      const root = builder.buildAll(plan);
      return {
        root,
        feed: (port: number, batches: Parameters<PortOperator['feed']>[0]) => {
          for (const item of builder.ports) if (item.port === port) item.operator.feed(batches);
        },
      };
    };
    const parts = { base, inputs: external, newIteration };
    return new RecursiveOperator(node, parts, this.#onErrors, this.#pace);
  }

  /** A plan that no other part of this one shares. */
  #external(plan: PlanNode): Operator {
    const builder = new Builder(this.#options, this.#loading, this.#pace);
    const operator = builder.buildAll(plan);
    this.inputs.push(...builder.inputs);
    this.flags.push(...builder.flags);
    this.ports.push(...builder.ports);
    return operator;
  }
}

/** Every row of one side meets every row of the other. */
function isJoinByAnything(node: PlanNode): boolean {
  return node.kind === 'join' && node.leftKeys.length === 0;
}

function failOnErrors(errors: readonly RowError[]): void {
  const added = errors.find(({ weight }) => weight > 0);
  if (added !== undefined) throw added.error;
}
