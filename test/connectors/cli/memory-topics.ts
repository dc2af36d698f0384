import type {
  HeldMessage,
  MessageName,
  Messaging,
  OutgoingMessage,
  QueueOffsets,
  StoredMessage,
} from '../../../connectors/cli/services.ts';
import type { Random } from '../../../platform/random.ts';

/** Topics in memory; a batch goes whole to one queue, or is lost with its acknowledgement. */
export class MemoryTopics implements Messaging {
  /** Chance that a batch does not arrive. */
  lossShare = 0;
  /** Messages given out. */
  pulled = 0;
  /** Calls of `pull`. */
  pulls = 0;
  mostInFlight = 0;
  readonly entrySizes: number[] = [];
  readonly #queueCount: number;
  readonly #random: Random | undefined;
  readonly #topics = new Map<string, StoredMessage[][]>();
  #inFlight = 0;
  #turn = 0;

  constructor(queueCount: number, random?: Random) {
    this.#queueCount = queueCount;
    this.#random = random;
  }

  all(topic: string): StoredMessage[] {
    return this.#queues(topic).flat();
  }

  async publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    for (let hops = this.#random?.below(4) ?? 1; hops > 0; hops--) await Promise.resolve();
    this.#inFlight--;
    const lost = this.#random !== undefined && this.#random.float() < this.lossShare;
    if (lost) throw new Error('lost');
    const turn = this.#random?.below(this.#queueCount) ?? this.#turn++ % this.#queueCount;
    const queue = this.#queues(topic)[turn]!;
    this.entrySizes.push(messages.length);
    for (const { body, keys = [], tag } of messages) {
      const offset = queue.length;
      const messageId = `${topic}-${turn}-${offset}`;
      const storeTimeMs = 1_767_225_600_000 + 1000 * offset;
      const place = { queue: turn, offset, messageId, storeTimeMs };
      queue.push({ ...place, body, keys, tag, properties: {} });
    }
  }

  async find(topic: string, name: MessageName, max: number): Promise<StoredMessage[]> {
    const isWanted = ({ messageId, keys }: StoredMessage) =>
      'id' in name ? messageId === name.id : keys.includes(name.key);
    return this.all(topic).filter(isWanted).toReversed().slice(0, max);
  }

  async offsetAtTime(topic: string, queue: number, timeMs: number): Promise<number> {
    const messages = this.#queues(topic)[queue]!;
    const found = messages.findIndex(({ storeTimeMs }) => storeTimeMs >= timeMs);
    return found < 0 ? messages.length : found;
  }

  async pull(topic: string, queue: number, offset: number, max: number): Promise<StoredMessage[]> {
    const messages = this.#queues(topic)[queue]!.slice(offset, offset + Math.min(max, 100));
    this.pulled += messages.length;
    this.pulls++;
    return messages;
  }

  async queueOffsets(topic: string): Promise<QueueOffsets[]> {
    return this.#queues(topic).map((queue, i) => ({ queue: i, min: 0, max: queue.length }));
  }

  async receive(_topic: string, _group: string, _max: number): Promise<HeldMessage[]> {
    return [];
  }

  async close(): Promise<void> {}

  #queues(topic: string): StoredMessage[][] {
    let queues = this.#topics.get(topic);
    if (queues === undefined) {
      queues = Array.from({ length: this.#queueCount }, () => []);
      this.#topics.set(topic, queues);
    }
    return queues;
  }
}
