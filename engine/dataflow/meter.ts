import type { PlanNode } from '../../sql/plan/physical.ts';
import type { Operator } from './operator.ts';
import type { StateSize } from './table.ts';

/** What one operator did so far. */
export interface OperatorReport {
  readonly node: PlanNode;
  /** Rows that it gave, and how many of them took something back. */
  readonly rows: number;
  readonly retractions: number;
  /** Sum of the weights: rows present in its output. */
  readonly weight: number;
  /** Its own time, without that of its inputs. */
  readonly selfMs: number;
  /** Its own state. */
  readonly state: StateSize;
}

interface Meter {
  /** Absent for those of a recursion's iterations, whose state is the recursion's. */
  readonly operator: Operator | undefined;
  readonly inputs: readonly PlanNode[];
  rows: number;
  retractions: number;
  weight: number;
  totalMs: number;
}

/** Measures the operators of a plan, for EXPLAIN ANALYZE: two readings of the clock per step. */
export class Meters {
  readonly #nowMs: () => number;
  readonly #meters = new Map<PlanNode, Meter>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  readonly observe = (node: PlanNode, operator: Operator, isPassing: boolean): Operator => {
    const known = isPassing ? this.#meters.get(node) : undefined;
    const meter = known ?? newMeter(node, isPassing ? undefined : operator);
    this.#meters.set(node, meter);
    return {
      step: () => {
        const startMs = this.#nowMs();
        const deltas = operator.step();
        meter.totalMs += this.#nowMs() - startMs;
        for (const { rowCount, weights } of deltas) {
          meter.rows += rowCount;
          for (let row = 0; row < rowCount; row++) {
            const weight = weights[row]!;
            meter.weight += weight;
            if (weight < 0) meter.retractions++;
          }
        }
        return deltas;
      },
      stateTables: () => operator.stateTables(),
    };
  };

  report(node: PlanNode): OperatorReport | undefined {
    const meter = this.#meters.get(node);
    if (meter === undefined) return undefined;
    const inputs = meter.inputs.flatMap((input) => this.#meters.get(input) ?? []);
    const state = sizeIn(meter);
    for (const input of inputs) {
      const part = sizeIn(input);
      state.rows -= part.rows;
      state.bytes -= part.bytes;
    }
    const { rows, retractions, weight, totalMs } = meter;
    const selfMs = inputs.reduce((ms, input) => ms - input.totalMs, totalMs);
    const own = { rows: Math.max(0, state.rows), bytes: Math.max(0, state.bytes) };
    return { node, rows, retractions, weight, selfMs: Math.max(0, selfMs), state: own };
  }
}

function newMeter(node: PlanNode, operator: Operator | undefined): Meter {
  const inputs = inputsOf(node);
  return { operator, inputs, rows: 0, retractions: 0, weight: 0, totalMs: 0 };
}

function sizeIn({ operator }: Meter): { rows: number; bytes: number } {
  return operator === undefined ? { rows: 0, bytes: 0 } : sizeOf(operator);
}

/** State of an operator and of all below it. */
export function sizeOf(operator: Operator): { rows: number; bytes: number } {
  const size = { rows: 0, bytes: 0 };
  for (const table of operator.stateTables()) {
    size.rows += table.size?.rows ?? 0;
    size.bytes += table.size?.bytes ?? 0;
  }
  return size;
}

/** The nodes that a node reads, whatever its kind calls them. */
export function inputsOf(node: PlanNode): readonly PlanNode[] {
  return Object.values(node).flatMap((part: unknown) => {
    const items: readonly unknown[] = Array.isArray(part) ? part : [part];
    return items.filter(isPlanNode);
  });
}

function isPlanNode(value: unknown): value is PlanNode {
  return typeof value === 'object' && value !== null && 'appendOnly' in value && 'fields' in value;
}
