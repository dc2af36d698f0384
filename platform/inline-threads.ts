import type { Port, Thread } from './threads.ts';

/**
 * Two connected ports on this thread: what one posts the other receives, structured-cloned and
 * later, as between real threads. Lets tests run both sides with one clock and one debugger.
 */
export function connectedPorts(): readonly [Thread, Port] {
  const first = new InlinePort();
  const second = new InlinePort();
  first.peer = second;
  second.peer = first;
  return [first, second];
}

class InlinePort implements Thread {
  peer: InlinePort | undefined;
  readonly ended: Promise<void>;
  #end!: () => void;
  #handlers: ((message: unknown) => void)[] = [];
  #early: unknown[] = [];
  #closed = false;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  post(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#closed) return;
    const copy: unknown = structuredClone(message, { transfer: [...transfer] });
    const peer = this.peer;
    setImmediate(() => peer?.deliver(copy));
  }

  onMessage(handler: (message: unknown) => void): void {
    this.#handlers.push(handler);
    const early = this.#early;
    this.#early = [];
    for (const message of early) handler(message);
  }

  deliver(message: unknown): void {
    if (this.#closed) return;
    if (this.#handlers.length === 0) this.#early.push(message);
    for (const handler of this.#handlers) handler(message);
  }

  close(): void {
    this.#closed = true;
    this.#end();
  }

  async terminate(): Promise<void> {
    this.close();
    this.peer?.close();
  }
}
