import { assert } from '../../platform/assert.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { splitNumber } from '../../sql/columns/i64.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import type { Entry } from '../../storage/store.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { buildDataflow, type Dataflow } from '../dataflow/build.ts';
import type { RowError } from '../dataflow/linear.ts';
import { TableState } from './table-state.ts';
import { MessageReader, readRows } from './topic-reader.ts';
import { Undecodable } from './undecodable.ts';

/**
 * A relation that lives in the engine. A step calls `step` of every node in the order of relation
 * ids, in which each comes after those it depends on; `delta` is then its change in this step.
 */
export interface RelationNode {
  readonly relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  /** Topic that it reads or owns. */
  readonly topicId: number | undefined;
  readonly ownsTopic: boolean;
  delta: readonly Batch[];
  step(input: StepInput): void;
  /** The present rows, pinned. Absent for sources, which keep none. */
  snapshot?(): Iterable<Batch>;
  readonly rowCount: number | undefined;
  /** Messages or rows that could not be read or computed; kept as rows. */
  readonly undecodable: Undecodable | undefined;
  readonly failedRows: number;
}

/** What a step took in. */
export interface StepInput {
  /** New entries of a topic, in log order. */
  entries(topicId: number): readonly Entry[];
  /** Change of a relation that was stepped before. */
  delta(relationId: number): readonly Batch[];
}

interface NodeOptions {
  readonly relation: Relation;
  readonly sql: string;
  readonly topicId: number;
}

/** A SOURCE, or a TABLE with a key over a topic of JSON messages. */
export class TopicNode implements RelationNode {
  readonly relation: Relation;
  readonly sql: string;
  readonly topicId: number;
  readonly dependsOn: readonly number[] = [];
  readonly ownsTopic = false;
  readonly undecodable = new Undecodable();
  readonly failedRows = 0;
  delta: readonly Batch[] = [];
  readonly #reader: MessageReader;
  readonly #state: TableState | undefined;
  readonly snapshot?: () => Iterable<Batch>;

  constructor({ relation, sql, topicId }: NodeOptions) {
    this.relation = relation;
    this.sql = sql;
    this.topicId = topicId;
    this.#reader = new MessageReader(relation.columns);
    if (relation.kind === 'table') {
      const state = new TableState(relation.columns, relation.primaryKey);
      this.#state = state;
      this.snapshot = () => state.snapshot();
    }
  }

  get rowCount(): number | undefined {
    return this.#state?.rowCount;
  }

  step(input: StepInput): void {
    const entries = input.entries(this.topicId);
    if (entries.length === 0) return;
    const { batch, block, undecodable } = this.#reader.read(entries);
    this.undecodable.add(block, undecodable);
    this.delta = this.#state === undefined ? [batch] : this.#state.apply(batch);
  }

  /** The rows of entries, for a new reader that starts from the beginning of the topic. */
  replay(entries: readonly Entry[]): Batch {
    return this.#reader.read(entries).batch;
  }
}

/**
 * A table that owns its topic. Without a PRIMARY KEY its last column is the hidden `$row`: the
 * entry's base offset plus the row's number, given when the row is first applied.
 */
export class TableNode implements RelationNode {
  readonly relation: Relation;
  readonly sql: string;
  readonly topicId: number;
  readonly dependsOn: readonly number[] = [];
  readonly ownsTopic = true;
  readonly undecodable = undefined;
  readonly failedRows = 0;
  delta: readonly Batch[] = [];
  readonly #state: TableState;
  readonly #hasHiddenKey: boolean;

  constructor({ relation, sql, topicId }: NodeOptions) {
    this.relation = relation;
    this.sql = sql;
    this.topicId = topicId;
    this.#hasHiddenKey = relation.columns.at(-1)?.name === hiddenKey;
    const keys = this.#hasHiddenKey ? [relation.columns.length - 1] : relation.primaryKey;
    this.#state = new TableState(relation.columns, keys);
  }

  get rowCount(): number {
    return this.#state.rowCount;
  }

  step(input: StepInput): void {
    const entries = input.entries(this.topicId);
    if (entries.length === 0) return;
    this.delta = readRows(entries, this.relation.columns).flatMap(({ batch, baseOffset }) => {
      if (this.#hasHiddenKey) fillHiddenKey(batch, baseOffset);
      return this.#state.apply(batch);
    });
  }

  has(rows: Batch, row: number): boolean {
    return this.#state.has(rows, row);
  }

  snapshot(): Iterable<Batch> {
    return this.#state.snapshot();
  }
}

export const hiddenKey = '$row';

/** A NULL key asks for a new one. The batch was decoded for us alone. */
function fillHiddenKey(batch: Batch, baseOffset: number): void {
  const column = batch.columns.at(-1)!;
  assert(column.layout === 'i64', 'the hidden key is a bigint');
  if (column.nulls === undefined) return;
  for (let row = 0; row < batch.rowCount; row++) {
    if (column.nulls[row] === 0) continue;
    splitNumber(baseOffset + row, column.words, row);
    column.nulls[row] = 0;
  }
}

/** A materialized view: a dataflow and the rows that it adds up to. */
export class ViewNode implements RelationNode {
  readonly relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  readonly topicId = undefined;
  readonly ownsTopic = false;
  readonly undecodable = undefined;
  delta: readonly Batch[] = [];
  failedRows = 0;
  readonly #dataflow: Dataflow;
  readonly #rows: Arrangement;

  constructor(relation: Relation, sql: string, plan: QueryPlan, dependsOn: readonly number[]) {
    this.relation = relation;
    this.sql = sql;
    this.dependsOn = dependsOn;
    this.#dataflow = buildDataflow(plan.root, {
      mode: 'collect',
      text: sql,
      onErrors: (errors: readonly RowError[]) => {
        this.failedRows += errors.length;
      },
    });
    this.#rows = new Arrangement(plan.root.fields);
  }

  get rowCount(): number {
    return this.#rows.rowCount;
  }

  step(input: StepInput): void {
    for (const source of this.#dataflow.inputs) source.feed(input.delta(source.relationId));
    this.#run();
  }

  /** Feeds rows of one input while the view is being filled. */
  fill(relationId: number, batches: readonly Batch[]): void {
    for (const source of this.#dataflow.inputs) {
      if (source.relationId === relationId) source.feed(batches);
    }
    this.#run();
  }

  snapshot(): Iterable<Batch> {
    return this.#rows.snapshot();
  }

  #run(): void {
    this.delta = this.#dataflow.root.step();
    for (const batch of this.delta) this.#rows.apply(batch);
  }
}
