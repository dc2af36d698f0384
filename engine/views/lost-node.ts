import { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { RelationNode } from './nodes.ts';

/**
 * In place of a relation whose checkpoint is gone, or is of no use to this version, when part of
 * its input has expired: what is left of the input would give other rows. Reading it says so;
 * dropping it and making it anew is up to the user.
 */
export class LostNode implements RelationNode {
  relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
  readonly topicId: number | undefined;
  readonly ownsTopic: boolean;
  delta: readonly Batch[] = [];
  readonly rowCount = undefined;
  readonly errors = undefined;
  /** No state has it. */
  readonly fingerprint = 'lost';
  readonly #reason: string;

  constructor(lost: RelationNode, reason: string) {
    const { relation, sql, dependsOn, topicId, ownsTopic } = lost;
    this.relation = relation;
    this.sql = sql;
    this.dependsOn = dependsOn;
    this.topicId = topicId;
    this.ownsTopic = ownsTopic;
    this.#reason = reason;
  }

  step(): void {}

  /** Throws CORRUPTION. */
  snapshot(): Iterable<Batch> {
    const { name } = this.relation;
    throw new MillraceError('CORRUPTION', `the state of "${name}" is lost: ${this.#reason}`, {
      hint: 'Drop it and create it again: it then starts at what is left of its topics.',
    });
  }

  stateTables() {
    return [];
  }
}
