import { assert } from '../../platform/assert.ts';
import type { Clock } from '../../platform/clock.ts';
import type { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { splitNumber } from '../../sql/columns/i64.ts';
import { planFingerprint } from '../../sql/plan/intern.ts';
import type { Entry } from '../../storage/store.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { Meters } from '../dataflow/meter.ts';
import type { SecondaryIndexes } from '../dataflow/secondary-indexes.ts';
import type { StateTable } from '../dataflow/table.ts';
import { DataflowNode, type DataflowNodeOptions } from './dataflow-node.ts';
import { ErrorRows, undecodableFields, undecodableRows } from './error-rows.ts';
import { type ColumnOrigin, StoredLayout, withOrigins } from './stored-layout.ts';
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
  /** Topic that it writes into: a sink's. */
  readonly targetTopicId?: number;
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
  /** Why it stopped, if it did. */
  failure(relationId: number): MillraceError | undefined;
}

/** Of an altered table, in the place of the state that it had before: a start passes over it. */
const formerState: StateTable = { checkpoint: () => [], restore() {}, restored() {} };

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
  readonly errors = new ErrorRows(undecodableFields, Number.POSITIVE_INFINITY);
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
      const state = new TableState(relation.columns, relation.primaryKey, [], relation.onConflict);
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
  readonly layout: StoredLayout;
  readonly #hasHiddenKey: boolean;
  /** How often its columns changed. */
  readonly #alterations: number;

  constructor({ relation, sql, topicId }: NodeOptions, before?: Before) {
    this.relation = relation;
    this.sql = sql;
    this.topicId = topicId;
    this.layout = before?.layout ?? StoredLayout.of(relation.columns);
    this.#alterations = before?.alterations ?? 0;
    this.fingerprint = before?.fingerprint ?? fingerprintOf(relation);
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
    this.delta = readRows(entries, this.layout).flatMap(({ batch, baseOffset }) => {
      if (this.#hasHiddenKey) fillHiddenKey(batch, baseOffset);
      return this.state.apply(batch);
    });
  }

  stateTables(): readonly StateTable[] {
    const former = Array.from({ length: this.#alterations }, () => formerState);
    return [...former, ...this.state.stateTables()];
  }

  snapshot(): Iterable<Batch> {
    return this.state.snapshot();
  }

  /** The table with other columns, without rows. `relation` and `sql` are what it is from now on. */
  altered(relation: Relation, sql: string, origins: readonly ColumnOrigin[]): TableNode {
    const before: Before = {
      layout: this.layout.altered(relation.columns, origins),
      alterations: this.#alterations + 1,
      fingerprint: alteredFingerprint(this.fingerprint, origins),
    };
    return new TableNode({ relation, sql, topicId: this.topicId }, before);
  }

  /** Rows of what it was. */
  take(rows: Batch, origins: readonly ColumnOrigin[]): void {
    this.state.apply(withOrigins(rows, this.relation.columns, origins));
  }
}

/** What an altered table has of what it was. */
interface Before {
  readonly layout: StoredLayout;
  readonly alterations: number;
  readonly fingerprint: string;
}

/** Of a table that had `fingerprint`. */
export function alteredFingerprint(fingerprint: string, origins: readonly ColumnOrigin[]): string {
  return `${fingerprint}\n${JSON.stringify(origins)}`;
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

/** A materialized view: a dataflow and the rows that it adds up to. */
export class ViewNode extends DataflowNode {
  readonly meters: Meters;
  readonly #fingerprint: string;
  #rows: Arrangement;

  constructor(options: Omit<DataflowNodeOptions, 'observe'> & { readonly clock: Clock }) {
    const meters = new Meters(() => options.clock.monotonicMs());
    super({ ...options, observe: meters.observe });
    this.meters = meters;
    const { root, ...rows } = options.plan;
    this.#fingerprint = `${JSON.stringify(rows)}\n${planFingerprint(root)}`;
    this.#rows = new Arrangement(root.fields);
  }

  /** State of a view that stopped is not state that a restart may take for its own. */
  get fingerprint(): string {
    return this.failure === undefined ? this.#fingerprint : 'stopped';
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

  snapshot(): Iterable<Batch> {
    return this.#rows.snapshot();
  }

  protected take(changes: readonly Batch[]): void {
    this.delta = changes;
    for (const batch of changes) this.#rows.apply(batch);
  }

  protected ownTables(): readonly StateTable[] {
    return this.#rows.stateTables();
  }

  protected clear(): void {
    this.#rows = new Arrangement(this.plan.root.fields);
  }
}
