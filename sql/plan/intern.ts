import { distinctPart } from './expr-tools.ts';
import { mapInputs } from './nodes.ts';
import type { PlanNode } from './physical.ts';

/**
 * Common sub-plans: equal ones become one object, so that a plan is a graph whose nodes are all
 * different. `engine/dataflow/build.ts` makes one operator of each.
 */
export function interned(root: PlanNode): PlanNode {
  return new Interning().of(root);
}

/** A text that two plans share exactly when they are the same; its length is that of the graph. */
export function planFingerprint(root: PlanNode): string {
  const interning = new Interning();
  interning.of(root);
  return interning.keys.join('\n');
}

class Interning {
  readonly keys: string[] = [];
  readonly #byKey = new Map<string, { readonly node: PlanNode; readonly number: number }>();
  readonly #done = new Map<PlanNode, { readonly node: PlanNode; readonly number: number }>();

  of(node: PlanNode): PlanNode {
    return this.#of(node).node;
  }

  #of(node: PlanNode): { readonly node: PlanNode; readonly number: number } {
    const done = this.#done.get(node);
    if (done !== undefined) return done;
    const inputs: number[] = [];
    let isSame = true;
    const over = mapInputs(node, (input) => {
      const found = this.#of(input);
      inputs.push(found.number);
      isSame &&= found.node === input;
      return found.node;
    });
    const key = `${inputs.join(',')}:${JSON.stringify(ownPart(node), plainValue)}`;
    let known = this.#byKey.get(key);
    if (known === undefined) {
      known = { node: isSame ? node : over, number: this.keys.push(key) - 1 };
      this.#byKey.set(key, known);
    }
    this.#done.set(node, known);
    return known;
  }
}

/** A join's fields are those of its inputs, of which there may be many. */
function ownPart(node: PlanNode): object {
  if (node.kind !== 'join' && node.kind !== 'outer' && node.kind !== 'semi') return node;
  const { fields: _, ...own } = node;
  return own;
}

/** Inputs are in the key by their numbers; positions in the text do not count. */
function plainValue(key: string, value: unknown): unknown {
  if (key === 'span') return undefined;
  if (inputKeys.has(key) && isPlan(value)) return undefined;
  if (key === 'inputs') return undefined;
  return distinctPart(value);
}

const inputKeys: ReadonlySet<string> = new Set(['input', 'left', 'right', 'base', 'step']);

function isPlan(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && 'appendOnly' in value;
}
