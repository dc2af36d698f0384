import { recordId } from '../../engine/formats/packed-records.ts';
import type { SendReceipt } from './message.ts';

/** A batch that is acknowledged. */
export interface Acknowledged {
  readonly id: string;
  /** Of its first message, when the others follow it; of each, when they are on several queues. */
  readonly offsets: readonly number[];
}

/** The offset of the message at that place in its batch. */
export function offsetAt({ offsets }: Acknowledged, place: number): number {
  return offsets.length > 1 ? offsets[place]! : offsets[0]! + place;
}

/** What becomes of a batch. */
export class Fate {
  readonly known: Promise<Acknowledged>;
  readonly #resolve: (acknowledged: Acknowledged) => void;
  readonly #reject: (error: unknown) => void;
  #state: 'open' | 'acknowledged' | 'failed' = 'open';
  #watchers: Caught[] = [];

  constructor() {
    let resolveIt: (acknowledged: Acknowledged) => void = () => undefined;
    let rejectIt: (error: unknown) => void = () => undefined;
    this.known = new Promise((resolve, reject) => {
      resolveIt = resolve;
      rejectIt = reject;
    });
    this.#resolve = resolveIt;
    this.#reject = rejectIt;
  }

  resolve(acknowledged: Acknowledged): void {
    this.#state = 'acknowledged';
    this.#watchers = [];
    this.#resolve(acknowledged);
  }

  reject(error: unknown): void {
    this.#state = 'failed';
    const watchers = this.#watchers;
    this.#watchers = [];
    this.#reject(error);
    for (const watcher of watchers) watcher.result();
  }

  /** `watcher.result` is called if the batch fails. */
  watch(watcher: Caught): void {
    if (this.#state === 'failed') watcher.result();
    else if (this.#state === 'open') this.#watchers.push(watcher);
  }

  /** The receipt of the message at `place`. */
  async receipt(place: number): Promise<SendReceipt> {
    return new BatchReceipt(await this.known, place);
  }
}

class BatchReceipt implements SendReceipt {
  readonly #batch: Acknowledged;
  readonly #place: number;

  constructor(batch: Acknowledged, place: number) {
    this.#batch = batch;
    this.#place = place;
  }

  get messageId(): string {
    return recordId(this.#batch.id, this.#place);
  }

  get offset(): number {
    return offsetAt(this.#batch, this.#place);
  }
}

/**
 * The promise of a message is its batch's until somebody asks for it: a promise for each of a
 * million messages a second costs more than all else that is done for them.
 */
export class Sent implements Promise<SendReceipt> {
  readonly #fate: Fate;
  readonly #place: number;

  constructor(fate: Fate, place: number) {
    this.#fate = fate;
    this.#place = place;
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  then<A = SendReceipt, B = never>(
    onFulfilled?: ((receipt: SendReceipt) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#fate.receipt(this.#place).then(onFulfilled, onRejected);
  }

  catch<B = never>(
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<SendReceipt | B> {
    if (typeof onRejected !== 'function') return this.then(null, onRejected);
    return new Caught(this.#fate, this.#place, onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<SendReceipt> {
    return this.then().finally(onFinally);
  }
}

/**
 * What `catch` of a sent message gives. Nearly nobody looks at it, and nearly no batch fails: the
 * promise is made when either happens.
 */
class Caught<B = unknown> implements Promise<SendReceipt | B> {
  readonly #fate: Fate;
  readonly #place: number;
  readonly #onRejected: (error: unknown) => B | PromiseLike<B>;
  #result: Promise<SendReceipt | B> | undefined;

  constructor(fate: Fate, place: number, onRejected: (error: unknown) => B | PromiseLike<B>) {
    this.#fate = fate;
    this.#place = place;
    this.#onRejected = onRejected;
    fate.watch(this);
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  /** Always the same promise: the handler is called once. */
  result(): Promise<SendReceipt | B> {
    this.#result ??= this.#fate.receipt(this.#place).catch(this.#onRejected);
    return this.#result;
  }

  then<C = SendReceipt | B, D = never>(
    onFulfilled?: ((value: SendReceipt | B) => C | PromiseLike<C>) | null,
    onRejected?: ((error: unknown) => D | PromiseLike<D>) | null,
  ): Promise<C | D> {
    return this.result().then(onFulfilled, onRejected);
  }

  catch<D = never>(
    onRejected?: ((error: unknown) => D | PromiseLike<D>) | null,
  ): Promise<SendReceipt | B | D> {
    return this.result().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<SendReceipt | B> {
    return this.result().finally(onFinally);
  }
}
