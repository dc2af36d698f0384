import type { ValueProduction } from '../generator.ts';

const comparisons = ['=', '<>', '<', '<=', '>', '>='];

/** Operators, and conditions of every form. */
export const values: readonly ValueProduction[] = [
  {
    name: 'arithmetic of integers',
    type: 'integer',
    value: (g, scope, depth) =>
      `${g.value(scope, 'integer', depth)} ${g.pick(['+', '-', '*'])} ${g.value(scope, 'integer', depth)}`,
  },
  {
    name: 'arithmetic of bigints',
    type: 'bigint',
    value: (g, scope, depth) =>
      `${g.value(scope, 'bigint', depth)} ${g.pick(['+', '-'])} ${g.value(scope, g.pick(['integer', 'bigint']), depth)}`,
  },
  {
    name: 'division',
    type: 'integer',
    value: (g, scope, depth) =>
      `${g.value(scope, 'integer', depth)} ${g.pick(['/', '%'])} nullif(${g.value(scope, 'integer', depth)}, 0)`,
  },
  {
    name: 'CASE',
    type: 'text',
    value: (g, scope, depth) =>
      `CASE WHEN ${g.value(scope, 'boolean', depth)} THEN ${g.value(scope, 'text', depth)} ELSE ${g.value(scope, 'text', depth)} END`,
  },
  {
    name: 'COALESCE',
    type: 'integer',
    value: (g, scope, depth) =>
      `coalesce(${g.value(scope, 'integer', depth)}, ${g.value(scope, 'integer', depth)})`,
  },
  {
    name: 'concatenation',
    type: 'text',
    value: (g, scope, depth) =>
      `${g.value(scope, 'text', depth)} || ${g.value(scope, 'text', depth)}`,
  },
  {
    name: 'comparison',
    type: 'boolean',
    value: (g, scope, depth) => {
      const type = g.pick(['integer', 'text', 'numeric(8,2)', 'date'] as const);
      return `${g.value(scope, type, depth)} ${g.pick(comparisons)} ${g.value(scope, type, depth)}`;
    },
  },
  {
    name: 'AND, OR, NOT',
    type: 'boolean',
    value: (g, scope, depth) => {
      const [a, b] = [g.value(scope, 'boolean', depth), g.value(scope, 'boolean', depth)];
      return g.pick([`${a} AND ${b}`, `${a} OR ${b}`, `NOT ${a}`]);
    },
  },
  {
    name: 'IS NULL and IS DISTINCT FROM',
    type: 'boolean',
    value: (g, scope, depth) => {
      const [a, b] = [g.value(scope, 'integer', depth), g.value(scope, 'integer', depth)];
      return g.pick([`${a} IS NULL`, `${a} IS NOT NULL`, `${a} IS DISTINCT FROM ${b}`]);
    },
  },
  {
    name: 'IN a list, BETWEEN',
    type: 'boolean',
    value: (g, scope, depth) => {
      const items = Array.from({ length: 3 }, () => g.value(scope, 'integer', depth));
      return g.pick([
        `${items[0]} ${g.pick(['', 'NOT '])}IN (${items.slice(1).join(', ')})`,
        `${items[0]} ${g.pick(['', 'NOT '])}BETWEEN ${items[1]} AND ${items[2]}`,
      ]);
    },
  },
  {
    name: 'LIKE',
    type: 'boolean',
    value: (g, scope, depth) =>
      `${g.value(scope, 'text', depth)} ${g.pick(['LIKE', 'NOT LIKE', 'ILIKE'])} '${g.pick(['a%', '%b', '_', '%', 'a_'])}'`,
  },
];
