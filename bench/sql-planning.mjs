import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDataflow } from '../dist/engine/dataflow/build.js';
import { resolveType } from '../dist/sql/analyze/context.js';
import { newContext, planQuery } from '../dist/sql/plan/planner.js';
import { parseStatement } from '../dist/sql/syntax/parser.js';
import { percentile } from './measure.mjs';

/**
 * `npm run build && node bench/sql-planning.mjs`: milliseconds from the text of a CREATE
 * MATERIALIZED VIEW to running operators (parse, plan, generate code), for every query of the
 * foreign scripts in ../shared/corpus/sqllogictest that we plan; each once, as a user sends it.
 */
const corpus = join(import.meta.dirname, '../../shared/corpus/sqllogictest');
if (!existsSync(corpus)) {
  process.stdout.write('../shared/corpus is not there\n');
  process.exit(0);
}

const empty = { find: () => undefined, names: () => [] };

function relationOf(sql, id) {
  const statement = parseStatement(sql);
  if (statement.kind !== 'create-relation') return undefined;
  const columns = statement.columns.map((column) => ({
    name: column.name.name,
    type: resolveType(newContext({ catalog: empty, text: sql }), column.typeName),
    nullable: true,
  }));
  const rest = { kind: 'table', primaryKey: [], appendOnly: false, writable: true };
  return { id, name: statement.name.parts[0].name, columns, ...rest };
}

function plan(query, relations) {
  const catalog = { find: (name) => relations.get(name), names: () => [...relations.keys()] };
  const text = `CREATE MATERIALIZED VIEW v AS ${query}`;
  const start = performance.now();
  const statement = parseStatement(text);
  const { root } = planQuery(statement.query, 'view', { catalog, text });
  buildDataflow(root, { mode: 'collect', text, onErrors: () => undefined });
  return performance.now() - start;
}

const times = [];
let refused = 0;
for (const file of readdirSync(corpus)) {
  const relations = new Map();
  for (const record of readFileSync(join(corpus, file), 'utf8').split(/\n\s*\n/)) {
    const [, directive, sql] =
      /^(?:.*\n)*?(statement|query).*\n([\s\S]*?)(?:\n----[\s\S]*)?$/.exec(record) ?? [];
    try {
      if (directive === 'statement' && /^\s*create table/i.test(sql)) {
        const relation = relationOf(sql, relations.size + 1);
        relations.set(relation.name, relation);
      } else if (directive === 'query') {
        times.push(plan(sql, relations));
      }
    } catch {
      refused++;
    }
  }
}
const at = (p) => percentile(times, p).toFixed(2);
process.stdout.write(
  `${times.length} queries planned, ${refused} refused; ms: median ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, max ${at(1)}\n`,
);
