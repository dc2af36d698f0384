import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Fs } from '../../platform/fs.ts';

const checkIntervalMs = 1000;

/** Whether more than the reserve is free where a partition lies, as last looked at. */
export class FreeSpace {
  readonly #fs: Fs;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #reserveBytes: number;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #isEnough = true;

  constructor(fs: Fs, clock: Clock, directory: string, reserveBytes: number) {
    this.#fs = fs;
    this.#clock = clock;
    this.#directory = directory;
    this.#reserveBytes = reserveBytes;
  }

  get isEnough(): boolean {
    return this.#isEnough;
  }

  /** Why an append is refused. */
  refusal(): MillraceError {
    return new MillraceError(
      'DISK_FULL',
      `less than ${this.#reserveBytes} bytes are free for ${this.#directory}; ` +
        'publishing is refused, consuming goes on',
    );
  }

  /** A write met a full disk. Counts as a look. */
  ranOut(): void {
    this.#isEnough = false;
    this.#checkedMs = this.#clock.monotonicMs();
  }

  /** Looks again in the background, unless that was done lately. */
  checkSometimes(): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#checkedMs < checkIntervalMs) return;
    this.#checkedMs = now;
    void this.check();
  }

  async check(): Promise<void> {
    try {
      this.#isEnough = (await this.#fs.freeBytes(this.#directory)) >= this.#reserveBytes;
    } catch {
      // A file system that cannot tell must not stop publishing.
      this.#isEnough = true;
    }
  }
}
