import type { Field } from '../../../sql/columns/types.ts';
import { tableColumns } from '../columns.ts';
import type { CliContext } from '../context.ts';
import { grouped } from '../progress.ts';
import { type TextRow, tableLines } from '../table.ts';
import { cutToWidth } from '../text-width.ts';
import { exampleQueries } from './demo-schema.ts';

export interface DemoFigures {
  /** Events published so far, over all runs. */
  readonly events: number;
  /** `undefined` once the demo has stopped. */
  readonly eventsPerSecond: number | undefined;
  readonly tables: readonly ShownTable[];
}

/** What one query gave. */
export interface ShownTable {
  readonly title: string;
  readonly fields: readonly Pick<Field, 'name' | 'type'>[];
  readonly rows: readonly TextRow[];
}

/** A frame drawn over the last one on a terminal, a line at a time elsewhere. */
export class DemoView {
  readonly #context: CliContext;
  readonly #endpoint: string;
  readonly #dataDirectory: string;
  #frameLines = 0;

  constructor(context: CliContext, endpoint: string, dataDirectory: string) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#dataDirectory = dataDirectory;
  }

  async start(next: number, filled: number): Promise<void> {
    const { screen, programText } = this.#context;
    const at = this.#endpoint === '127.0.0.1:8081' ? '' : ` --endpoint ${this.#endpoint}`;
    const lines = [
      `Millrace listens on ${this.#endpoint}, data in ${this.#dataDirectory}`,
      next === 0 ? 'starts at event 0' : `carries on at event ${next}`,
      ...(filled === 0 ? [] : [`published ${filled} events that the last run left out`]),
      '',
      'Query it from another terminal:',
      ...exampleQueries.map((query) => `  ${programText} sql${at} -c "${query}"`),
      `  ${programText} sub bid${at} --max 5`,
      '',
    ];
    await screen.out(`${lines.join('\n')}\n`);
  }

  async show(figures: DemoFigures): Promise<void> {
    const { screen } = this.#context;
    if (!screen.outIsTerminal) return screen.out(`${plainLine(figures)}\n`);
    const width = screen.width() ?? 80;
    const lines = [
      `${grouped(figures.events)} events   ${rateText(figures, '   (Ctrl-C to stop)')}`,
    ];
    const options = { style: 'table', width, color: false } as const;
    for (const table of figures.tables) {
      lines.push('', `${table.title}:`);
      for await (const line of tableLines(tableColumns(table.fields), rowsOf(table), options)) {
        lines.push(line);
      }
    }
    const up = this.#frameLines === 0 ? '' : `\x1b[${this.#frameLines}A`;
    this.#frameLines = lines.length;
    // Lines that wrapped would be counted wrongly on the way up.
    const text = lines.map((line) => `${cutToWidth(line, width)}\x1b[K\n`).join('');
    await screen.out(`${up}\r${text}\x1b[J`);
  }

  async finish(next: number, eventsInTopics: number): Promise<void> {
    const where = next === 0 ? 'stopped before event 0' : `stopped after event ${next - 1}`;
    await this.#context.screen.out(`${where}; ${eventsInTopics} events in the topics\n`);
  }
}

function plainLine(figures: DemoFigures): string {
  const [auction, bids] = figures.tables[0]?.rows[0] ?? [];
  const top = auction === undefined ? '' : `, busiest auction ${auction} with ${bids} bids`;
  return `${figures.events} events, ${rateText(figures, '')}${top}`;
}

function rateText({ eventsPerSecond }: DemoFigures, whileRunning: string): string {
  if (eventsPerSecond === undefined) return 'stopped';
  return `${grouped(Math.round(eventsPerSecond))} events/s${whileRunning}`;
}

async function* rowsOf({ rows }: ShownTable): AsyncGenerator<TextRow> {
  yield* rows;
}
