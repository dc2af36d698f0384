import type { Catalog, Relation } from '../../sql/analyze/catalog.ts';
import type { SqlFunction } from '../../sql/analyze/sql-functions.ts';
import type { Expression, Identifier } from '../../sql/syntax/ast.ts';
import type { RelationRenamed, TopicRetention, TopicStart } from '../broker/catalogue-record.ts';
import { errorsName, errorsRelation } from './error-rows.ts';
import { informationSchema } from './information-schema.ts';
import { LostNode } from './lost-node.ts';
import type { RelationNode } from './nodes.ts';

export interface TopicInfo extends TopicRetention {
  readonly topicId: number;
  readonly name: string;
  readonly queues: number;
}

/** A plain view: no state, expanded where it is used. */
export interface PlainView {
  readonly relation: Relation;
  readonly sql: string;
  readonly dependsOn: readonly number[];
}

/** CREATE INDEX: columns of a relation by which its rows are found. */
export interface Index {
  readonly id: number;
  readonly name: string;
  readonly sql: string;
  readonly tableId: number;
  readonly columns: readonly number[];
  readonly unique: boolean;
}

/** The worker's catalogue: every relation by id and by name, and the topics. */
export class Catalogue implements Catalog {
  readonly nodes = new Map<number, RelationNode>();
  readonly views = new Map<number, PlainView>();
  readonly indexes = new Map<number, Index>();
  readonly functions = new Map<number, SqlFunction & { readonly sql: string }>();
  readonly topics = new Map<string, TopicInfo>();
  /** Where relations began that were made when part of their topics had expired, by id. */
  readonly starts = new Map<number, readonly TopicStart[]>();

  findFunction(name: string, parameters?: number): SqlFunction | undefined {
    return [...this.functions.values()].find(
      (item) =>
        item.name === name && (parameters === undefined || item.parameters.length === parameters),
    );
  }

  find(name: string): Relation | undefined {
    for (const { relation, errors } of this.nodes.values()) {
      if (relation.name === name && relation.kind !== 'sink') return visible(relation);
      if (errors !== undefined && errorsName(relation.name) === name) {
        return errorsRelation(relation, errors);
      }
    }
    for (const { relation } of this.views.values()) if (relation.name === name) return relation;
    return informationSchema(this, name);
  }

  /** A sink is no relation that a query can name. */
  findSink(name: string): Relation | undefined {
    for (const { relation } of this.nodes.values()) {
      if (relation.kind === 'sink' && relation.name === name) return relation;
    }
    return undefined;
  }

  /** Name of a sink that writes into the topic. */
  sinkInto(topicId: number | undefined): string | undefined {
    for (const node of this.nodes.values()) {
      if (node.targetTopicId !== undefined && node.targetTopicId === topicId) {
        return node.relation.name;
      }
    }
    return undefined;
  }

  /** True when nothing that a user made has the name. */
  isFree(name: string): boolean {
    return (
      this.find(name) === undefined &&
      this.findIndex(name) === undefined &&
      this.findSink(name) === undefined
    );
  }

  /** Topics that the rows of relations come from, through others. */
  topicsOf(ids: readonly number[]): readonly number[] {
    const topics = new Set<number>();
    const visit = (id: number) => {
      const item = this.nodes.get(id) ?? this.views.get(id);
      if (item === undefined) return;
      const topicId = this.nodes.get(id)?.topicId;
      if (topicId !== undefined) topics.add(topicId);
      item.dependsOn.forEach(visit);
    };
    ids.forEach(visit);
    return [...topics];
  }

  findIndex(name: string): Index | undefined {
    return [...this.indexes.values()].find((index) => index.name === name);
  }

  addIndex(index: Index): void {
    this.indexes.set(index.id, index);
    // One that could not be built (unbuilt-node.ts).
    if (index.columns.length === 0) return;
    const node = this.nodes.get(index.tableId);
    node?.indexes?.add(index.columns);
    if (node === undefined || !index.unique) return;
    const unique = { name: index.name, columns: index.columns };
    node.relation = { ...node.relation, uniques: [...(node.relation.uniques ?? []), unique] };
  }

  dropIndex(id: number): void {
    const index = this.indexes.get(id);
    if (index === undefined) return;
    this.indexes.delete(id);
    if (index.columns.length === 0) return;
    const node = this.nodes.get(index.tableId);
    node?.indexes?.drop(index.columns);
    if (node === undefined || !index.unique) return;
    const uniques = (node.relation.uniques ?? []).filter(({ name }) => name !== index.name);
    node.relation = { ...node.relation, uniques };
  }

  rename({ relationId: id, name, column }: Omit<RelationRenamed, 'op'>): void {
    const index = this.indexes.get(id);
    if (index !== undefined) {
      this.dropIndex(id);
      this.addIndex({ ...index, name: name ?? index.name });
      return;
    }
    const change = (relation: Relation): Relation => renamed(relation, name, column);
    const node = this.nodes.get(id);
    if (node !== undefined) node.relation = change(node.relation);
    const view = this.views.get(id);
    if (view !== undefined) this.views.set(id, { ...view, relation: change(view.relation) });
  }

  names(): readonly string[] {
    return this.relations().map(({ name }) => name);
  }

  relations(): readonly Relation[] {
    return [...this.nodes.values(), ...this.views.values()]
      .map(({ relation }) => visible(relation))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The node whose rows relation `id` shows; a negative id is that of a relation of errors. */
  node(id: number): RelationNode | undefined {
    return this.nodes.get(Math.abs(id));
  }

  sqlOf(id: number): string | undefined {
    return (
      this.nodes.get(id) ??
      this.views.get(id) ??
      this.indexes.get(id) ??
      this.functions.get(id)
    )?.sql;
  }

  /** Ids of those that read relation `id`, directly or through others. */
  dependants(id: number): readonly number[] {
    const found = new Set<number>();
    const visit = (of: number) => {
      for (const item of [...this.nodes.values(), ...this.views.values()]) {
        if (!item.dependsOn.includes(of) || found.has(item.relation.id)) continue;
        found.add(item.relation.id);
        visit(item.relation.id);
      }
    };
    visit(id);
    return [...found];
  }

  /** Topics that a relation reads as sources, for which their whole log is its input. */
  sourceTopics(ids: readonly number[]): readonly number[] {
    const topics = new Set<number>();
    for (const id of ids) {
      const node = this.nodes.get(Math.abs(id));
      const view = this.views.get(id);
      if (view !== undefined)
        for (const topicId of this.sourceTopics(view.dependsOn)) topics.add(topicId);
      if (node?.relation.kind === 'source' && node.topicId !== undefined) topics.add(node.topicId);
    }
    return [...topics];
  }

  /** Throws CORRUPTION when the state of one of the relations is lost, or why one stopped. */
  checkReadable(ids: readonly number[]): void {
    for (const id of ids) {
      const node = this.node(id);
      if (node instanceof LostNode) node.snapshot();
      if (node?.failure !== undefined) throw node.failure;
      this.checkReadable(this.views.get(id)?.dependsOn ?? []);
    }
  }

  nameOf(id: number): string {
    return (
      (this.nodes.get(id) ?? this.views.get(id))?.relation.name ??
      this.indexes.get(id)?.name ??
      this.functions.get(id)?.name ??
      `relation ${id}`
    );
  }
}

/** Without the hidden key of a table that has no PRIMARY KEY. */
export function visible(relation: Relation): Relation {
  const columns = relation.columns.filter(({ name }) => !name.startsWith('$'));
  return columns.length === relation.columns.length ? relation : { ...relation, columns };
}

function renamed(
  relation: Relation,
  name: string | undefined,
  column: RelationRenamed['column'],
): Relation {
  if (name !== undefined) return { ...relation, name };
  if (column === undefined) return relation;
  const { from, to } = column;
  return {
    ...relation,
    columns: relation.columns.map((item) => ({
      ...item,
      name: item.name === from ? to : item.name,
      ...(item.generated === undefined ? {} : { generated: withColumn(item.generated, from, to) }),
    })),
    ...(relation.checks === undefined
      ? {}
      : {
          checks: relation.checks.map(({ name: check, expression }) => ({
            name: check,
            expression: withColumn(expression, from, to),
          })),
        }),
  };
}

/** The expression with a column's new name for its old one. */
export function withColumn(expression: Expression, from: string, to: string): Expression {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const node = value as { readonly kind?: string; readonly parts?: readonly Identifier[] };
    if (node.kind === 'column' && node.parts?.at(-1)?.name === from) {
      const last = { ...node.parts.at(-1)!, name: to };
      return { ...node, parts: [...node.parts.slice(0, -1), last] };
    }
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, walk(part)]));
  };
  return walk(expression) as Expression;
}

/** The catalogue as one analysis sees it, noting what it looks at. */
export class TrackingCatalog implements Catalog {
  readonly seen: Set<number>;
  /** What each name meant. */
  readonly found = new Map<string, Relation>();
  readonly #source: Pick<Catalog, 'find' | 'names' | 'findFunction'>;
  readonly #change: (relation: Relation) => Relation;

  constructor(
    source: Pick<Catalog, 'find' | 'names' | 'findFunction'>,
    change: (relation: Relation) => Relation = (same) => same,
    seen = new Set<number>(),
  ) {
    this.#source = source;
    this.#change = change;
    this.seen = seen;
  }

  find(name: string): Relation | undefined {
    const relation = this.#source.find(name);
    if (relation === undefined) return undefined;
    this.seen.add(Math.abs(relation.id));
    this.found.set(name, relation);
    return this.#change(relation);
  }

  names(): readonly string[] {
    return this.#source.names();
  }

  findFunction(name: string, parameters: number): SqlFunction | undefined {
    const found = this.#source.findFunction?.(name, parameters);
    if (found !== undefined) this.seen.add(found.id);
    return found;
  }

  bound(relations: ReadonlyMap<string, Relation>): Catalog {
    const source = {
      find: (name: string) => relations.get(name),
      names: () => [...relations.keys()],
      findFunction: (name: string, count: number) => this.#source.findFunction?.(name, count),
    };
    return new TrackingCatalog(source, this.#change, this.seen);
  }
}
