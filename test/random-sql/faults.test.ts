import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputsOf } from '../../engine/dataflow/meter.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import { TextPostgres } from '../postgres-text.ts';
import { runCase } from './case.ts';
import type { Observe } from './dataflow-run.ts';
import { faults, kindOf } from './observers.ts';
import { queryProductions, valueProductions } from './productions/index.ts';

/**
 * Does the random test catch bugs? Each kind of operator that queries use is broken in each way of
 * observers.ts, one at a time, and some case must fail.
 */
const seed = 7;
const casesAtMost = 120;

/** Kinds without a state of their own, as far as was seen: they cannot forget. */
const stateless = new Set<string>();

let postgres: TextPostgres;
beforeAll(async () => {
  postgres = await TextPostgres.open();
}, 60_000);
afterAll(() => postgres.close());

test('each fault of each operator is caught', async () => {
  const kinds = await usedKinds();
  const missed: string[] = [];
  let caught = 0;
  for (const [kind, productions] of kinds) {
    for (const [name, breakIt] of Object.entries(faults)) {
      if (name.startsWith('forgets') && stateless.has(kind)) continue;
      const observe: Observe = (node, operator) =>
        kindOf(node) === kind ? breakIt(operator) : operator;
      if (await isCaught(observe, productions)) caught++;
      else missed.push(`${kind} ${name}`);
    }
  }
  process.stdout.write(`\n${caught} faults of ${kinds.size} operators are caught\n`);
  expect(missed).toEqual([]);
  expect(caught).toBeGreaterThanOrEqual(60);
}, 600_000);

/** Kinds of operators, and the productions whose plans have them. */
async function usedKinds(): Promise<Map<string, Set<number>>> {
  const kinds = new Map<string, Set<number>>();
  for (const [index, production] of queryProductions.entries()) {
    const tables = new Map<PlanNode, number>();
    const observe: Observe = (node, operator) => {
      const count = operator.stateTables().length;
      tables.set(node, count);
      const below = inputsOf(node).reduce((sum, input) => sum + (tables.get(input) ?? 0), 0);
      if (count <= below) stateless.add(kindOf(node));
      const users = kinds.get(kindOf(node)) ?? new Set();
      kinds.set(kindOf(node), users.add(index));
      return operator;
    };
    await runCase({ seed, production, values: valueProductions, postgres, observe });
  }
  kinds.delete('constants');
  return kinds;
}

async function isCaught(observe: Observe, productions: ReadonlySet<number>): Promise<boolean> {
  const users = [...productions];
  for (let number = 0; number < casesAtMost; number++) {
    const production = queryProductions[users[number % users.length]!]!;
    try {
      await runCase({
        seed: seed + number,
        production,
        values: valueProductions,
        postgres,
        observe,
      });
    } catch {
      return true;
    }
  }
  return false;
}
