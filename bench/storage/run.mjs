/**
 * `npm run build && node bench/storage/run.mjs [NAME ...]`: the speed and memory of
 * storage, a table on standard error and JSON on standard output; all of it, or what is named:
 * groupCommit, batches, sequentialRead, manyQueues, stalls, indexRebuild, restart. The data go to a new
 * directory under BENCH_DIR, or under the temporary directory.
 */
import { report } from '../measure.mjs';
import { batches } from './batches.mjs';
import { groupCommit } from './group-commit.mjs';
import { indexRebuild } from './index-rebuild.mjs';
import { manyQueues } from './many-queues.mjs';
import { restart } from './restart.mjs';
import { sequentialRead } from './sequential-read.mjs';
import { stalls } from './stalls.mjs';

const all = { groupCommit, batches, sequentialRead, manyQueues, stalls, indexRebuild, restart };
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(all);
const rows = [];
for (const name of names) rows.push(...(await all[name]()));
report(rows);
