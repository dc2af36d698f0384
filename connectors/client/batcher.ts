import type { Clock, Timer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Message } from './message.ts';
import { type BatchTarget, PackedBatch } from './packed-request.ts';

export interface BatchOptions {
  /** A message waits so long for others to go with. 5. */
  readonly lingerMs?: number;
  /** 2,000. */
  readonly maxBatchMessages?: number;
  /** 256 KiB. */
  readonly maxBatchBytes?: number;
  /** Requests under way; of one message group or one queue it is one. 4. */
  readonly maxInFlight?: number;
  /** Bytes that wait for their acknowledgement; beyond it `ready` waits. 16 MiB. */
  readonly maxPendingBytes?: number;
}

/** The message that makes a batch full may be as large as any. */
const batchBytesMax = limits.entryBytesMax - 2 * limits.messageBodyBytesMax;

/** A batch that is acknowledged: its id, and the offset of its first message. */
export interface Acknowledged {
  readonly id: string;
  readonly offset: number;
}

type Done = (acknowledged: Acknowledged, place: number) => void;
type Failed = (error: unknown) => void;

interface OpenBatch {
  readonly lane: Lane;
  readonly packed: PackedBatch;
  readonly done: Done[];
  readonly failed: Failed[];
}

/** Batches of one target. */
interface Lane {
  readonly target: BatchTarget;
  open: OpenBatch | undefined;
  timer: Timer | undefined;
  inFlight: number;
  readonly waiting: OpenBatch[];
}

/**
 * Gathers messages into batches, by target, and sends them. A batch goes when it is full or its
 * time is up, as soon as a request may go; while none may, it grows no further and the next begins.
 * Where order counts, one request of a target goes after the other.
 */
export class Batcher {
  readonly #options: Required<BatchOptions>;
  readonly #clock: Clock;
  readonly #send: (batch: PackedBatch) => Promise<Acknowledged>;
  readonly #lanes = new Map<string, Lane>();
  #last: Lane | undefined;
  #inFlight = 0;
  #pendingBytes = 0;
  readonly #hungry: Lane[] = [];
  readonly #onRoom: (() => void)[] = [];
  readonly #onIdle: (() => void)[] = [];

  constructor(
    options: BatchOptions,
    clock: Clock,
    send: (batch: PackedBatch) => Promise<Acknowledged>,
  ) {
    this.#options = {
      lingerMs: 5,
      maxBatchMessages: 2000,
      maxBatchBytes: 256 * 1024,
      maxInFlight: 4,
      maxPendingBytes: 16 * 1024 * 1024,
      ...options,
    };
    const { maxBatchMessages, maxBatchBytes } = this.#options;
    if (maxBatchMessages > limits.entryMessagesMax || maxBatchBytes > batchBytesMax) {
      throw new MillraceError(
        'INVALID_ARGUMENT',
        `a batch has ${limits.entryMessagesMax} messages and ${batchBytesMax} bytes at most`,
      );
    }
    this.#clock = clock;
    this.#send = send;
  }

  get hasRoom(): boolean {
    return this.#pendingBytes < this.#options.maxPendingBytes;
  }

  /** Resolves when there is room. */
  async ready(): Promise<void> {
    while (!this.hasRoom) await new Promise<void>((resolve) => this.#onRoom.push(resolve));
  }

  /** Calls `done` or `failed` when the fate of the message is known. */
  add(target: BatchTarget, message: Message, done: Done, failed: Failed): void {
    const lane = this.#laneOf(target);
    lane.open ??= this.#begin(lane);
    const { open } = lane;
    const { packed } = open;
    const before = packed.byteLength;
    packed.add(message);
    open.done.push(done);
    open.failed.push(failed);
    this.#pendingBytes += packed.byteLength - before;
    const { maxBatchMessages, maxBatchBytes } = this.#options;
    if (packed.count >= maxBatchMessages || packed.byteLength >= maxBatchBytes) this.#close(lane);
  }

  /** Sends what waits; resolves when everything is acknowledged or failed. */
  async flush(): Promise<void> {
    for (const lane of this.#lanes.values()) this.#close(lane);
    while (this.#inFlight > 0 || this.#hungry.length > 0) {
      await new Promise<void>((resolve) => this.#onIdle.push(resolve));
      for (const lane of this.#lanes.values()) this.#close(lane);
    }
  }

  #laneOf(target: BatchTarget): Lane {
    const last = this.#last;
    if (last !== undefined && isSame(last.target, target)) return last;
    const { topic, messageGroup, priority, queue } = target;
    const key = JSON.stringify([topic, messageGroup, priority, queue]);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { target, open: undefined, timer: undefined, inFlight: 0, waiting: [] };
      this.#lanes.set(key, lane);
    }
    this.#last = lane;
    return lane;
  }

  #begin(lane: Lane): OpenBatch {
    lane.timer = this.#clock.after(this.#options.lingerMs, () => this.#close(lane));
    const packed = new PackedBatch(lane.target, this.#options.maxBatchBytes / 4);
    return { lane, packed, done: [], failed: [] };
  }

  #close(lane: Lane): void {
    lane.timer?.cancel();
    lane.timer = undefined;
    if (lane.open === undefined) return;
    lane.waiting.push(lane.open);
    lane.open = undefined;
    this.#hungry.push(lane);
    this.#sendMore();
  }

  /** Each turn of a lane in `#hungry` stands for one batch that waits. */
  #sendMore(): void {
    for (let i = 0; i < this.#hungry.length && this.#inFlight < this.#options.maxInFlight; ) {
      const lane = this.#hungry[i]!;
      if (lane.inFlight > 0 && isOrdered(lane.target)) {
        i++;
        continue;
      }
      this.#hungry.splice(i, 1);
      void this.#run(lane, lane.waiting.shift()!);
    }
  }

  async #run(lane: Lane, { packed, done, failed }: OpenBatch): Promise<void> {
    lane.inFlight++;
    this.#inFlight++;
    const { byteLength } = packed;
    try {
      const acknowledged = await this.#send(packed);
      for (let place = 0; place < done.length; place++) done[place]!(acknowledged, place);
    } catch (error) {
      for (const fail of failed) fail(error);
    }
    lane.inFlight--;
    this.#inFlight--;
    this.#pendingBytes -= byteLength;
    this.#forgetIdle(lane);
    this.#sendMore();
    if (this.hasRoom) for (const resolve of this.#onRoom.splice(0)) resolve();
    if (this.#inFlight === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Message groups come and go: their lanes, too. */
  #forgetIdle(lane: Lane): void {
    if (lane.inFlight > 0 || lane.waiting.length > 0 || lane.open !== undefined) return;
    const { topic, messageGroup, priority, queue } = lane.target;
    this.#lanes.delete(JSON.stringify([topic, messageGroup, priority, queue]));
    if (this.#last === lane) this.#last = undefined;
  }
}

function isSame(a: BatchTarget, b: BatchTarget): boolean {
  return (
    a.topic === b.topic &&
    a.messageGroup === b.messageGroup &&
    a.priority === b.priority &&
    a.queue === b.queue
  );
}

function isOrdered({ messageGroup, queue }: BatchTarget): boolean {
  return messageGroup !== undefined || queue !== undefined;
}
