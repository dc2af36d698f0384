import { fromErrorData } from '../../platform/errors.ts';
import type { Port } from '../../platform/threads.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { AppendedEntry, FromWorker, Proposal, QueueSpan, ToWorker } from './protocol.ts';

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Index rows asked of main at a time. */
const fetchEntries = 4096;
const noRows: IndexRows = { rowCount: 0, values: new Float64Array(0) };

/** Part of a logical queue: logical offsets [from, until). */
export interface Span {
  readonly topicId: number;
  readonly queueId: number;
  readonly from: number;
  readonly until: number;
}

/** Store time, then position: where times are equal the partition is the same. */
type Place = readonly [number, number];

/** What the worker asks of the main thread, as promises. */
export class PortClient {
  readonly #port: Port;
  readonly #changes = new Map<number, Waiter<number>>();
  readonly #fetches = new Map<number, Waiter<IndexRows>>();
  readonly #follows = new Map<number, Waiter<readonly QueueSpan[]>>();
  #nextId = 1;

  constructor(port: Port) {
    this.#port = port;
  }

  post(message: FromWorker): void {
    this.#port.post(message);
  }

  /** True when the message was an answer to one of our requests. */
  settle(message: ToWorker): boolean {
    switch (message.type) {
      case 'changed':
        return take(this.#changes, message.id)?.resolve(message.baseOffset) ?? true;
      case 'change-failed':
        return take(this.#changes, message.id)?.reject(fromErrorData(message.error)) ?? true;
      case 'fetched-rows':
        return take(this.#fetches, message.requestId)?.resolve(message.rows) ?? true;
      case 'fetch-failed':
        return take(this.#fetches, message.requestId)?.reject(fromErrorData(message.error)) ?? true;
      case 'followed':
        return take(this.#follows, message.topicId)?.resolve(message.ranges) ?? true;
      default:
        return false;
    }
  }

  propose(proposal: Proposal): Promise<number> {
    return this.#ask(this.#changes, (id) => ({ type: 'propose', id, proposal }));
  }

  /** Base offset of the entry, once it is durable. */
  append(entry: AppendedEntry): Promise<number> {
    return this.#ask(this.#changes, (id) => ({ type: 'append', id, entry }));
  }

  /** Rows of the topic come from now on; the ranges say what lies before them. */
  follow(topicId: number): Promise<readonly QueueSpan[]> {
    return new Promise((resolve, reject) => {
      this.#follows.set(topicId, { resolve, reject });
      this.post({ type: 'follow', topicId });
    });
  }

  /**
   * Index rows of all entries in the spans, in log order over all of them, a part at a time:
   * memory is bounded by the number of spans, not by their length.
   */
  async *rows(spans: readonly Span[]): AsyncGenerator<IndexRows> {
    const id = this.#nextId++;
    const held = spans.map(({ topicId, queueId, from }) => ({ topicId, queueId, from }));
    this.post({ type: 'hold', id, spans: held });
    try {
      yield* this.#rows(spans);
    } finally {
      this.post({ type: 'release', id });
    }
  }

  async *#rows(spans: readonly Span[]): AsyncGenerator<IndexRows> {
    const readers = spans.map((span) => ({
      ...span,
      rows: noRows,
      isDone: span.from >= span.until,
    }));
    for (;;) {
      await Promise.all(readers.map((reader) => this.#refill(reader)));
      const waiting = readers.filter(({ rows }) => rows.rowCount > 0);
      if (waiting.length === 0) return;
      // Below the first of the unfinished spans' last rows, nothing is missing.
      const ends = waiting.filter(({ isDone }) => !isDone).map(({ rows }) => lastPlace(rows));
      const bound = ends.sort(inOrder)[0];
      const parts = waiting.map((reader) => {
        const [part, rest] = splitAfter(reader.rows, bound);
        reader.rows = rest;
        return part;
      });
      yield inLogOrder(parts);
    }
  }

  async #refill(reader: Span & { rows: IndexRows; isDone: boolean; from: number }): Promise<void> {
    if (reader.isDone || reader.rows.rowCount > 0) return;
    const { topicId, queueId, from: fromOffset, until } = reader;
    const fetched = await this.#ask(this.#fetches, (requestId) => ({
      type: 'fetch-rows',
      requestId,
      topicId,
      queueId,
      fromOffset,
      maxEntries: fetchEntries,
    }));
    reader.rows = before(fetched, until);
    const { rowCount, values } = reader.rows;
    reader.isDone = rowCount < fetchEntries;
    if (rowCount === 0) return;
    const at = (rowCount - 1) * indexRowWidth;
    reader.from = values[at + col.baseOffset]! + values[at + col.count]!;
    if (reader.from >= until) reader.isDone = true;
  }

  #ask<T>(waiters: Map<number, Waiter<T>>, message: (id: number) => FromWorker): Promise<T> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      waiters.set(id, { resolve, reject });
      this.post(message(id));
    });
  }
}

function take<T>(waiters: Map<number, Waiter<T>>, id: number): Waiter<T> | undefined {
  const waiter = waiters.get(id);
  waiters.delete(id);
  return waiter;
}

/** The rows below offset `end`: entries never straddle it. */
function before(rows: IndexRows, end: number): IndexRows {
  let rowCount = 0;
  while (
    rowCount < rows.rowCount &&
    rows.values[rowCount * indexRowWidth + col.baseOffset]! < end
  ) {
    rowCount++;
  }
  return { rowCount, values: rows.values };
}

function lastPlace({ rowCount, values }: IndexRows): Place {
  return placeAt(values, (rowCount - 1) * indexRowWidth);
}

function placeAt(values: Float64Array, at: number): Place {
  return [values[at + col.storeTimeMs]!, values[at + col.position]!];
}

function inOrder(a: Place, b: Place): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** Rows up to `bound` and those after it; without a bound, all and none. */
function splitAfter(rows: IndexRows, bound: Place | undefined): [IndexRows, IndexRows] {
  if (bound === undefined) return [rows, noRows];
  const { rowCount, values } = rows;
  let count = 0;
  while (count < rowCount) {
    if (inOrder(placeAt(values, count * indexRowWidth), bound) > 0) break;
    count++;
  }
  const rest = values.subarray(count * indexRowWidth, rowCount * indexRowWidth);
  return [
    { rowCount: count, values },
    { rowCount: rowCount - count, values: rest },
  ];
}

/** One list, in the order of the appends. */
function inLogOrder(parts: readonly IndexRows[]): IndexRows {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const rows: Float64Array[] = [];
  for (const { values, rowCount: count } of parts) {
    for (let row = 0; row < count; row++) {
      rows.push(values.subarray(row * indexRowWidth, (row + 1) * indexRowWidth));
    }
  }
  rows.sort((a, b) => inOrder(placeAt(a, 0), placeAt(b, 0)));
  const values = new Float64Array(rowCount * indexRowWidth);
  for (const [row, cells] of rows.entries()) values.set(cells, row * indexRowWidth);
  return { rowCount, values };
}
