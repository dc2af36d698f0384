import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { printLines } from './print-lines.ts';
import { type TableStyle, type TextRow, tableLines } from './table.ts';

export interface StatusOptions {
  readonly endpoint: Endpoint;
  /** `undefined`: `auto` on a terminal, else `tsv`. */
  readonly style: TableStyle | undefined;
  readonly json: boolean;
}

/** `millrace status`: the counters of a running server. */
export async function statusCommand(
  { services, screen }: CliContext,
  { endpoint, style, json }: StatusOptions,
): Promise<ExitCode> {
  const admin = services.admin(endpoint);
  try {
    const { metrics = [] } = await admin.call('Status', {});
    if (json) {
      const values = metrics.map(({ name = '', value = 0 }) => [name, value] as const);
      await screen.out(`${JSON.stringify(Object.fromEntries(values), undefined, 2)}\n`);
      return 0;
    }
    async function* rows(): AsyncGenerator<TextRow> {
      for (const { name = '', value = 0, unit = '' } of metrics) {
        yield [name, numberText(value), unit];
      }
    }
    const columns = [
      { name: 'metric', alignRight: false },
      { name: 'value', alignRight: true },
      { name: 'unit', alignRight: false },
    ];
    const shape = style ?? (screen.outIsTerminal ? 'auto' : 'tsv');
    const options = { style: shape, width: screen.width(), color: screen.color };
    await printLines(screen, tableLines(columns, rows(), options));
    return 0;
  } finally {
    await admin.close();
  }
}

function numberText(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(3)));
}
