import { fromErrorData } from '../../platform/errors.ts';
import type { Port } from '../../platform/threads.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { FromWorker, Proposal, QueueSpan, ToWorker } from './protocol.ts';

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Index rows asked of main at a time. */
const fetchEntries = 4096;

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

  append(topicId: number, count: number, body: Uint8Array): Promise<number> {
    return this.#ask(this.#changes, (id) => ({ type: 'append', id, topicId, count, body }));
  }

  /** Rows of the topic come from now on; the ranges say what lies before them. */
  follow(topicId: number): Promise<readonly QueueSpan[]> {
    return new Promise((resolve, reject) => {
      this.#follows.set(topicId, { resolve, reject });
      this.post({ type: 'follow', topicId });
    });
  }

  /** Index rows of all queues of a topic, [min, until) each, in log order. */
  async rows(topicId: number, until: readonly number[]): Promise<IndexRows> {
    const parts: IndexRows[] = [];
    for (const [queueId, end] of until.entries()) {
      let next = 0;
      while (next < end) {
        const rows = await this.#ask(this.#fetches, (requestId) => ({
          type: 'fetch-rows',
          requestId,
          topicId,
          queueId,
          fromOffset: next,
          maxEntries: fetchEntries,
        }));
        const part = before(rows, end);
        if (part.rowCount === 0) break;
        parts.push(part);
        const at = (part.rowCount - 1) * indexRowWidth;
        next = part.values[at + col.baseOffset]! + part.values[at + col.count]!;
      }
    }
    return inLogOrder(parts);
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

/** One list, ordered by physical position. */
export function inLogOrder(parts: readonly IndexRows[]): IndexRows {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const rows: Float64Array[] = [];
  for (const { values, rowCount: count } of parts) {
    for (let row = 0; row < count; row++) {
      rows.push(values.subarray(row * indexRowWidth, (row + 1) * indexRowWidth));
    }
  }
  rows.sort((a, b) => a[col.partition]! - b[col.partition]! || a[col.position]! - b[col.position]!);
  const values = new Float64Array(rowCount * indexRowWidth);
  for (const [row, cells] of rows.entries()) values.set(cells, row * indexRowWidth);
  return { rowCount, values };
}
