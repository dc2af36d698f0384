import { createHash } from 'node:crypto';
import { nexmarkColumns } from '../dist/connectors/cli/demo/nexmark/columns.js';
import { defaultNexmarkConfig } from '../dist/connectors/cli/demo/nexmark/config.js';
import { nexmarkEvent } from '../dist/connectors/cli/demo/nexmark/event.js';
import { Arrangement } from '../dist/engine/dataflow/arrangement.js';
import { buildDataflow } from '../dist/engine/dataflow/build.js';
import { inputsOf, Meters, sizeOf } from '../dist/engine/dataflow/meter.js';
import { JsonDecoder } from '../dist/engine/formats/json-decoder.js';
import { resolveType } from '../dist/sql/analyze/context.js';
import { valueAt } from '../dist/sql/columns/read.js';
import { toText } from '../dist/sql/columns/text.js';
import { newContext, planQuery } from '../dist/sql/plan/planner.js';
import { parseStatement } from '../dist/sql/syntax/parser.js';
import { queries } from './nexmark-queries.mjs';

/**
 * `npm run build && node bench/nexmark.mjs [EVENTS] [QUERY ...]`: Nexmark on one core. Each query
 * is kept current as a view over EVENTS seeded events, 1,000 of them a step: `columns` from decoded
 * columns, `json` with the decoding of the messages' JSON. SHA-256 of the input (bodies, one a
 * line) and of each result (rows as text, sorted) make runs comparable. Below a query: what each of
 * its operators keeps, as EXPLAIN ANALYZE counts it, with indexes and room to grow.
 */
const events = Number(process.argv[2] ?? 100_000);
const chosen = process.argv.slice(3);
const stepEvents = 1000;
const kinds = ['person', 'auction', 'bid'];

const empty = { find: () => undefined, names: () => [] };
const relations = kinds.map((name, index) => {
  const statement = parseStatement(`CREATE TABLE ${name} (${nexmarkColumns[name]})`);
  const columns = statement.columns.map((column) => ({
    name: column.name.name,
    type: resolveType(newContext({ catalog: empty, text: '' }), column.typeName),
    nullable: true,
  }));
  const kind = { kind: 'source', primaryKey: [], appendOnly: true, writable: false };
  return { id: index + 1, name, columns, ...kind };
});
const catalog = {
  find: (name) => relations.find((relation) => relation.name === name),
  names: () => kinds,
};

/** Bodies of each step and kind in one buffer, as a topic delivers them. */
function generate() {
  const hash = createHash('sha256');
  const steps = [];
  for (let from = 0; from < events; from += stepEvents) {
    const bodies = kinds.map(() => []);
    for (let n = from; n < Math.min(from + stepEvents, events); n++) {
      const { kind, body } = nexmarkEvent(defaultNexmarkConfig, n);
      bodies[kinds.indexOf(kind)].push(Buffer.from(body));
      hash.update(body).update('\n');
    }
    steps.push(
      bodies.map((some) => {
        const lengths = Int32Array.from(some, ({ length }) => length);
        const starts = new Int32Array(some.length);
        for (let i = 1; i < some.length; i++) starts[i] = starts[i - 1] + lengths[i - 1];
        return { buffer: Buffer.concat(some), starts, lengths, count: some.length };
      }),
    );
  }
  return { steps, sha256: hash.digest('hex') };
}

function decode(step) {
  return step.map(({ buffer, starts, lengths, count }, index) => {
    return new JsonDecoder(relations[index].columns).decode(buffer, starts, lengths, count).batch;
  });
}

/** Lines about the state of each operator that has some. */
function states(name, batches) {
  const text = queries[name];
  const plan = planQuery(parseStatement(text), 'view', { catalog, text });
  const meters = new Meters(() => 0);
  const nodes = [];
  const observe = (node, operator, isPassing) => {
    if (!nodes.includes(node)) nodes.push(node);
    return meters.observe(node, operator, isPassing);
  };
  const { root, inputs } = buildDataflow(plan.root, { mode: 'fail', text, observe });
  for (const columns of batches) {
    for (const input of inputs) input.feed([columns[input.relationId - 1]]);
    root.step();
  }
  return nodes.flatMap((node) => {
    const { rows, bytes } = meters.report(node).state;
    if (rows === 0) return [];
    const columns = [...new Set(inputsOf(node).flatMap(({ fields }) => fields.map((f) => f.name)))];
    const each = `${Math.round(bytes / rows)} bytes a row`;
    return [`      ${node.kind} (${columns.join(', ')}): ${rows} rows, ${bytes} bytes, ${each}\n`];
  });
}

function run(name, steps, batches) {
  const text = queries[name];
  const planStart = performance.now();
  const plan = planQuery(parseStatement(text), 'view', { catalog, text });
  const failed = [];
  const onErrors = (errors) => failed.push(...errors);
  const dataflow = buildDataflow(plan.root, { mode: 'collect', text, onErrors });
  const planMs = performance.now() - planStart;
  const result = new Arrangement(plan.root.fields);
  const start = performance.now();
  for (const [index, step] of steps.entries()) {
    const columns = batches?.[index] ?? decode(step);
    for (const input of dataflow.inputs) input.feed([columns[input.relationId - 1]]);
    for (const delta of dataflow.root.step()) result.apply(delta);
  }
  const seconds = (performance.now() - start) / 1000;
  if (failed.length > 0) throw failed[0].error;
  const operators = sizeOf(dataflow.root);
  const rows = result.stateTables()[0].size;
  return { planMs, seconds, result, bytes: operators.bytes, held: operators.rows, rows };
}

function sha256(result) {
  const lines = [];
  for (const batch of result.snapshot()) {
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = batch.columns.map((column) => {
        const value = valueAt(column, row);
        return value === null ? '\\N' : toText(column.type, value);
      });
      for (let n = batch.weights[row]; n > 0; n--) lines.push(cells.join('\t'));
    }
  }
  const text = lines
    .sort()
    .map((line) => `${line}\n`)
    .join('');
  return { count: lines.length, hash: createHash('sha256').update(text).digest('hex') };
}

const { steps, sha256: input } = generate();
const batches = steps.map(decode);
process.stdout.write(`${events} events, sha256 ${input}\n`);
process.stdout.write(
  'query  plan ms   columns ev/s      json ev/s  state rows  state bytes  result rows  sha256\n',
);
for (const name of Object.keys(queries)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  try {
    run(name, steps, batches);
    const columns = run(name, steps, batches);
    const json = run(name, steps);
    const { count, hash } = sha256(columns.result);
    const cells = [
      name.padEnd(5),
      columns.planMs.toFixed(2).padStart(8),
      Math.round(events / columns.seconds)
        .toLocaleString('en')
        .padStart(14),
      Math.round(events / json.seconds)
        .toLocaleString('en')
        .padStart(14),
      String(columns.held).padStart(11),
      String(columns.bytes).padStart(12),
      String(count).padStart(12),
      ` ${hash}`,
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
    for (const line of states(name, batches)) process.stdout.write(line);
  } catch (error) {
    process.stdout.write(`${name.padEnd(5)} not run: ${error.message}\n`);
  }
}
