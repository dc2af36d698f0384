import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field } from '../../sql/columns/types.ts';
import { planFingerprint } from '../../sql/plan/intern.ts';
import { Arrangement } from '../dataflow/arrangement.ts';
import { columnsBytes } from '../dataflow/chunk.ts';
import { failedRow } from '../dataflow/linear.ts';
import { RowTable } from '../dataflow/row-table.ts';
import { rowOrder } from '../dataflow/sort.ts';
import type { StateSize, StateTable } from '../dataflow/table.ts';
import type { Cut, Origin } from '../formats/sink-entry.ts';
import { DataflowNode, type DataflowNodeOptions } from './dataflow-node.ts';
import { failedRows } from './error-rows.ts';
import { isWithin } from './sink-cuts.ts';
import type { SinkOutput, SinkTarget } from './sink-output.ts';

const positionFields: readonly Field[] = [
  { name: 'offset', type: { kind: 'bigint' }, nullable: false },
];

interface Options extends Omit<DataflowNodeOptions, 'observe'> {
  readonly target: SinkTarget;
  /** Topics that its inputs come from. */
  readonly inputTopics: readonly number[];
}

/** How a checkpoint names a sink that stopped: its error follows as JSON. */
const stoppedPrefix = 'stopped ';

/**
 * A sink: a dataflow whose changes are written into a topic or a table, each step's once. It keeps
 * no rows; what it wrote last stands in its target (formats/sink-entry.ts).
 *
 * A sink that stopped stays stopped over restarts: checkpoints went on without its outputs.
 */
export class SinkNode extends DataflowNode {
  readonly rowCount = undefined;
  readonly target: SinkTarget;
  readonly inputTopics: readonly number[];
  readonly fields: readonly Field[];
  /** The last output that was found in the target at start: all up to it is written. */
  written: Origin | undefined;
  /** Takes what is to be written, in this order. */
  onOutput: (output: SinkOutput) => void = () => undefined;
  /** What it took and is not written yet. */
  outputs: SinkOutput[] = [];
  /** Why the last try to write failed; it is tried again. */
  waiting: MillraceError | undefined;
  readonly #fingerprint: string;
  readonly #position = new RowTable(positionFields);
  /** What changed since the last output, or since the beginning of one that is not written whole. */
  #changes: Arrangement | undefined;

  constructor(options: Options) {
    super(options);
    const { root } = options.plan;
    this.target = options.target;
    this.inputTopics = options.inputTopics;
    this.fields = root.fields;
    this.#fingerprint = planFingerprint(root);
  }

  get targetTopicId(): number {
    return this.target.topicId;
  }

  get fingerprint(): string {
    if (this.failure === undefined) return this.#fingerprint;
    const { code, message, sqlState, hint } = this.failure;
    return stoppedPrefix + JSON.stringify({ code, message, sqlState, hint });
  }

  /** The error that a checkpoint's fingerprint says the sink stopped for. */
  static failureOf(fingerprint: string | undefined): MillraceError | undefined {
    if (fingerprint?.startsWith(stoppedPrefix) !== true) return undefined;
    const { code, message, ...rest } = JSON.parse(fingerprint.slice(stoppedPrefix.length));
    return new MillraceError(code, message, rest);
  }

  /** With what waits to be written. */
  override get stateSize(): StateSize {
    const { rows, bytes } = super.stateSize;
    const waiting = this.outputs.map((output) => columnsBytes(output.rows.columns));
    const own = this.#changes?.stateTables().map(({ size }) => size?.bytes ?? 0) ?? [];
    return { rows, bytes: [...waiting, ...own].reduce((sum, part) => sum + part, bytes) };
  }

  /** The step that moved the inputs from `before` to `after` is over: its output, if it has any. */
  emit(before: Cut, after: Cut): void {
    this.contain(() => this.#emit(before, after));
  }

  #emit(before: Cut, after: Cut): void {
    let origin = { sink: this.relation.id, before, after };
    let firstPart = 0;
    if (this.written !== undefined) {
      const { before: from, after: until, part, isLast } = this.written;
      const isFill = from.length === 0;
      if (!isWithin(after, until)) {
        return this.stop(
          new MillraceError(
            'CORRUPTION',
            `sink "${this.relation.name}" stopped: a step went past the end of what it had written`,
          ),
        );
      }
      const isReached = isWithin(until, after);
      if (isLast || (!isFill && isWithin(after, from))) this.#changes = undefined;
      if (!isReached) return;
      this.written = undefined;
      origin = { sink: this.relation.id, before: from, after: until };
      firstPart = part + 1;
    }
    const rows = this.#changes && sorted(this.#changes);
    this.#changes = undefined;
    if (rows === undefined) return;
    const output = { origin, rows, firstPart };
    this.outputs.push(output);
    this.onOutput(output);
  }

  /**
   * The sink was filled up to `reached`. `isKnown`: a checkpoint at that cut had it, so that what
   * the inputs held then is written.
   */
  emitFilled(reached: Cut, isKnown: boolean): void {
    if (isKnown) this.#changes = undefined;
    else this.emit([], reached);
    this.startFrom(reached);
  }

  /** Steps go on from this cut. */
  startFrom(reached: Cut): void {
    if (this.written !== undefined && isWithin(this.written.after, reached)) {
      this.written = undefined;
    }
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

  protected take(changes: readonly Batch[]): void {
    for (const batch of changes) {
      const rows = this.#withoutNulls(batch);
      if (rows.rowCount === 0) continue;
      this.#changes ??= new Arrangement(this.fields);
      this.#changes.apply(rows);
    }
  }

  /** The rows that the target takes; one that has NULL in a NOT NULL column is an error. */
  #withoutNulls(batch: Batch): Batch {
    const { notNull = [], table } = this.target;
    const strict = notNull.filter((column) => batch.columns[column]!.nulls !== undefined);
    if (strict.length === 0) return batch;
    const kept: number[] = [];
    for (let row = 0; row < batch.rowCount; row++) {
      const bad = strict.find((column) => batch.columns[column]!.nulls![row] === 1);
      if (bad === undefined) {
        kept.push(row);
        continue;
      }
      const { name } = this.fields[bad]!;
      const message = `null value in column "${name}" of relation "${table}" violates not-null constraint`;
      const error = new MillraceError('SQL_RUNTIME', message, { sqlState: '23502' });
      const columns = this.fields.map((_, column) => column);
      this.errors.add(failedRows([failedRow(this.fields, columns, batch, row, error)]));
    }
    if (kept.length === batch.rowCount) return batch;
    return gatherBatch(batch, Int32Array.from(kept), kept.length);
  }

  protected ownTables(): readonly StateTable[] {
    return [this.#position];
  }

  protected clear(): void {
    this.#changes = undefined;
    this.outputs = [];
  }
}

/** The net change: what goes first, then what comes, each sorted by the whole row. */
function sorted(changes: Arrangement): Batch | undefined {
  const batches = [...changes.snapshot()];
  if (batches.length === 0) return undefined;
  const all = concatenated(batches);
  const byRow = rowOrder(all);
  const order = Int32Array.from({ length: all.rowCount }, (_, row) => row).sort(
    (a, b) => Math.sign(all.weights[a]!) - Math.sign(all.weights[b]!) || byRow(a, b),
  );
  return gatherBatch(all, order, all.rowCount);
}
