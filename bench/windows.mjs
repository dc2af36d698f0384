/**
 * `npm run build && node bench/windows.mjs [ROWS]`: what a row costs that comes to the end of one
 * large partition, beside evaluating the partition anew, in memory and on one core.
 */
import { buildDataflow } from '../dist/engine/dataflow/build.js';
import { batchOf } from '../dist/sql/columns/builder.js';
import { planQuery } from '../dist/sql/plan/planner.js';
import { parseStatement } from '../dist/sql/syntax/parser.js';
import { percentile, report } from './measure.mjs';

const rowCount = Number(process.argv[2] ?? 100_000);
const appended = 300;
const bigint = { kind: 'bigint' };
const fields = ['k', 'v'].map((name) => ({ name, type: bigint, nullable: true }));
const relation = {
  id: 1,
  name: 't',
  kind: 'source',
  columns: fields,
  primaryKey: [],
  appendOnly: false,
  writable: false,
};
const catalog = { find: () => relation, names: () => ['t'] };
const row = (i) => [BigInt(i), BigInt((i * 7919) % 1000)];

const calls = [
  'row_number() OVER (ORDER BY k)',
  'lag(v) OVER (ORDER BY k)',
  'sum(v) OVER (ORDER BY k)',
  'avg(v) OVER (ORDER BY k)',
  'max(v) OVER (ORDER BY k)',
  'avg(v) OVER (ORDER BY k ROWS 100 PRECEDING)',
  'count(*) OVER (ORDER BY k RANGE 100 PRECEDING)',
];

const rows = calls.map((call) => {
  const text = `SELECT k, v, ${call} FROM t`;
  const plan = planQuery(parseStatement(text), 'view', { catalog, text });
  const { root, inputs } = buildDataflow(plan.root, { mode: 'fail' });
  const seconds = (batch) => {
    inputs[0].feed([batch]);
    const start = performance.now();
    root.step();
    return (performance.now() - start) / 1000;
  };
  const whole = seconds(
    batchOf(
      fields,
      Array.from({ length: rowCount }, (_, i) => row(i)),
    ),
  );
  const each = Array.from({ length: appended }, (_, i) =>
    seconds(batchOf(fields, [row(rowCount + i)])),
  );
  const one = percentile(each, 0.5);
  const peer = 'evaluating the partition anew';
  return { name: call, value: 1 / one, unit: 'rows/s, one a step', peer, ratio: whole / one };
});
report(rows);
