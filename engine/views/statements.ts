import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import { type Context, complain, unsupported } from '../../sql/analyze/context.ts';
import { findTable } from '../../sql/analyze/dml.ts';
import { Parameters } from '../../sql/analyze/parameters.ts';
import { checkSchemas } from '../../sql/analyze/schemas.ts';
import { defineFunction } from '../../sql/analyze/sql-functions.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { typeName } from '../../sql/columns/type-name.ts';
import type { Field, SqlValue } from '../../sql/columns/types.ts';
import { asTranslated, type ScriptStatement } from '../../sql/dialects/script.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { newContext } from '../../sql/plan/planner.ts';
import type { QualifiedName, Query } from '../../sql/syntax/ast.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import { quote } from '../../sql/syntax/printer.ts';
import type {
  AlterTable,
  ChangingWith,
  CreateFunction,
  CreateIndex,
  CreateRelation,
  CreateSink,
  CreateTableAs,
  CreateView,
  Drop,
  Rename,
  Statement,
} from '../../sql/syntax/statement-ast.ts';
import { exactKey } from '../formats/keyed-rows.ts';
import { runOnce } from './ad-hoc.ts';
import { planAdHoc } from './ad-hoc-plan.ts';
import { alterationOf } from './altered-tables.ts';
import { type Catalogue, TrackingCatalog } from './catalogue.ts';
import { checkName, withReturned } from './changing-with.ts';
import { checkPresentRows } from './constraints.ts';
import { defineIndex, defineRelation, defineView } from './definitions.ts';
import { type DmlRun, runDml } from './dml.ts';
import { droppedBy } from './drops.ts';
import { explain, explainFields } from './explain.ts';
import { TableNode } from './nodes.ts';
import { QueryBudget } from './query-budget.ts';
import { checkReplacement, renameOf, replacedView } from './renames.ts';
import type { Answer } from './result-streams.ts';
import type { Session } from './session.ts';
import { describeFields, describeRelation, describeTopic, show } from './show.ts';
import { defineSink } from './sink-definition.ts';
import type { SqlEngine } from './sql-engine.ts';
import { alterTopic, createTopic, dropTopics } from './topic-statements.ts';

/** Runs the statements of a text one after another. */
export class Statements {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async run(
    statements: readonly ScriptStatement[],
    answer: Answer,
    session: Session,
    /** What `$1` and so on stand for in each of them. */
    values: readonly (string | null)[] = [],
  ): Promise<void> {
    if (statements.length === 0) return answer.done('');
    for (const [index, { statement, text, translated }] of statements.entries()) {
      await this.#engine.steps.caughtUp();
      const isLast = index === statements.length - 1;
      const parameters = new Parameters(values);
      await this.#one(
        statement,
        text,
        isLast ? answer : quietly(answer),
        session,
        parameters,
      ).catch((error) => {
        throw translated && error instanceof MillraceError ? asTranslated(error, text) : error;
      });
    }
  }

  async #one(
    statement: Statement,
    script: string,
    answer: Answer,
    session: Session,
    parameters: Parameters,
  ): Promise<void> {
    const { catalogue } = this.#engine;
    const context = newContext({ catalog: catalogue, text: script });
    checkSchemas(context, statement);
    switch (statement.kind) {
      case 'query':
        return this.#query(statement, script, answer, this.#bounds(answer, session, parameters));
      case 'create-topic':
        await createTopic(this.#engine, context, statement);
        return answer.done('CREATE TOPIC');
      case 'alter-topic':
        await alterTopic(this.#engine, context, statement);
        return answer.done('ALTER TOPIC');
      case 'create-relation':
        return this.#createRelation(context, statement, script, answer);
      case 'create-view':
        return this.#createView(context, statement, script, answer);
      case 'drop':
        if (statement.object !== 'topic') return this.#drop(context, statement, answer);
        await dropTopics(this.#engine, context, statement);
        return answer.done('DROP TOPIC');
      case 'create-table-as':
        return this.#createTableAs(
          statement,
          script,
          answer,
          this.#bounds(answer, session, parameters),
        );
      case 'truncate': {
        for (const table of statement.tables) findTable(context, table);
        const bounds = this.#bounds(answer, session, parameters);
        for (const table of statement.tables) {
          const all = { kind: 'delete', table, using: [], span: statement.span } as const;
          await runDml(this.#engine, all, script, bounds);
        }
        return answer.done('TRUNCATE TABLE');
      }
      case 'insert':
      case 'update':
      case 'delete':
      case 'merge': {
        const bounds = this.#bounds(answer, session, parameters);
        const { count, returned } = await runDml(this.#engine, statement, script, bounds);
        const verb = statement.kind === 'insert' ? 'INSERT 0' : statement.kind.toUpperCase();
        const tag = `${verb} ${count}`;
        if (returned === undefined) return answer.done(tag, count);
        return answer.rows(returned.fields, [returned.batch], tag);
      }
      case 'changing-with':
        return this.#changingWith(
          context,
          statement,
          script,
          answer,
          this.#bounds(answer, session, parameters),
        );
      case 'flush':
        return answer.done('FLUSH');
      case 'explain': {
        const lines = await explain(this.#engine, statement, context, answer);
        const rows = lines.map((line) => [line]);
        return reply(answer, explainFields, rows, 'EXPLAIN');
      }
      case 'create-function':
        return this.#createFunction(context, statement, script, answer);
      case 'create-sink':
        return this.#createSink(context, statement, script, answer);
      case 'create-index':
        return this.#createIndex(context, statement, script, answer);
      case 'rename':
        return this.#rename(context, statement, answer);
      case 'alter-table':
        return this.#alterTable(context, statement, answer);
      case 'show': {
        const { fields, rows } = show(catalogue, statement, context, session);
        return reply(answer, fields, rows, 'SHOW');
      }
      case 'describe': {
        const rows =
          statement.object === 'topic'
            ? describeTopic(catalogue, statement.name, context)
            : describeRelation(catalogue, statement.name, context);
        return reply(answer, describeFields, rows, 'DESCRIBE');
      }
      case 'set':
        session.set(context, statement);
        return answer.done('SET');
    }
  }

  #bounds(answer: Answer, session: Session, parameters: Parameters): DmlRun {
    const budget = new QueryBudget(this.#engine.clock, session.budget);
    return { isCancelled: () => answer.isCancelled, budget, parameters };
  }

  /** The table as its columns' types say, then one INSERT of the rows. */
  async #createTableAs(
    node: CreateTableAs,
    script: string,
    answer: Answer,
    bounds: DmlRun,
  ): Promise<void> {
    const { catalogue, client } = this.#engine;
    const { parameters } = bounds;
    const context = newContext({ catalog: catalogue, text: script });
    const name = newName(catalogue, node.name, node.ifNotExists, context);
    if (name === undefined) return answer.done('CREATE TABLE AS');
    const sql = tableAsText(
      context,
      node,
      planAdHoc(catalogue, node.query, script, { parameters }),
    );
    const table = parseStatement(sql);
    assert(table.kind === 'create-relation', 'the text of a table');
    const inside = newContext({ catalog: catalogue, text: sql });
    await this.#createRelation(inside, table, sql, quietly(answer));
    const rows = { kind: 'insert', table: node.name, columns: [], span: node.span } as const;
    try {
      const { count } =
        node.noData === true
          ? { count: 0 }
          : await runDml(this.#engine, { ...rows, source: node.query }, script, bounds);
      answer.done(node.noData === true ? 'CREATE TABLE AS' : `SELECT ${count}`, count);
    } catch (error) {
      const { id } = catalogue.find(name)!;
      await client.propose({ op: 'drop-relations', relationIds: [id] });
      throw error;
    }
  }

  async #query(
    query: Query,
    script: string,
    answer: Answer,
    bounds: DmlRun,
    catalogue: Pick<Catalogue, 'find' | 'names' | 'findFunction'> = this.#engine.catalogue,
  ): Promise<void> {
    const { reader, clock } = this.#engine;
    const { parameters, ...limits } = bounds;
    const plan = planAdHoc(catalogue, query, script, { nowMs: clock.nowMs(), parameters });
    const batches = await runOnce(plan, { reader, clock, text: script, ...limits });
    const fields = plan.root.fields.slice(0, plan.visibleColumns);
    const count = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
    answer.rows(fields, batches, `SELECT ${count}`);
  }

  /** The rows are answered when the change is durable. */
  async #changingWith(
    context: Context,
    node: ChangingWith,
    script: string,
    answer: Answer,
    bounds: DmlRun,
  ): Promise<void> {
    const { catalogue } = this.#engine;
    checkName(context, catalogue, node);
    let reply = () => {};
    const held = quietly(answer, (...rows) => {
      reply = () => answer.rows(...rows);
    });
    await runDml(this.#engine, node.change, script, bounds, async (returned) => {
      const inside = withReturned(context, catalogue, node, returned);
      await this.#query(node.query, script, held, bounds, inside);
    });
    reply();
  }

  async #createRelation(
    context: Context,
    node: CreateRelation,
    script: string,
    answer: Answer,
  ): Promise<void> {
    const tag = `CREATE ${node.relation.toUpperCase()}`;
    const name = newName(this.#engine.catalogue, node.name, node.ifNotExists, context);
    if (name === undefined) return answer.done(tag);
    const { topic, columns, primaryKey } = defineRelation(context, node);
    const sql = script.slice(node.span.start, node.span.end);
    if (topic === undefined) {
      // Without a PRIMARY KEY the hidden one comes after the columns; it is a bigint.
      const key = primaryKey.length > 0 ? exactKey(columns, primaryKey) : [columns.length];
      // Rows that only come all stay.
      const keyColumns = key === undefined || node.appendOnly ? {} : { keyColumns: key };
      return this.#adopt({ name, sql, ownsTopic: true, ...keyColumns }, [], tag, answer);
    }
    const info = this.#engine.catalogue.topics.get(topic);
    if (info === undefined) {
      const { span } = node.options.find((option) => option.name === 'topic')!;
      throw complain(context, span, `topic "${topic}" does not exist`, {
        code: 'TOPIC_NOT_FOUND',
        sqlState: '42704',
        hint: `Create it first: CREATE TOPIC "${topic}".`,
      });
    }
    const { topicId } = info;
    return this.#adopt({ name, sql, topicId }, [topicId], tag, answer);
  }

  async #createView(
    context: Context,
    node: CreateView,
    script: string,
    answer: Answer,
  ): Promise<void> {
    const tag = node.materialized ? 'CREATE MATERIALIZED VIEW' : 'CREATE VIEW';
    const { catalogue } = this.#engine;
    const replaced = node.orReplace ? replacedView(catalogue, node, context) : undefined;
    const name =
      replaced === undefined
        ? newName(catalogue, node.name, node.ifNotExists, context)
        : replaced.name;
    if (name === undefined) return answer.done(tag);
    const { columns, dependsOn } = defineView(catalogue, script, node);
    catalogue.checkReadable(dependsOn);
    const reads = catalogue.sourceTopics(dependsOn);
    if (replaced !== undefined) checkReplacement(context, node, replaced, columns);
    const sql = script.slice(node.span.start, node.span.end);
    const replaces = replaced === undefined ? {} : { replaces: replaced.id };
    return this.#adopt({ name, sql, ...replaces }, reads, tag, answer);
  }

  async #createFunction(
    context: Context,
    node: CreateFunction,
    script: string,
    answer: Answer,
  ): Promise<void> {
    const { name, span } = node.name.parts.at(-1)!;
    const { parameters } = defineFunction(
      { ...context, catalog: new TrackingCatalog(this.#engine.catalogue) },
      node,
    );
    if (this.#engine.catalogue.findFunction(name, parameters.length) !== undefined) {
      const message = `function "${name}" already exists with ${parameters.length} parameters`;
      throw complain(context, span, message, { code: 'ALREADY_EXISTS', sqlState: '42723' });
    }
    const sql = script.slice(node.span.start, node.span.end);
    return this.#adopt({ name, sql }, [], 'CREATE FUNCTION', answer);
  }

  async #createSink(
    context: Context,
    node: CreateSink,
    script: string,
    answer: Answer,
  ): Promise<void> {
    const { catalogue } = this.#engine;
    const name = newName(catalogue, node.name, node.ifNotExists, context);
    if (name === undefined) return answer.done('CREATE SINK');
    const { dependsOn, target } = defineSink(context, catalogue, node);
    catalogue.checkReadable(dependsOn);
    const reads = catalogue.sourceTopics(dependsOn);
    const sql = script.slice(node.span.start, node.span.end);
    return this.#adopt({ name, sql, targetTopicId: target.topicId }, reads, 'CREATE SINK', answer);
  }

  async #createIndex(
    context: Context,
    node: CreateIndex,
    script: string,
    answer: Answer,
  ): Promise<void> {
    const { catalogue } = this.#engine;
    const { name, tableId, columns, unique } = defineIndex(context, catalogue, node);
    const span = node.name?.span ?? node.table.span;
    const free = newName(
      catalogue,
      { parts: [{ name, span, quoted: true }], span },
      node.ifNotExists,
      context,
    );
    if (free === undefined) return answer.done('CREATE INDEX');
    if (unique) {
      const table = catalogue.nodes.get(tableId)!;
      const sink = catalogue.sinkInto(table.topicId);
      if (sink !== undefined) {
        const what = `a unique index on "${table.relation.name}", into which sink "${sink}" writes`;
        throw unsupported(context, node.table.span, what);
      }
      checkPresentRows(table, name, columns);
    }
    const sql = script.slice(node.span.start, node.span.end);
    return this.#adopt({ name, sql }, [], 'CREATE INDEX', answer);
  }

  async #rename(context: Context, node: Rename, answer: Answer): Promise<void> {
    const record = renameOf(context, this.#engine.catalogue, node);
    if (record !== undefined) {
      await this.#engine.client.propose({ op: 'rename-relation', record });
      await this.#engine.adopt({});
    }
    answer.done(`ALTER ${node.object.toUpperCase()}`);
  }

  /** No sink writes into the table meanwhile. */
  async #alterTable(context: Context, node: AlterTable, answer: Answer): Promise<void> {
    const { catalogue, client, tableLocks, steps, clock } = this.#engine;
    const tag = 'ALTER TABLE';
    if (node.ifExists && catalogue.find(node.name.parts.at(-1)!.name) === undefined) {
      return answer.done(tag);
    }
    const table = catalogue.node(findTable(context, node.name).id);
    assert(table instanceof TableNode, 'a table that takes rows');
    await tableLocks.run(table.topicId, async () => {
      await steps.caughtUp();
      const now = { ...context, nowMs: clock.nowMs() };
      const alteration = alterationOf(now, catalogue, node, table);
      if (alteration === undefined) return;
      const { record, indexIds } = alteration;
      if (indexIds.length > 0) {
        await client.propose({ op: 'drop-relations', relationIds: indexIds });
      }
      await client.propose({ op: 'alter-relation', record });
      await this.#engine.adopt({});
    });
    answer.done(tag);
  }

  async #adopt(
    record: {
      name: string;
      sql: string;
      topicId?: number;
      ownsTopic?: boolean;
      targetTopicId?: number;
      keyColumns?: readonly number[];
      replaces?: number;
    },
    reads: readonly number[],
    tag: string,
    answer: Answer,
  ): Promise<void> {
    await this.#engine.client.propose({ op: 'create-relation', record, reads });
    await this.#engine.adopt({
      onProgress: (done, total) => answer.progress(done, total),
      isCancelled: () => answer.isCancelled,
    });
    answer.done(tag);
  }

  async #drop(context: Context, node: Drop, answer: Answer): Promise<void> {
    const { catalogue, client } = this.#engine;
    const relationIds = droppedBy(context, catalogue, node);
    if (relationIds.length > 0) await client.propose({ op: 'drop-relations', relationIds });
    answer.done(`DROP ${node.object.toUpperCase()}`);
  }
}

/** For a statement whose result nobody is shown, or nobody yet. */
function quietly(answer: Answer, rows: Answer['rows'] = () => {}): Answer {
  return {
    progress: answer.progress,
    get isCancelled() {
      return answer.isCancelled;
    },
    rows,
    done: () => {},
  };
}

/** CREATE TABLE with the query's columns. */
function tableAsText(context: Context, node: CreateTableAs, plan: QueryPlan): string {
  const fields = plan.root.fields.slice(0, plan.visibleColumns);
  const surplus = node.columns[fields.length];
  if (surplus !== undefined) {
    throw complain(context, surplus.span, 'too many column names were specified', {
      sqlState: '42601',
    });
  }
  const columns = fields.map(({ name, type }, index) => {
    return `${quote(node.columns[index]?.name ?? name)} ${typeName(type)}`;
  });
  return `CREATE TABLE ${quote(node.name.parts.at(-1)!.name)} (${columns.join(', ')})`;
}

function reply(
  answer: Answer,
  fields: readonly Field[],
  rows: readonly (readonly SqlValue[])[],
  tag: string,
): void {
  answer.rows(fields, [batchOf(fields, rows)], tag);
}

/** `undefined` when it exists and that is fine. */
function newName(
  catalogue: Catalogue,
  { parts, span }: QualifiedName,
  ifNotExists: boolean,
  context: Context,
): string | undefined {
  const { name } = parts.at(-1)!;
  if (name.includes('$')) {
    throw complain(context, span, `"${name}": "$" is reserved in relation names`, {
      sqlState: '42602',
    });
  }
  if (catalogue.isFree(name)) return name;
  if (ifNotExists) return undefined;
  throw complain(context, span, `relation "${name}" already exists`, {
    code: 'ALREADY_EXISTS',
    sqlState: '42P07',
    hint: 'Use IF NOT EXISTS, or drop it first.',
  });
}
