interface Turn {
  isTaken: boolean;
  readonly waiting: (() => void)[];
}

/** One after the other for each key, first come, first served; most turns need no waiting. */
export class Turns<Key extends object> {
  readonly #turns = new WeakMap<Key, Turn>();

  /** `undefined` when it is one's turn at once; else resolves when it is. */
  begin(key: Key): Promise<void> | undefined {
    const turn = this.#turns.get(key);
    if (turn === undefined) this.#turns.set(key, { isTaken: true, waiting: [] });
    else if (turn.isTaken) return new Promise((resolve) => turn.waiting.push(resolve));
    else turn.isTaken = true;
    return undefined;
  }

  end(key: Key): void {
    const turn = this.#turns.get(key)!;
    const next = turn.waiting.shift();
    if (next === undefined) turn.isTaken = false;
    else next();
  }
}
