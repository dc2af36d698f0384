import type { CliContext } from './context.ts';

const fileName = '.millrace_history';
const entriesMax = 500;

/**
 * The shell's lines of earlier sessions, newest first, kept in the home directory, one per line.
 * A convenience: whatever fails here is no reason not to run SQL.
 */
export async function readHistory({ fs, homeDirectory }: CliContext): Promise<string[]> {
  if (homeDirectory === undefined) return [];
  try {
    const file = await fs.open(`${homeDirectory}/${fileName}`, 'read');
    try {
      const bytes = new Uint8Array(await file.size());
      await file.read(bytes, 0);
      return new TextDecoder().decode(bytes).split('\n').filter(Boolean).slice(0, entriesMax);
    } finally {
      await file.close();
    }
  } catch {
    return [];
  }
}

export async function writeHistory(
  { fs, homeDirectory }: CliContext,
  lines: readonly string[],
): Promise<void> {
  if (homeDirectory === undefined || lines.length === 0) return;
  const path = `${homeDirectory}/${fileName}`;
  try {
    const file = await fs.open(path, (await fs.exists(path)) ? 'write' : 'create');
    try {
      const kept = lines.filter((line) => !line.includes('\n')).slice(0, entriesMax);
      const bytes = new TextEncoder().encode(`${kept.join('\n')}\n`);
      await file.truncate(0);
      await file.write(bytes, 0);
    } finally {
      await file.close();
    }
  } catch {
    // A read-only home directory, for one.
  }
}
