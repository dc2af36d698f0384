import type { Catalog, Relation } from '../../sql/analyze/catalog.ts';
import { errorsName, errorsRelation } from './error-rows.ts';
import type { RelationNode } from './nodes.ts';

export interface TopicInfo {
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

/** The worker's catalogue: every relation by id and by name, and the topics. */
export class Catalogue implements Catalog {
  readonly nodes = new Map<number, RelationNode>();
  readonly views = new Map<number, PlainView>();
  readonly topics = new Map<string, TopicInfo>();

  find(name: string): Relation | undefined {
    for (const { relation, errors } of this.nodes.values()) {
      if (relation.name === name) return visible(relation);
      if (errors !== undefined && errorsName(relation.name) === name) {
        return errorsRelation(relation, errors);
      }
    }
    for (const { relation } of this.views.values()) if (relation.name === name) return relation;
    return undefined;
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

  nameOf(id: number): string {
    return (this.nodes.get(id) ?? this.views.get(id))?.relation.name ?? `relation ${id}`;
  }
}

/** Without the hidden key of a table that has no PRIMARY KEY. */
export function visible(relation: Relation): Relation {
  const columns = relation.columns.filter(({ name }) => !name.startsWith('$'));
  return columns.length === relation.columns.length ? relation : { ...relation, columns };
}

/** The catalogue as one analysis sees it, noting what it looks at. */
export class TrackingCatalog implements Catalog {
  readonly seen = new Set<number>();
  readonly #catalogue: Catalogue;
  readonly #change: (relation: Relation) => Relation;

  constructor(catalogue: Catalogue, change: (relation: Relation) => Relation = (same) => same) {
    this.#catalogue = catalogue;
    this.#change = change;
  }

  find(name: string): Relation | undefined {
    const relation = this.#catalogue.find(name);
    if (relation === undefined) return undefined;
    this.seen.add(Math.abs(relation.id));
    return this.#change(relation);
  }

  names(): readonly string[] {
    return this.#catalogue.names();
  }
}
