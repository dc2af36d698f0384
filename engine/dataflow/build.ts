import { compileMap } from '../../sql/codegen/compile-map.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import { AggregateOperator } from './aggregate.ts';
import { JoinOperator } from './join.ts';
import {
  ConstantsOperator,
  InputOperator,
  MapOperator,
  type OnceFlag,
  type OnErrors,
  type RowError,
  UnionOperator,
} from './linear.ts';
import type { Operator } from './operator.ts';
import { OuterJoinOperator } from './outer-join.ts';
import { SemiJoinOperator } from './semi-join.ts';
import { SetOperator } from './set-operation.ts';

export interface DataflowOptions {
  /** `fail`: an error on a row that is never taken back throws. Else it goes to `onErrors`. */
  readonly mode: 'fail' | 'collect';
  /** Takes rows left out because an expression failed on them. Absent: the first one throws. */
  readonly onErrors?: OnErrors;
  /** The statement, so that run-time errors can point. */
  readonly text?: string;
  /** May put something around each operator as it is built: a meter, or a test's fault. */
  readonly observe?: (node: PlanNode, operator: Operator) => Operator;
}

/** A plan as running operators. */
export interface Dataflow {
  readonly root: Operator;
  readonly inputs: readonly InputOperator[];
  /** Set when constants were given out already: a plan restored from a checkpoint. */
  readonly constantsGiven: OnceFlag;
}

export function buildDataflow(plan: PlanNode, options: DataflowOptions): Dataflow {
  const inputs: InputOperator[] = [];
  const flags: OnceFlag[] = [];
  const { mode, text, onErrors = failOnErrors } = options;
  const build = (node: PlanNode): Operator => {
    const operator = make(node);
    return options.observe?.(node, operator) ?? operator;
  };
  const make = (node: PlanNode): Operator => {
    switch (node.kind) {
      case 'input': {
        const input = new InputOperator(node.relationId, node.columns);
        inputs.push(input);
        return input;
      }
      case 'constants': {
        const flag = { isSet: false };
        flags.push(flag);
        return new ConstantsOperator(batchOf(node.fields, node.rows), flag);
      }
      case 'map':
        return new MapOperator(
          build(node.input),
          node.input.fields,
          compileMap(node, mode === 'fail' && node.input.appendOnly ? 'fail' : 'collect', text),
          onErrors,
        );
      case 'join':
        return new JoinOperator(node, build(node.left), build(node.right));
      case 'outer':
        return new OuterJoinOperator(node, build(node.left), build(node.right), onErrors, text);
      case 'semi':
        return new SemiJoinOperator(node, build(node.left), build(node.right));
      case 'set':
        return new SetOperator(node, build(node.left), build(node.right));
      case 'aggregate':
        return new AggregateOperator(node, build(node.input), onErrors);
      case 'union':
        return new UnionOperator(node.inputs.map(build));
    }
  };
  const root = build(plan);
  const constantsGiven: OnceFlag = {
    get isSet() {
      return flags.every((flag) => flag.isSet);
    },
    set isSet(value) {
      for (const flag of flags) flag.isSet = value;
    },
  };
  return { root, inputs, constantsGiven };
}

function failOnErrors(errors: readonly RowError[]): void {
  const added = errors.find(({ weight }) => weight > 0);
  if (added !== undefined) throw added.error;
}
