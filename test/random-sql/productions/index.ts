import type { QueryProduction, ValueProduction } from '../generator.ts';
import { functionValues } from './functions.ts';
import { groupingQueries } from './grouping.ts';
import { queries } from './queries.ts';
import { relationQueries, relationValues } from './relations.ts';
import { typeQueries, typeValues } from './types.ts';
import { values } from './values.ts';
import { windowQueries } from './windows.ts';

/**
 * Every production: add a file of your own and name it here. A bullet of what a user can do is one
 * production; the test fails when one gives no rows, or an operator takes nothing back.
 */
export const queryProductions: readonly QueryProduction[] = [
  ...queries,
  ...relationQueries,
  ...windowQueries,
  ...groupingQueries,
  ...typeQueries,
];
export const valueProductions: readonly ValueProduction[] = [
  ...values,
  ...relationValues,
  ...functionValues,
  ...typeValues,
];
