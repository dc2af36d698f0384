import { assert } from '../../platform/assert.ts';
import type { Clock } from '../../platform/clock.ts';
import type { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { splitNumber } from '../../sql/columns/i64.ts';
import { planFingerprint } from '../../sql/plan/intern.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import type { Entry } from '../../storage/store.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { buildDataflow, type Dataflow } from '../dataflow/build.ts';
import { Meters } from '../dataflow/meter.ts';
import type { SecondaryIndexes } from '../dataflow/secondary-indexes.ts';
import type { StateSize, StateTable } from '../dataflow/table.ts';
import {
  ErrorRows,
  failedRowFields,
  failedRows,
  undecodableFields,
  undecodableRows,
} from './error-rows.ts';
import { TableState } from './table-state.ts';
import { MessageReader, readRows } from './topic-reader.ts';

/**
 * A relation that lives in the engine. A step calls `step` of every node in the order of relation
 * ids, in which each comes after those it depends on; `delta` is then its change in this step.
 */
export interface RelationNode {
  /** Changes when the relation or a column of it is renamed. */
  relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  /** Topic that it reads or owns. */
  readonly topicId: number | undefined;
  readonly ownsTopic: boolean;
  delta: readonly Batch[];
  step(input: StepInput): void;
  /** The present rows, pinned. Absent for sources, which keep none. */
  snapshot?(): Iterable<Batch>;
  /** Groups of columns by which rows are found without reading all. */
  readonly indexes?: SecondaryIndexes;
  /** The columns of every index, that of the key too. */
  indexedColumns?(): readonly (readonly number[])[];
  /** Rows whose `columns`, which have an index, are those of the one row of `key`. */
  find?(columns: readonly number[], key: Batch): Batch;
  /** Why it stopped: it keeps no state, and reads of it fail. */
  readonly failure?: MillraceError | undefined;
  readonly rowCount: number | undefined;
  /** Messages that could not be read, rows that could not be computed. */
  readonly errors: ErrorRows | undefined;
  /** State that a checkpoint keeps, in an order that never changes. */
  stateTables(): readonly StateTable[];
  /**
   * What the state's layout and contents depend on: state of another fingerprint is not this
   * node's (DESIGN section 7, Checkpoint).
   */
  readonly fingerprint: string;
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
  /** Name of the topic that it reads. */
  readonly topic?: string;
}

/** A SOURCE, or a TABLE with a key over a topic of JSON messages. */
export class TopicNode implements RelationNode {
  relation: Relation;
  readonly sql: string;
  readonly topicId: number;
  readonly dependsOn: readonly number[] = [];
  readonly ownsTopic = false;
  readonly fingerprint: string;
  readonly errors = new ErrorRows(undecodableFields);
  delta: readonly Batch[] = [];
  readonly #reader: MessageReader;
  readonly #state: TableState | undefined;
  readonly snapshot?: () => Iterable<Batch>;
  readonly indexes?: SecondaryIndexes;
  readonly indexedColumns?: () => readonly (readonly number[])[];
  readonly find?: (columns: readonly number[], key: Batch) => Batch;

  constructor({ relation, sql, topicId, topic = '' }: NodeOptions) {
    this.relation = relation;
    this.sql = sql;
    this.topicId = topicId;
    this.fingerprint = fingerprintOf(relation);
    this.#reader = new MessageReader(relation, sql, topic);
    if (relation.kind === 'table') {
      const state = new TableState(relation.columns, relation.primaryKey);
      this.#state = state;
      this.snapshot = () => state.snapshot();
      this.indexes = state.indexes;
      this.indexedColumns = () => [relation.primaryKey, ...state.indexes.columns];
      this.find = (columns, key) => state.rows(state.find(columns, key, 0));
    }
  }

  get rowCount(): number | undefined {
    return this.#state?.rowCount;
  }

  step(input: StepInput): void {
    const entries = input.entries(this.topicId);
    if (entries.length === 0) return;
    const { batch, block, undecodable } = this.#reader.read(entries);
    this.errors.add(undecodableRows(block, undecodable));
    this.delta = this.#state === undefined ? [batch] : this.#state.apply(batch);
  }

  stateTables(): readonly StateTable[] {
    return [...this.errors.stateTables(), ...(this.#state?.stateTables() ?? [])];
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
  relation: Relation;
  readonly sql: string;
  readonly topicId: number;
  readonly dependsOn: readonly number[] = [];
  readonly ownsTopic = true;
  readonly fingerprint: string;
  readonly errors = undefined;
  delta: readonly Batch[] = [];
  /** Columns of the key: the PRIMARY KEY, or the hidden one. */
  readonly key: readonly number[];
  readonly state: TableState;
  readonly #hasHiddenKey: boolean;

  constructor({ relation, sql, topicId }: NodeOptions) {
    this.relation = relation;
    this.sql = sql;
    this.topicId = topicId;
    this.fingerprint = fingerprintOf(relation);
    this.#hasHiddenKey = relation.columns.at(-1)?.name === hiddenKey;
    this.key = this.#hasHiddenKey ? [relation.columns.length - 1] : relation.primaryKey;
    const uniques = (relation.uniques ?? []).map(({ columns }) => columns);
    this.state = new TableState(relation.columns, this.key, uniques);
  }

  get rowCount(): number {
    return this.state.rowCount;
  }

  get indexes(): SecondaryIndexes {
    return this.state.indexes;
  }

  indexedColumns(): readonly (readonly number[])[] {
    return [this.key, ...this.state.indexes.columns];
  }

  find(columns: readonly number[], key: Batch): Batch {
    return this.state.rows(this.state.find(columns, key, 0));
  }

  step(input: StepInput): void {
    const entries = input.entries(this.topicId);
    if (entries.length === 0) return;
    this.delta = readRows(entries, this.relation.columns).flatMap(({ batch, baseOffset }) => {
      if (this.#hasHiddenKey) fillHiddenKey(batch, baseOffset);
      return this.state.apply(batch);
    });
  }

  stateTables(): readonly StateTable[] {
    return this.state.stateTables();
  }

  snapshot(): Iterable<Batch> {
    return this.state.snapshot();
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

/** As the relation was made: names that change later do not change its state. */
function fingerprintOf({ kind, columns, primaryKey }: Relation): string {
  return JSON.stringify([kind, columns.map(({ name, type }) => [name, type]), primaryKey]);
}

interface ViewOptions {
  readonly relation: Relation;
  readonly sql: string;
  readonly plan: QueryPlan;
  readonly dependsOn: readonly number[];
  readonly clock: Clock;
  /** State that it may have; over it the view stops. */
  readonly budgetBytes: number;
}

/** A materialized view: a dataflow and the rows that it adds up to. */
export class ViewNode implements RelationNode {
  relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  readonly topicId = undefined;
  readonly ownsTopic = false;
  readonly errors = new ErrorRows(failedRowFields);
  readonly plan: QueryPlan;
  readonly meters: Meters;
  readonly budgetBytes: number;
  failure: MillraceError | undefined;
  delta: readonly Batch[] = [];
  readonly #fingerprint: string;
  #dataflow: Dataflow;
  #rows: Arrangement;

  constructor({ relation, sql, plan, dependsOn, clock, budgetBytes }: ViewOptions) {
    this.plan = plan;
    this.budgetBytes = budgetBytes;
    this.meters = new Meters(() => clock.monotonicMs());
    this.relation = relation;
    this.sql = sql;
    this.dependsOn = dependsOn;
    const { root, ...rows } = plan;
    this.#fingerprint = `${JSON.stringify(rows)}\n${planFingerprint(root)}`;
    this.#dataflow = this.#build();
    this.#rows = new Arrangement(plan.root.fields);
  }

  #build(): Dataflow {
    return buildDataflow(this.plan.root, {
      mode: 'collect',
      text: this.sql,
      onErrors: (errors) => this.errors.add(failedRows(errors)),
      observe: this.meters.observe,
    });
  }

  /** State of a view that stopped is not state that a restart may take for its own. */
  get fingerprint(): string {
    return this.failure === undefined ? this.#fingerprint : 'stopped';
  }

  /** Stops for good and lets its state go: a restart tries again from the log. */
  stop(failure: MillraceError): void {
    this.failure = failure;
    this.#dataflow = this.#build();
    this.#rows = new Arrangement(this.plan.root.fields);
    this.delta = [];
  }

  get rowCount(): number {
    return this.#rows.rowCount;
  }

  get indexes(): SecondaryIndexes {
    return this.#rows.indexes;
  }

  indexedColumns(): readonly (readonly number[])[] {
    return this.#rows.indexes.columns;
  }

  find(columns: readonly number[], key: Batch): Batch {
    return this.#rows.find(columns, key);
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
   * Gives out the rows that depend on no input, and makes ready for `fill`. A view whose state was
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

  stateTables(): readonly StateTable[] {
    return [
      ...this.#dataflow.root.stateTables(),
      ...this.#rows.stateTables(),
      ...this.errors.stateTables(),
    ];
  }

  #run(): void {
    if (this.failure !== undefined) return;
    this.delta = this.#dataflow.root.step();
    for (const batch of this.delta) this.#rows.apply(batch);
  }
}
