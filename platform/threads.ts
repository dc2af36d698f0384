/**
 * Threads behind an interface: `node-threads.ts` runs the module in a worker_threads Worker,
 * `inline-threads.ts` runs the same module on this thread behind the same kind of port, for tests.
 * Nothing mutable is shared; buffers are transferred, other values are structured-cloned.
 */
export interface Port {
  /** `transfer` lists ArrayBuffers that move; the sender's views become empty. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage(handler: (message: unknown) => void): void;
  close(): void;
}

export interface Thread extends Port {
  /** Resolves when the thread ended; rejects with its uncaught error. */
  readonly ended: Promise<void>;
  terminate(): Promise<void>;
}

export interface ThreadOptions {
  readonly name: string;
  /** Cloned into the thread; what `main` receives. */
  readonly data: unknown;
  /** Young generation of the thread's heap (reference node-craft B.6). */
  readonly youngGenerationMb?: number;
}

/** A thread's module exports `main`. */
export type ThreadMain = (port: Port, data: unknown) => Promise<void> | void;

export interface Threads {
  /** `module` is the URL of a module that exports `main: ThreadMain`. */
  spawn(module: URL, options: ThreadOptions): Thread;
}
