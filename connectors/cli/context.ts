import type { Clock } from '../../platform/clock.ts';
import type { Fs } from '../../platform/fs.ts';
import type { Random } from '../../platform/random.ts';
import type { KvOpener } from '../../storage/kv/kv-store.ts';
import type { Screen } from './screen.ts';
import type { Services } from './services.ts';

/** Everything a command touches besides its arguments. */
export interface CliContext {
  readonly screen: Screen;
  readonly clock: Clock;
  readonly fs: Fs;
  /** Opens the database of a data directory, for commands that work without a server. */
  readonly kv: KvOpener;
  readonly random: Random;
  /** Standard input, and where the shell's line editor draws. */
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly editorOutput: NodeJS.WritableStream;
  readonly services: Services;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal;
  /** What to type to run this program, for lines to copy. */
  readonly programText: string;
  /** The home directory, for the history of the shell. */
  readonly homeDirectory: string | undefined;
}

/**
 * 0 done; 1 an error, which was printed; 2 wrong usage; 3 stored data is damaged, which was printed;
 * 130 ended by Ctrl-C.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 130;
