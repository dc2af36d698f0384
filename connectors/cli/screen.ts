import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Where commands write: data to `out`, everything else to `error`. */
export interface Screen {
  /** Resolves when the stream takes more; data waits for a slow reader instead of piling up. */
  out(data: string | Uint8Array): Promise<void>;
  error(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
  /** Cells per line of the terminal behind `out`; `undefined` when it is none. */
  width(): number | undefined;
  readonly color: boolean;
}

/** The process's own streams. Colours only on a terminal and without NO_COLOR (no-color.org). */
export function processScreen(): Screen {
  const { stdout, stderr, env } = process;
  // A reader that went away (`| head`) ends the program quietly.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (data) => written(stdout, data),
    error: (text) => {
      stderr.write(text);
    },
    outIsTerminal: stdout.isTTY === true,
    errorIsTerminal: stderr.isTTY === true,
    // A terminal that was given no size says 0.
    width: () => (stdout.isTTY === true ? stdout.columns || undefined : undefined),
    color: stdout.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb',
  };
}

async function written(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (!stream.write(data)) await once(stream, 'drain');
}
