import type { CatalogueRecord, GroupCreated } from './catalogue-record.ts';

/** Offsets of the records of one topic that exists. */
interface TopicRecords {
  readonly created: number;
  /** Of the last settings that came after it. */
  settings: number | undefined;
  readonly grown: number[];
}

/** Offsets of the records of something that was dropped, which wait for topics to be gone. */
interface Leaving {
  readonly offsets: readonly number[];
  /** Topics of which the log still has something. */
  topics: number;
}

/**
 * Which records of the catalogue say nothing any more (catalogue-record.ts): the others, in their
 * order, give the same catalogue without them. Any part of them may be left out that has, with a
 * record, those of lower offsets, too.
 */
export class CatalogueHistory {
  /** By id; of most topics there is one record. */
  readonly #topics = new Map<number, number | TopicRecords>();
  readonly #groups = new Map<string, { readonly offset: number; readonly timeMs: number }>();
  readonly #users = new Map<string, number>();
  readonly #relations = new Map<number, { readonly offsets: number[]; readonly owned?: number }>();
  /** By the id of a topic that was dropped. */
  readonly #leaving = new Map<number, Leaving>();
  /** The youngest group that is gone: no later one of its name may be as old (groups.ts). */
  #youngest: { readonly timeMs: number; readonly offsets: readonly number[] } = {
    timeMs: 0,
    offsets: [],
  };
  #redundant: number[] = [];
  #records = 0;

  /** Of records that say nothing any more. */
  get redundant(): number {
    return this.#redundant.length;
  }

  /** Of records that say something. */
  get live(): number {
    return this.#records - this.#redundant.length;
  }

  /** Lowest offsets of records that say nothing any more, ascending. */
  lowest(count: number): readonly number[] {
    this.#redundant.sort((a, b) => a - b);
    return this.#redundant.slice(0, count);
  }

  /** `lowest(count)` are not asked for again. */
  trimmed(count: number): void {
    this.#redundant = this.#redundant.slice(count);
    this.#records -= count;
  }

  /** Nothing is left in the log of a topic that was dropped. */
  topicGone(topicId: number): void {
    const leaving = this.#leaving.get(topicId);
    if (leaving === undefined) return;
    this.#leaving.delete(topicId);
    leaving.topics--;
    if (leaving.topics === 0) this.#redundant.push(...leaving.offsets);
  }

  /** Every record, in order. */
  add(record: CatalogueRecord, offset: number): void {
    this.#records++;
    switch (record.op) {
      case 'topic-created':
        return this.#addTopic(record.topicId, offset);
      case 'topic-altered': {
        const topic = this.#topics.get(record.topicId);
        if (topic === undefined) this.#redundant.push(offset);
        else this.#recordsOf(record.topicId, topic).grown.push(offset);
        return;
      }
      case 'topic-dropped': {
        const topic = this.#topics.get(record.topicId);
        this.#topics.delete(record.topicId);
        this.#leave([...offsetsOf(topic), offset], [record.topicId]);
        return;
      }
      case 'group-created':
        return this.#addGroup(record, offset);
      case 'group-dropped':
        return this.#dropGroup(record.name, offset);
      case 'user-created':
      case 'user-dropped': {
        const before = this.#users.get(record.accessKey);
        if (before !== undefined) this.#redundant.push(before);
        if (record.op === 'user-created') this.#users.set(record.accessKey, offset);
        else {
          this.#users.delete(record.accessKey);
          this.#redundant.push(offset);
        }
        return;
      }
      case 'relation-created': {
        const { relationId, replaces, topicId, ownsTopic = false } = record;
        if (replaces !== undefined) this.#dropRelations([replaces], []);
        const owned = ownsTopic && topicId !== undefined ? { owned: topicId } : {};
        this.#relations.set(relationId, { offsets: [offset], ...owned });
        return;
      }
      case 'relation-renamed':
      case 'relation-altered': {
        const relation = this.#relations.get(record.relationId);
        if (relation === undefined) this.#redundant.push(offset);
        else relation.offsets.push(offset);
        return;
      }
      case 'relation-dropped':
        return this.#dropRelations(record.relationIds, [offset]);
    }
  }

  #addTopic(topicId: number, offset: number): void {
    const known = this.#topics.get(topicId);
    if (known === undefined) {
      this.#topics.set(topicId, offset);
      return;
    }
    const records = this.#recordsOf(topicId, known);
    if (records.settings !== undefined) this.#redundant.push(records.settings);
    records.settings = offset;
  }

  #recordsOf(topicId: number, known: number | TopicRecords): TopicRecords {
    if (typeof known !== 'number') return known;
    const records = { created: known, settings: undefined, grown: [] };
    this.#topics.set(topicId, records);
    return records;
  }

  #addGroup({ name, timeMs }: GroupCreated, offset: number): void {
    const before = this.#groups.get(name);
    if (before !== undefined) this.#redundant.push(before.offset);
    this.#groups.set(name, { offset, timeMs });
  }

  #dropGroup(name: string, offset: number): void {
    const group = this.#groups.get(name);
    this.#groups.delete(name);
    const offsets = group === undefined ? [offset] : [group.offset, offset];
    const timeMs = group?.timeMs ?? 0;
    const isYoungest = timeMs > this.#youngest.timeMs;
    this.#redundant.push(...(isYoungest ? this.#youngest.offsets : offsets));
    if (isYoungest) this.#youngest = { timeMs, offsets };
  }

  #dropRelations(relationIds: readonly number[], more: readonly number[]): void {
    const offsets = [...more];
    const owned: number[] = [];
    for (const relationId of relationIds) {
      const relation = this.#relations.get(relationId);
      if (relation === undefined) continue;
      this.#relations.delete(relationId);
      offsets.push(...relation.offsets);
      if (relation.owned !== undefined) owned.push(relation.owned);
    }
    this.#leave(offsets, owned);
  }

  #leave(offsets: readonly number[], topics: readonly number[]): void {
    if (topics.length === 0) this.#redundant.push(...offsets);
    const leaving: Leaving = { offsets, topics: topics.length };
    for (const topicId of topics) this.#leaving.set(topicId, leaving);
  }
}

function offsetsOf(topic: number | TopicRecords | undefined): readonly number[] {
  if (topic === undefined) return [];
  if (typeof topic === 'number') return [topic];
  const { created, settings, grown } = topic;
  return [created, ...grown, ...(settings === undefined ? [] : [settings])];
}
