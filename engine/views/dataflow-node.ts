import { MillraceError, toErrorData } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { buildDataflow, type Dataflow, type DataflowOptions } from '../dataflow/build.ts';
import { noBatches } from '../dataflow/operator.ts';
import type { StateSize, StateTable } from '../dataflow/table.ts';
import { ErrorRows, failedRowFields, failedRows } from './error-rows.ts';
import type { RelationNode, StepInput } from './nodes.ts';

export interface DataflowNodeOptions {
  readonly relation: Relation;
  readonly sql: string;
  readonly plan: QueryPlan;
  readonly dependsOn: readonly number[];
  readonly logger: Logger;
  /** State that it may have; over it the node stops. */
  readonly budgetBytes: number;
  readonly observe?: DataflowOptions['observe'];
}

/**
 * A query that is kept current: a view that keeps its rows, or a sink that writes its changes.
 *
 * What its operators throw stops this node alone, with those that read it: they would lack rows.
 * All others, and the server, go on.
 */
export abstract class DataflowNode implements RelationNode {
  relation: Relation;
  readonly sql: string;
  readonly plan: QueryPlan;
  readonly dependsOn: readonly number[];
  readonly topicId = undefined;
  readonly ownsTopic = false;
  readonly budgetBytes: number;
  readonly errors = new ErrorRows(failedRowFields);
  failure: MillraceError | undefined;
  delta: readonly Batch[] = noBatches;
  readonly #logger: Logger;
  readonly #observe: DataflowOptions['observe'];
  #dataflow: Dataflow;

  constructor(options: DataflowNodeOptions) {
    this.relation = options.relation;
    this.sql = options.sql;
    this.plan = options.plan;
    this.dependsOn = options.dependsOn;
    this.budgetBytes = options.budgetBytes;
    this.#logger = options.logger;
    this.#observe = options.observe;
    this.#dataflow = this.#build();
  }

  abstract get fingerprint(): string;
  abstract get rowCount(): number | undefined;
  /** The result changed. */
  protected abstract take(changes: readonly Batch[]): void;
  /** State besides that of the operators and the errors. */
  protected abstract ownTables(): readonly StateTable[];
  /** Lets go of what `take` was given. */
  protected abstract clear(): void;

  #build(): Dataflow {
    return buildDataflow(this.plan.root, {
      mode: 'collect',
      text: this.sql,
      onErrors: (errors) => this.errors.add(failedRows(errors)),
      ...(this.#observe === undefined ? {} : { observe: this.#observe }),
    });
  }

  /** Stops for good and lets its state go. */
  stop(failure: MillraceError): void {
    if (this.failure !== undefined) return;
    this.failure = failure;
    this.#dataflow = this.#build();
    this.clear();
    this.delta = noBatches;
    const { kind, name } = this.relation;
    const event = `${kind} "${name}" stopped`;
    if (failure.code === 'INTERNAL') this.#logger.log('error', event, { error: failure });
    else this.#logger.log('warn', event, { reason: failure.message });
  }

  /** State of the operators and of the result. */
  get stateSize(): StateSize {
    const size = { rows: 0, bytes: 0 };
    for (const table of this.stateTables()) {
      size.rows += table.size?.rows ?? 0;
      size.bytes += table.size?.bytes ?? 0;
    }
    return size;
  }

  /** Ids of the relations that its plan reads; negative ones are relations of errors. */
  get inputIds(): readonly number[] {
    return [...new Set(this.#dataflow.inputs.map(({ relationId }) => relationId))];
  }

  /**
   * Gives out the rows that depend on no input, and makes ready for `fill`. A node whose state was
   * restored gave them.
   */
  begin(): void {
    this.#dataflow.loading.isSet = true;
    this.#run();
  }

  /** All inputs went in. */
  filled(): void {
    this.#dataflow.loading.isSet = false;
    this.#run();
  }

  /** State comes from a checkpoint. */
  resume(): void {
    this.#dataflow.constantsGiven.isSet = true;
  }

  step(input: StepInput): void {
    for (const { relationId } of this.#dataflow.inputs) {
      const failure = input.failure(relationId);
      if (failure !== undefined) this.stop(failure);
    }
    if (this.failure !== undefined) return;
    for (const source of this.#dataflow.inputs) source.feed(input.delta(source.relationId));
    this.#run();
  }

  /** Feeds rows of one input while the node is being filled. */
  fill(relationId: number, batches: readonly Batch[]): void {
    for (const source of this.#dataflow.inputs) {
      if (source.relationId === relationId) source.feed(batches);
    }
    this.#run();
  }

  stateTables(): readonly StateTable[] {
    return [
      ...this.#dataflow.root.stateTables(),
      ...this.ownTables(),
      ...this.errors.stateTables(),
    ];
  }

  /** Does something of this node's alone: what it throws stops the node. */
  contain(action: () => void): void {
    if (this.failure !== undefined) return;
    try {
      action();
    } catch (error) {
      this.stop(contained(error, this.relation));
    }
  }

  #run(): void {
    this.contain(() => this.take(this.#dataflow.root.step()));
  }
}

/** What readers of the stopped node get to see. */
function contained(error: unknown, { kind, name }: Relation): MillraceError {
  const { code, message, sqlState, hint } = toErrorData(error);
  return new MillraceError(code, `${kind} "${name}" stopped: ${message}`, {
    cause: error,
    hint: hint ?? 'Drop it and make it anew.',
    ...(sqlState === undefined ? {} : { sqlState }),
  });
}

/** The error of the CREATE of a node that stopped while it was filled, and is dropped again. */
export function notCreated({ failure, relation: { kind, name } }: DataflowNode): MillraceError {
  const { code, message, sqlState, hint } = toErrorData(failure?.cause ?? failure);
  return new MillraceError(code, `${kind} "${name}" was not created: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(sqlState === undefined ? {} : { sqlState }),
  });
}
