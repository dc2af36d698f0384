import { expect, test } from 'vitest';
import type { Relation } from '../../../sql/analyze/catalog.ts';
import type { SqlType } from '../../../sql/columns/types.ts';
import { explainPlan } from '../../../sql/plan/explain.ts';
import { interned } from '../../../sql/plan/intern.ts';
import { mapInputs } from '../../../sql/plan/nodes.ts';
import type { PlanNode } from '../../../sql/plan/physical.ts';
import { planQuery } from '../../../sql/plan/planner.ts';
import { parseStatement } from '../../../sql/syntax/parser.ts';

/** What the rewrite rules make of small queries. */

const integer: SqlType = { kind: 'integer' };
const relations = ['t', 's', 'u'].map(
  (name, index): Relation => ({
    id: index + 1,
    name,
    kind: 'table',
    columns: ['id', 'k', 'v'].map((column) => ({
      name: column,
      type: integer,
      nullable: column !== 'id',
    })),
    primaryKey: [0],
    appendOnly: false,
    writable: true,
  }),
);
const catalog = {
  find: (name: string) => relations.find((relation) => relation.name === name),
  names: () => relations.map(({ name }) => name),
};

function planned(text: string): PlanNode {
  const statement = parseStatement(text);
  if (statement.kind !== 'query') throw new Error('not a query');
  return planQuery(statement, 'view', { catalog, text }).root;
}

function lines(text: string): string[] {
  const statement = parseStatement(text);
  if (statement.kind !== 'query') throw new Error('not a query');
  const plan = planQuery(statement, 'view', { catalog, text });
  return explainPlan(plan).map((line) =>
    line.replace(/ \[retracts\]$/, '').replace(/; state.*$/, ''),
  );
}

/** Kinds of all nodes, each node once. */
function kinds(root: PlanNode): string[] {
  const seen = new Set<PlanNode>();
  const visit = (node: PlanNode) => {
    if (seen.has(node)) return;
    seen.add(node);
    mapInputs(node, (input) => {
      visit(input);
      return input;
    });
  };
  visit(interned(root));
  return [...seen].map(({ kind }) => kind).toSorted();
}

test('conditions go below joins, and equalities become keys', () => {
  const view = 'SELECT x.id, y.k, x.v FROM t x CROSS JOIN s y';
  expect(lines(`SELECT * FROM (${view}) q WHERE v > 3 AND k = 2 AND id = k`)).toEqual([
    'Map: id, k, v',
    '  Join: id = k',
    '    Map: id, v where (v > 3)',
    '      Input: t (id, v)',
    '    Map: k where (k = 2)',
    '      Input: s (k)',
  ]);
});

test('a condition on the left side of LEFT JOIN goes below, one on the right makes it inner', () => {
  const view = 'SELECT x.id, x.v, y.v AS w FROM t x LEFT JOIN s y ON x.k = y.k';
  expect(lines(`SELECT id, w FROM (${view}) q WHERE v > 3`)).toEqual([
    'Map: id, v',
    '  Left join: k = k',
    '    Map: id, k where (v > 3)',
    '      Input: t (id, k, v)',
    '    Input: s (k, v)',
  ]);
  expect(lines(`SELECT id, w FROM (${view}) q WHERE w > 3`)[1]).toBe('  Join: k = k');
  expect(lines(`SELECT id, w FROM (${view}) q WHERE w IS NULL`)[1]).toBe('  Left join: k = k');
  expect(lines(`SELECT id, w FROM (${view}) q WHERE w > 3 OR v > 1`)[1]).toBe('  Left join: k = k');
});

test('conditions on group keys, unions and set operations go below', () => {
  const groups = 'SELECT k, count(*) AS c FROM t GROUP BY k';
  expect(lines(`SELECT k, c FROM (${groups}) q WHERE k = 1 AND c > 2`)).toEqual([
    'Map: c0, aggregate0 where (aggregate0 > 2)',
    '  Aggregate: count_star; by c0',
    '    Map: k where (k = 1)',
    '      Input: t (k)',
  ]);
  expect(lines('SELECT k FROM (SELECT k FROM t EXCEPT SELECT k FROM s) q WHERE k > 1')).toEqual([
    'except',
    '  Map: k where (k > 1)',
    '    Input: t (k)',
    '  Map: k where (k > 1)',
    '    Input: s (k)',
  ]);
});

test('a relation that a key connects is joined before one that nothing does', () => {
  const plan = lines('SELECT t.id FROM t, s, u WHERE t.k = u.k AND u.v = s.v');
  expect(plan.filter((line) => line.includes('Join'))).toEqual(['Join: v = v', '  Join: k = k']);
});

test('EXISTS and IN over equalities are semi joins without a domain', () => {
  expect(
    lines('SELECT id FROM t WHERE EXISTS (SELECT FROM s WHERE s.k = t.k AND s.v > 1)'),
  ).toEqual([
    'Map: id',
    '  Semi join: k = outer0',
    '    Input: t (id, k)',
    '    Map: k where (v > 1)',
    '      Input: s (k, v)',
  ]);
  expect(lines('SELECT id FROM t WHERE id NOT IN (SELECT id FROM s)')[0]).toBe(
    'Anti join: id = outer0',
  );
});

test('a correlated aggregate is a left join with its groups', () => {
  const plan = planned('SELECT id, (SELECT sum(v) FROM s WHERE s.k = t.k) AS x FROM t');
  expect(kinds(plan).filter((kind) => kind !== 'map')).toEqual([
    'aggregate',
    'input',
    'input',
    'outer',
  ]);
});

test('other correlation goes over the domain, whose input is shared', () => {
  const plan = planned(
    'SELECT id FROM t WHERE EXISTS (SELECT FROM s WHERE s.v < t.v AND s.k = t.k)',
  );
  expect(kinds(plan).filter((kind) => kind === 'aggregate')).toHaveLength(1);
  expect(kinds(plan).filter((kind) => kind === 'input')).toHaveLength(2);
});

test('a common table that is used twice is one sub-plan with the columns of both uses', () => {
  const plan =
    planned(`WITH a AS (SELECT k, count(*) AS c, max(v) AS m, min(v) AS n FROM t GROUP BY k)
    SELECT x.k, y.m FROM a x JOIN a y ON x.c = y.c WHERE y.k > 2`);
  expect(kinds(plan).filter((kind) => kind === 'aggregate')).toHaveLength(1);
  expect(kinds(plan).filter((kind) => kind === 'input')).toHaveLength(1);
  const aggregate =
    lines(`WITH a AS (SELECT k, count(*) AS c, max(v) AS m, min(v) AS n FROM t GROUP BY k)
    SELECT x.k, y.m FROM a x JOIN a y ON x.c = y.c`).find((line) => line.includes('Aggregate'));
  expect(aggregate).toMatch(/Aggregate: count_star, max c1; by c0/);
});

test('constant parts are folded', () => {
  expect(lines('SELECT id + (2 * 3) AS x FROM t WHERE v > 1 + 1')).toEqual([
    'Map: (id + 6) where (v > 2)',
    '  Input: t (id, v)',
  ]);
});

test('a strict call of a NULL is NULL, whatever would fail in it', () => {
  expect(lines('SELECT id FROM t WHERE (v / 0) = NULL')[0]).toBe('Map: id where null');
  for (const form of ['LIKE', 'ILIKE', 'SIMILAR TO']) {
    expect(lines(`SELECT id FROM t WHERE v::text ${form} NULL`)[0]).toBe('Map: id where null');
  }
});

test('what all branches of an OR demand is taken out of it: here a join', () => {
  const plan = lines(
    'SELECT t.id FROM t, s WHERE (t.k = s.k AND t.v = 1) OR (t.k = s.k AND s.v = 2 AND t.v = 3)',
  );
  expect(plan).toContain('  Join: k = k');
  const whole = lines('SELECT id FROM t WHERE (v = 1 AND k = 2) OR v = 1');
  expect(whole[0]).toBe('Map: id where (v = 1)');
});

test('a subquery with SIMILAR TO is planned: its pattern may fail', () => {
  const plan = planned(
    "SELECT id FROM t WHERE EXISTS (SELECT FROM s WHERE s.k = t.k AND s.v::text SIMILAR TO '1%')",
  );
  expect(kinds(plan)).toContain('semi');
});

test('HAVING takes IN of a subquery whose left side is a correlated subquery', () => {
  const plan = planned(
    'SELECT k FROM t GROUP BY k HAVING (SELECT max(v) FROM s WHERE s.k = t.k) IN (SELECT v FROM u)',
  );
  expect(kinds(plan)).toContain('semi');
});
