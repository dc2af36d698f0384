/** `npm run build && node bench/run.mjs`: every benchmark, a table on stderr, JSON on stdout. */
import { aggregate, joins, jsonDecode } from './dataflow.mjs';
import { report } from './measure.mjs';
import { throughServer } from './server.mjs';

const rows = [];
for (const benchmark of [jsonDecode, aggregate, joins, throughServer]) {
  rows.push(...(await benchmark()));
}
report(rows);
process.exit(0);
