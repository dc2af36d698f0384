import type { Clock } from '../../platform/clock.ts';
import type { Screen } from './screen.ts';

/** Work shorter than this shows nothing; then the line is redrawn at most this often. */
const firstMs = 300;
const redrawMs = 100;

/**
 * One line on standard error that is drawn over itself, and only when that is a terminal: long
 * work tells how far it is, and leaves no trace when it is done.
 */
export class ProgressLine {
  readonly #screen: Screen;
  readonly #clock: Clock;
  readonly #unit: string;
  readonly #startMs: number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(screen: Screen, clock: Clock, unit = 'rows') {
    this.#screen = screen;
    this.#clock = clock;
    this.#unit = unit;
    this.#startMs = clock.monotonicMs();
  }

  /** `total` 0 means unknown. */
  update(done: number, total: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#screen.errorIsTerminal || nowMs - this.#startMs < firstMs) return;
    if (nowMs - this.#drawnMs < redrawMs) return;
    this.#drawnMs = nowMs;
    this.#drawn = true;
    const rate = Math.round((done * 1000) / (nowMs - this.#startMs));
    this.#screen.error(`\r\x1b[K${progressText(done, total, rate, this.#unit)}`);
  }

  clear(): void {
    if (this.#drawn) this.#screen.error('\r\x1b[K');
    this.#drawn = false;
  }
}

export function progressText(
  done: number,
  total: number,
  perSecond: number,
  unit = 'rows',
): string {
  const rate = `${grouped(perSecond)} ${unit}/s`;
  if (total <= 0) return `${grouped(done)} ${unit}  ${rate}`;
  const percent = Math.min(100, Math.floor((100 * done) / total));
  const bar = '#'.repeat(Math.floor(percent / 5)).padEnd(20, '.');
  return `[${bar}] ${percent} %  ${grouped(done)} of ${grouped(total)} ${unit}  ${rate}`;
}

/** 1234567 as `1,234,567`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
