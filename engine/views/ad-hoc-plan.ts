import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Parameters } from '../../sql/analyze/parameters.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { planQuery } from '../../sql/plan/planner.ts';
import type { Query } from '../../sql/syntax/ast.ts';
import { type Catalogue, TrackingCatalog } from './catalogue.ts';

/** Ad-hoc inputs only ever grow while the query runs, whatever the relation does. */
export function planAdHoc(
  catalogue: Pick<Catalogue, 'find' | 'names' | 'findFunction'>,
  query: Query,
  script: string,
  /** `nowMs`: what now() is; of no matter where the query is not run. */
  { nowMs = 0, parameters }: { readonly nowMs?: number; readonly parameters?: Parameters } = {},
): QueryPlan {
  const growing = (relation: Relation): Relation => ({ ...relation, appendOnly: true });
  const catalog = new TrackingCatalog(catalogue, growing);
  const bound = parameters === undefined ? {} : { parameters };
  return planQuery(query, 'statement', { catalog, text: script, nowMs, ...bound });
}
