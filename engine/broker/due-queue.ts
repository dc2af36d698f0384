/** What is due at a time; a binary min-heap. Removing is for the owner: it skips what is gone. */
export class DueQueue<T extends { readonly dueMs: number }> {
  readonly #heap: T[] = [];

  get first(): T | undefined {
    return this.#heap[0];
  }

  add(item: T): void {
    let place = this.#heap.push(item) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#heap[parent]!.dueMs <= item.dueMs) break;
      this.#heap[place] = this.#heap[parent]!;
      place = parent;
    }
    this.#heap[place] = item;
  }

  /** Takes the first item away. */
  shift(): T | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || first === last) return first;
    this.#sink(last!);
    return first;
  }

  #sink(item: T): void {
    const size = this.#heap.length;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && this.#heap[right]!.dueMs < this.#heap[child]!.dueMs) child = right;
      if (this.#heap[child]!.dueMs >= item.dueMs) break;
      this.#heap[place] = this.#heap[child]!;
      place = child;
    }
    this.#heap[place] = item;
  }
}
