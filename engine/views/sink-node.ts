import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field } from '../../sql/columns/types.ts';
import { planFingerprint } from '../../sql/plan/intern.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { buildDataflow, type Dataflow } from '../dataflow/build.ts';
import { noBatches } from '../dataflow/operator.ts';
import { RowTable } from '../dataflow/row-table.ts';
import { rowOrder } from '../dataflow/sort.ts';
import type { StateTable } from '../dataflow/table.ts';
import type { Cut, Origin } from '../formats/sink-entry.ts';
import { ErrorRows, failedRowFields, failedRows } from './error-rows.ts';
import type { RelationNode, StepInput } from './nodes.ts';
import { isWithin } from './sink-cuts.ts';

/** Rows of one part of a step's output. */
const partRows = 8192;

const positionFields: readonly Field[] = [
  { name: 'offset', type: { kind: 'bigint' }, nullable: false },
];

export interface SinkTarget {
  readonly topicId: number;
  /** The topic's name and the messages' format; absent for a table. */
  readonly topic?: { readonly name: string; readonly format: 'json' | 'changelog' };
  /** The table has a hidden key, which is NULL in what is written. */
  readonly hasHiddenKey?: boolean;
}

interface Options {
  readonly relation: Relation;
  readonly sql: string;
  readonly plan: QueryPlan;
  readonly dependsOn: readonly number[];
  readonly target: SinkTarget;
  /** Topics that its inputs come from. */
  readonly inputTopics: readonly number[];
}

/** What a step gave for a sink, to be written in this order. */
export interface SinkPart {
  readonly origin: Origin;
  readonly rows: Batch;
}

/**
 * A sink: a dataflow whose changes are written into a topic or a table, each step's once. It keeps
 * no rows; what it wrote last stands in its target (formats/sink-entry.ts).
 */
export class SinkNode implements RelationNode {
  relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  readonly topicId = undefined;
  readonly ownsTopic = false;
  readonly rowCount = undefined;
  readonly errors = new ErrorRows(failedRowFields);
  readonly fingerprint: string;
  readonly target: SinkTarget;
  readonly inputTopics: readonly number[];
  readonly fields: readonly Field[];
  delta: readonly Batch[] = noBatches;
  /** The last output that was found in the target at start: all up to it is written. */
  written: Origin | undefined;
  /** Takes what is to be written. */
  onPart: (part: SinkPart) => void = () => undefined;
  readonly #dataflow: Dataflow;
  readonly #position = new RowTable(positionFields);
  #changes: Batch[] = [];

  constructor({ relation, sql, plan, dependsOn, target, inputTopics }: Options) {
    this.relation = relation;
    this.sql = sql;
    this.dependsOn = dependsOn;
    this.target = target;
    this.inputTopics = inputTopics;
    this.fields = plan.root.fields;
    this.fingerprint = planFingerprint(plan.root);
    this.#dataflow = buildDataflow(plan.root, {
      mode: 'collect',
      text: sql,
      onErrors: (errors) => this.errors.add(failedRows(errors)),
    });
  }

  get inputIds(): readonly number[] {
    return [...new Set(this.#dataflow.inputs.map(({ relationId }) => relationId))];
  }

  begin(): void {
    this.#dataflow.loading.isSet = true;
    this.#run();
  }

  filled(): void {
    this.#dataflow.loading.isSet = false;
    this.#run();
  }

  resume(): void {
    this.#dataflow.constantsGiven.isSet = true;
  }

  step(input: StepInput): void {
    for (const source of this.#dataflow.inputs) source.feed(input.delta(source.relationId));
    this.#run();
  }

  fill(relationId: number, batches: readonly Batch[]): void {
    for (const source of this.#dataflow.inputs) {
      if (source.relationId === relationId) source.feed(batches);
    }
    this.#run();
  }

  #run(): void {
    this.#changes.push(...this.#dataflow.root.step());
  }

  /** Hands out what changed since the last call, unless it is written already. */
  emit(before: Cut, after: Cut): void {
    const changes = this.#changes;
    this.#changes = [];
    let firstPart = 0;
    if (this.written !== undefined) {
      const { part, of, before: wasBefore, after: wasAfter } = this.written;
      const isSameStep = isWithin(after, wasAfter) && isWithin(wasAfter, after);
      if (isWithin(after, wasAfter)) {
        const isUnfinished = isSameStep && part + 1 < of && isWithin(wasBefore, before);
        if (!isUnfinished) return;
        firstPart = part + 1;
      }
      this.written = undefined;
    }
    const rows = consolidated(changes, this.fields);
    if (rows === undefined) return;
    const of = Math.ceil(rows.rowCount / partRows);
    for (let part = firstPart; part < of; part++) {
      const from = part * partRows;
      const count = Math.min(partRows, rows.rowCount - from);
      const numbers = Int32Array.from({ length: count }, (_, row) => from + row);
      const origin = { sink: this.relation.id, before, after, part, of };
      this.onPart({ origin, rows: gatherBatch(rows, numbers, count) });
    }
  }

  /**
   * After a fill up to `after`: what the rows that are there give, unless the sink has written
   * before.
   */
  emitFilled(after: Cut): void {
    const isFirst = this.written === undefined || this.written.before.length === 0;
    if (!isFirst) this.#changes = [];
    else this.emit([], after);
  }

  /** An entry stands at this offset of the target. */
  wrote(offset: number): void {
    this.#position.clear();
    this.#position.insert(batchOf(positionFields, [[BigInt(offset)]]), 0, 1);
  }

  /** Where to look for the last output: an earlier one stands there, or the target begins. */
  get searchFrom(): number {
    for (const batch of this.#position.snapshot()) {
      return Number(valueAt(batch.columns[0]!, 0));
    }
    return 0;
  }

  stateTables(): readonly StateTable[] {
    const own = [...this.errors.stateTables(), this.#position];
    return [...this.#dataflow.root.stateTables(), ...own];
  }
}

/** The net change: what goes first, then what comes, each sorted by the whole row. */
function consolidated(changes: readonly Batch[], fields: readonly Field[]): Batch | undefined {
  const net = new Arrangement(fields);
  for (const batch of changes) net.apply(batch);
  const batches = [...net.snapshot()];
  if (batches.length === 0) return undefined;
  const all = concatenated(batches);
  const keys = fields.map((_, column) => ({ column, descending: false, nullsFirst: false }));
  const byRow = rowOrder(all, keys);
  const order = Int32Array.from({ length: all.rowCount }, (_, row) => row).sort(
    (a, b) => Math.sign(all.weights[a]!) - Math.sign(all.weights[b]!) || byRow(a, b),
  );
  return gatherBatch(all, order, all.rowCount);
}
