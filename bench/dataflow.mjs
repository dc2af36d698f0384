import { D2, groupBy, join, MultiSet, map, output } from '@tanstack/db-ivm';
import { defaultNexmarkConfig } from '../dist/connectors/cli/demo/nexmark/config.js';
import { nexmarkEvent } from '../dist/connectors/cli/demo/nexmark/event.js';
import { buildDataflow } from '../dist/engine/dataflow/build.js';
import { JsonDecoder } from '../dist/engine/formats/json-decoder.js';
import { batchOf } from '../dist/sql/columns/builder.js';
import { sliceBatch } from '../dist/sql/columns/gather.js';
import { planQuery } from '../dist/sql/plan/planner.js';
import { parseStatement } from '../dist/sql/syntax/parser.js';
import { against } from './measure.mjs';

const bigint = { kind: 'bigint' };
const text = { kind: 'text' };
const field = (name, type) => ({ name, type, nullable: true });

/** Nexmark bids as JSON bodies in one buffer, as a topic delivers them. */
export async function jsonDecode() {
  const bodies = [];
  for (let n = 0; bodies.length < 50_000; n++) {
    const { kind, body } = nexmarkEvent(defaultNexmarkConfig, n);
    if (kind === 'bid') bodies.push(body);
  }
  const fields = [
    field('auction', bigint),
    field('bidder', bigint),
    field('price', bigint),
    field('channel', text),
    field('url', text),
    field('date_time', { kind: 'timestamp' }),
    field('extra', text),
  ];
  const buffer = Buffer.from(bodies.join(''));
  const starts = new Int32Array(bodies.length);
  const lengths = Int32Array.from(bodies, (body) => body.length);
  for (let i = 1; i < bodies.length; i++) starts[i] = starts[i - 1] + lengths[i - 1];
  const decoder = new JsonDecoder(fields);
  const ours = () => decoder.decode(buffer, starts, lengths, bodies.length);
  const theirs = () => {
    for (let i = 0; i < bodies.length; i++) {
      JSON.parse(buffer.latin1Slice(starts[i], starts[i] + lengths[i]));
    }
  };
  const name = 'JSON decode, Nexmark bids';
  return rates(name, bodies.length, 'JSON.parse', await against(ours, theirs));
}

/** Cold and warm, each as rows a second beside the peer. */
function rates(name, rows, peer, measured) {
  return ['cold', 'warm'].map((state) => {
    const [ours, theirs] = measured[state];
    const ratio = theirs / ours;
    return { name: `${name}, ${state}`, value: rows / ours, unit: 'rows/s', peer, ratio };
  });
}

const relations = {
  l: { id: 1, name: 'l', fields: [field('k', bigint), field('v', bigint)] },
  r: { id: 2, name: 'r', fields: [field('k', bigint), field('w', bigint)] },
};
const catalog = {
  find: (name) => ({
    ...relations[name],
    kind: 'source',
    columns: relations[name].fields,
    primaryKey: [],
    appendOnly: false,
    writable: false,
  }),
  names: () => [],
};
const rowCount = 200_000;
const batchRows = 10_000;

function rowsOf(keys) {
  return Array.from({ length: rowCount }, (_, i) => [(i * 7919) % keys, i % 1000]);
}

function oursRun(query, tables) {
  const plan = planQuery(parseStatement(query), 'view', { catalog, text: query });
  const { root, inputs } = buildDataflow(plan.root, { mode: 'fail' });
  for (let from = 0; from < rowCount; from += batchRows) {
    for (const input of inputs) {
      const batch = tables[input.relationId];
      if (from < batch.rowCount)
        input.feed([sliceBatch(batch, from, Math.min(batchRows, batch.rowCount - from))]);
    }
    root.step();
  }
}

const toBatch = (relation, rows) =>
  batchOf(
    relation.fields,
    rows.map((row) => row.map(BigInt)),
  );

/** count and sum by 1,000 keys, in batches of 10,000 rows. */
export async function aggregate() {
  const rows = rowsOf(1000);
  const tables = { 1: toBatch(relations.l, rows) };
  const query = 'SELECT k, count(*), sum(v) FROM l GROUP BY k';
  const ours = () => oursRun(query, tables);
  const theirs = () => {
    const graph = new D2();
    const input = graph.newInput();
    input.pipe(
      groupBy(([k]) => ({ k }), {
        n: { preMap: () => 1, reduce: sumOf },
        s: { preMap: ([, v]) => v, reduce: sumOf },
      }),
      output(() => {}),
    );
    graph.finalize();
    for (let from = 0; from < rowCount; from += batchRows) {
      input.sendData(new MultiSet(rows.slice(from, from + batchRows).map((row) => [row, 1])));
      graph.run();
    }
  };
  return rates('GROUP BY, 1,000 groups', rowCount, 'db-ivm', await against(ours, theirs));
}

function sumOf(values) {
  let sum = 0;
  for (const [value, weight] of values) sum += value * weight;
  return sum;
}

/** 200,000 rows joined with 20,000 by key, one match each. */
export async function joins() {
  const keys = 20_000;
  const left = rowsOf(keys);
  const right = Array.from({ length: keys }, (_, k) => [k, k % 10]);
  const tables = { 1: toBatch(relations.l, left), 2: toBatch(relations.r, right) };
  const query = 'SELECT l.k, l.v, r.w FROM l JOIN r ON l.k = r.k';
  const ours = () => oursRun(query, tables);
  const theirs = () => {
    const graph = new D2();
    const a = graph.newInput();
    const b = graph.newInput();
    const keyed = (stream) => stream.pipe(map(([k, v]) => [k, v]));
    keyed(a).pipe(
      join(keyed(b), 'inner'),
      output(() => {}),
    );
    graph.finalize();
    for (let from = 0; from < rowCount; from += batchRows) {
      a.sendData(new MultiSet(left.slice(from, from + batchRows).map((row) => [row, 1])));
      const part = right.slice(from, from + batchRows);
      if (part.length > 0) b.sendData(new MultiSet(part.map((row) => [row, 1])));
      graph.run();
    }
  };
  return rates('join, one match per row', rowCount, 'db-ivm', await against(ours, theirs));
}
