import type { Slab } from './slab.ts';

const commitsMax = 16;
const bytesMax = 32 * 1024 * 1024;

/** The newest group commits, kept in memory for reads at the tail. */
export class RecentCommits {
  #commits: { readonly start: number; readonly bytes: Buffer }[] = [];
  #bytes = 0;

  add({ start, bytes }: Slab): void {
    this.#commits.unshift({ start, bytes });
    this.#bytes += bytes.length;
    while (
      this.#commits.length > commitsMax ||
      (this.#bytes > bytesMax && this.#commits.length > 1)
    ) {
      this.#bytes -= this.#commits.pop()!.bytes.length;
    }
  }

  /** The commit that holds the position, and where in it that is. */
  find(position: number): { readonly bytes: Buffer; readonly at: number } | undefined {
    for (const { start, bytes } of this.#commits) {
      const at = position - start;
      if (at >= 0 && at < bytes.length) return { bytes, at };
    }
    return undefined;
  }

  /** Commits that begin below the position are read from the file from now on. */
  forget(position: number): void {
    this.#commits = this.#commits.filter(({ start }) => start >= position);
    this.#bytes = this.#commits.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}
