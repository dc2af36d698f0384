/**
 * One writer of a table at a time: a statement that reads rows, and appends what it makes of them,
 * must not have a sink's rows come in between. By topic id.
 */
export class TableLocks {
  readonly #tails = new Map<number, Promise<unknown>>();

  /** Runs `action` when the earlier ones of the topic have ended. */
  run<T>(topicId: number, action: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(topicId) ?? Promise.resolve();
    const result = before.then(action);
    const tail = result.catch(() => undefined);
    this.#tails.set(topicId, tail);
    void tail.then(() => {
      if (this.#tails.get(topicId) === tail) this.#tails.delete(topicId);
    });
    return result;
  }
}
