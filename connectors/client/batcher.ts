import type { Clock, Timer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Message } from './message.ts';
import { type BatchTarget, PackedBatch } from './packed-request.ts';
import { type Acknowledged, Fate } from './sent.ts';

export interface BatchOptions {
  /** A message waits so long for others to go with. 5. */
  readonly lingerMs?: number;
  /** 10,000. */
  readonly maxBatchMessages?: number;
  /** 1 MiB. */
  readonly maxBatchBytes?: number;
  /** Requests under way; of one message group, one queue, or messages with keys, it is one. 8. */
  readonly maxInFlight?: number;
  /** Bytes that wait for their acknowledgement; beyond it `ready` waits. 32 MiB. */
  readonly maxPendingBytes?: number;
}

/** The message that makes a batch full may be as large as any. */
const batchBytesMax = limits.entryBytesMax - 2 * limits.messageBodyBytesMax;

const buffersMax = 16;

/** Where a message is, when its batch is acknowledged. */
export interface Place {
  readonly fate: Fate;
  readonly place: number;
}

interface OpenBatch {
  readonly packed: PackedBatch;
  readonly fate: Fate;
}

/** Batches of one target. */
interface Lane {
  readonly target: BatchTarget;
  open: OpenBatch | undefined;
  timer: Timer | undefined;
  inFlight: number;
  /** Some of its messages have keys: messages of a key keep their order. */
  hasKeys: boolean;
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
  /** Those of batches that were sent, for others. */
  readonly #buffers: Buffer[] = [];
  readonly #onRoom: (() => void)[] = [];
  readonly #onIdle: (() => void)[] = [];

  constructor(
    options: BatchOptions,
    clock: Clock,
    send: (batch: PackedBatch) => Promise<Acknowledged>,
  ) {
    this.#options = {
      lingerMs: 5,
      maxBatchMessages: 10_000,
      maxBatchBytes: 1024 * 1024,
      maxInFlight: 8,
      maxPendingBytes: 32 * 1024 * 1024,
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

  /** Throws what the server would refuse the message with. */
  add(target: BatchTarget, message: Message): Place {
    const lane = this.#laneOf(target);
    lane.open ??= this.#begin(lane);
    const { packed, fate } = lane.open;
    const before = packed.byteLength;
    const place = packed.count;
    packed.add(message);
    if (message.keys !== undefined && message.keys.length > 0) lane.hasKeys = true;
    this.#pendingBytes += packed.byteLength - before;
    const { maxBatchMessages, maxBatchBytes } = this.#options;
    if (packed.count >= maxBatchMessages || packed.byteLength >= maxBatchBytes) this.#close(lane);
    return { fate, place };
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
      lane = {
        target,
        open: undefined,
        timer: undefined,
        inFlight: 0,
        hasKeys: false,
        waiting: [],
      };
      this.#lanes.set(key, lane);
    }
    this.#last = lane;
    return lane;
  }

  #begin(lane: Lane): OpenBatch {
    lane.timer = this.#clock.after(this.#options.lingerMs, () => this.#close(lane));
    const buffer = this.#buffers.pop() ?? Buffer.allocUnsafe(4096);
    return { packed: new PackedBatch(lane.target, buffer), fate: new Fate() };
  }

  #close(lane: Lane): void {
    lane.timer?.cancel();
    lane.timer = undefined;
    const { open } = lane;
    lane.open = undefined;
    // Its only message may have been refused.
    if (open === undefined || open.packed.count === 0) return this.#forgetIdle(lane);
    lane.waiting.push(open);
    this.#hungry.push(lane);
    this.#sendMore();
  }

  /** Each turn of a lane in `#hungry` stands for one batch that waits. */
  #sendMore(): void {
    for (let i = 0; i < this.#hungry.length && this.#inFlight < this.#options.maxInFlight; ) {
      const lane = this.#hungry[i]!;
      if (lane.inFlight > 0 && (lane.hasKeys || isOrdered(lane.target))) {
        i++;
        continue;
      }
      this.#hungry.splice(i, 1);
      void this.#run(lane, lane.waiting.shift()!);
    }
  }

  async #run(lane: Lane, { packed, fate }: OpenBatch): Promise<void> {
    lane.inFlight++;
    this.#inFlight++;
    const { byteLength } = packed;
    await this.#send(packed).then(
      (acknowledged) => fate.resolve(acknowledged),
      (error) => fate.reject(error),
    );
    lane.inFlight--;
    this.#inFlight--;
    this.#pendingBytes -= byteLength;
    if (this.#buffers.length < buffersMax) this.#buffers.push(packed.buffer);
    this.#forgetIdle(lane);
    this.#sendMore();
    if (this.hasRoom) for (const go of this.#onRoom.splice(0)) go();
    if (this.#inFlight === 0) for (const go of this.#onIdle.splice(0)) go();
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
