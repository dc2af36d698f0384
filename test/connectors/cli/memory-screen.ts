import type { Screen } from '../../../connectors/cli/screen.ts';

/** A screen that keeps what is written. */
export class MemoryScreen implements Screen {
  output = '';
  errors = '';
  readonly outIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
  readonly color = false;
  readonly #cells: number;

  constructor({ terminal = false, cells = 80 }: { terminal?: boolean; cells?: number } = {}) {
    this.outIsTerminal = terminal;
    this.errorIsTerminal = terminal;
    this.#cells = cells;
  }

  width(): number | undefined {
    return this.outIsTerminal ? this.#cells : undefined;
  }

  async out(data: string | Uint8Array): Promise<void> {
    this.output += typeof data === 'string' ? data : new TextDecoder().decode(data);
  }

  error(text: string): void {
    this.errors += text;
  }
}
