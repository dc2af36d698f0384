import type { Batch } from '../../sql/columns/batch.ts';
import { noBatches, type Operator } from './operator.ts';
import type { StateTable } from './table.ts';

/**
 * One operator that several others read: a sub-plan that occurs more than once in a plan runs once
 * and keeps one state. Every reader has a port; in a step the first that asks runs the operator,
 * the others get the same batches. State belongs to the first port.
 */
export class SharedOperator {
  readonly #operator: Operator;
  readonly #ports: number;
  #batches: readonly Batch[] = noBatches;
  #asked = 0;
  #opened = 0;

  constructor(operator: Operator, ports: number) {
    this.#operator = operator;
    this.#ports = ports;
  }

  port(): Operator {
    const isFirst = this.#opened++ === 0;
    return {
      step: () => this.#step(),
      stateTables: (): readonly StateTable[] => (isFirst ? this.#operator.stateTables() : []),
    };
  }

  #step(): readonly Batch[] {
    if (this.#asked === 0) this.#batches = this.#operator.step();
    const batches = this.#batches;
    if (++this.#asked === this.#ports) {
      this.#asked = 0;
      this.#batches = noBatches;
    }
    return batches;
  }
}
