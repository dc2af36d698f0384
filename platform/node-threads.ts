import {
  isMainThread,
  type MessagePort,
  parentPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import type { Port, Thread, ThreadMain, ThreadOptions, Threads } from './threads.ts';

/** Threads of node:worker_threads. */
export const nodeThreads: Threads = {
  spawn(module: URL, options: ThreadOptions): Thread {
    const worker = new Worker(new URL(import.meta.url), {
      name: options.name,
      workerData: { millraceModule: module.href, data: options.data },
      ...(options.youngGenerationMb === undefined
        ? {}
        : { resourceLimits: { maxYoungGenerationSizeMb: options.youngGenerationMb } }),
    });
    let stopping = false;
    const ended = new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', (code) => {
        if (code === 0 || stopping) resolve();
        else reject(new Error(`thread ${options.name} exited with code ${code}`));
      });
    });
    ended.catch(() => undefined);
    return {
      ended,
      post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
      onMessage: (handler) => {
        worker.on('message', handler);
      },
      close: () => worker.unref(),
      async terminate() {
        stopping = true;
        await worker.terminate();
      },
    };
  },
};

function portOf(port: MessagePort): Port {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    onMessage: (handler) => {
      port.on('message', handler);
    },
    close: () => port.close(),
  };
}

interface Start {
  readonly millraceModule: string;
  readonly data: unknown;
}

// This module is also what a worker starts with: it loads the module it was spawned for.
if (!isMainThread && parentPort !== null) {
  const start = workerData as Partial<Start> | null;
  if (typeof start?.millraceModule === 'string') {
    const { main } = (await import(start.millraceModule)) as { main: ThreadMain };
    await main(portOf(parentPort), start.data);
  }
}
