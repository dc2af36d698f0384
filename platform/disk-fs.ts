import type { Fs } from './fs.ts';
import { holdWritesUntilSync } from './held-fs.ts';
import { nodeFs } from './node-fs.ts';

/**
 * The file system of a server process. For crash tests of the whole server, the environment may
 * ask for a harsher one: `MILLRACE_HOLD_WRITES=1` keeps every write in this process's memory until
 * fdatasync, so that SIGKILL loses what a power failure would; `MILLRACE_FAIL_FDATASYNC=n` makes
 * the n-th fdatasync fail.
 */
export function createDiskFs(): Fs {
  const failAt = Number(process.env.MILLRACE_FAIL_FDATASYNC ?? 0);
  const hold = process.env.MILLRACE_HOLD_WRITES === '1';
  if (failAt === 0 && !hold) return nodeFs;
  return holdWritesUntilSync(nodeFs, failAt);
}
