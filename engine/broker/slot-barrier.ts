import type { QueueCursor } from './queue-cursor.ts';
import type { TopicState } from './slots.ts';

/**
 * Holds the new queues of a grown topic back from a consumer group until the group has finished
 * the queues that their slots came from, up to the change. What shares a message group or a key so
 * keeps its order; messages without one wait with the others of their queue.
 */
export class SlotBarrier {
  /** Cursors of queues that were found open: it stays so. */
  readonly #open = new WeakSet<QueueCursor>();
  /** Topics of which some group had a queue held back when it last looked. */
  readonly #holding = new Set<number>();

  /** `cursorOf` gives the group's cursors on other queues of the topic. */
  async isOpen(
    topic: TopicState,
    queueId: number,
    cursor: QueueCursor,
    cursorOf: (queueId: number) => Promise<QueueCursor>,
  ): Promise<boolean> {
    const sources = topic.sourcesOf(queueId);
    if (sources.length === 0 || this.#open.has(cursor)) return true;
    for (const { queueId: from, endOffset } of sources) {
      const source = await cursorOf(from);
      // What came to the source from other queues is before it, too.
      const isDone = source.cursor >= endOffset;
      if (isDone && (await this.isOpen(topic, from, source, cursorOf))) continue;
      this.#holding.add(topic.created.topicId);
      return false;
    }
    this.#open.add(cursor);
    return true;
  }

  /** A group has finished something of a queue: true when that may open another one. */
  mayOpen(topic: TopicState, queueId: number, { cursor }: QueueCursor): boolean {
    const { topicId } = topic.created;
    if (!this.#holding.has(topicId)) return false;
    if (!topic.endsOf(queueId).some((end) => cursor >= end)) return false;
    this.#holding.delete(topicId);
    return true;
  }
}
