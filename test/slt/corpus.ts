/** Files of `../shared/corpus` of which every record passes or has a reason to be skipped. */
export const whole: readonly string[] = [
  'sqllogictest/evidence-slt_lang_aggfunc.test',
  'sqllogictest/index-between-10-slt_good_1.test',
  'sqllogictest/random-aggregates-slt_good_1.test',
  'sqllogictest/random-expr-slt_good_1.test',
  'sqllogictest/random-groupby-slt_good_1.test',
  'sqllogictest/random-select-slt_good_1.test',
  'sqllogictest/select1.test',
  'sqllogictest/select2.test',
  'sqllogictest/select3.test',
  'risingwave/streaming/nexmark_snapshot.slt',
  'risingwave/streaming/nexmark_upstream.slt',
  'risingwave/streaming/order_by.slt',
  'risingwave/streaming/outer_join.slt',
  'risingwave/streaming/time_window.slt',
  'risingwave/streaming/union.slt',
  'risingwave/streaming/values.slt',
  'risingwave/streaming/join/full_outer_join_global_agg.slt.part',
  'risingwave/streaming/join/join-3way.slt.part',
  'risingwave/streaming/join/join.slt.part',
  'risingwave/streaming/aggregate/array_agg.slt',
  'risingwave/streaming/aggregate/basic_agg.slt',
  'risingwave/streaming/aggregate/boolean.slt',
  'risingwave/streaming/aggregate/distinct_agg.slt',
  'risingwave/streaming/aggregate/string_agg.slt',
  'risingwave/streaming/aggregate/count_star.slt',
];

const later = 'watermarks, EMIT ON WINDOW CLOSE and temporal joins come with a later issue';
const missing = 'what it includes is not in the corpus';

/** Files that are not run, and why. */
export const outOfScope: Readonly<Record<string, string>> = {
  'risingwave/streaming/watermark.slt': later,
  'risingwave/streaming/eowc/eowc_group_agg.slt': later,
  'risingwave/streaming/eowc/eowc_select.slt': later,
  'risingwave/streaming/join/asof_join.slt.part': later,
  'risingwave/streaming/join/hash_join_watermark.slt.part': later,
  'risingwave/streaming/join/interval_join.slt.part': later,
  'risingwave/streaming/join/main.slt': 'its parts are run one by one',
  'risingwave/streaming/over_window/main.slt': missing,
};
