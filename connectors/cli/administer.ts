import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import type { Administration } from './services.ts';
import { type TableColumn, type TableStyle, type TextRow, tableLines } from './table.ts';

export interface ListOptions {
  readonly endpoint: Endpoint;
  readonly style: TableStyle | undefined;
  /** One JSON object per line instead of a table. */
  readonly json: boolean;
}

/** Calls of the admin service. */
export async function administer(
  { services }: CliContext,
  endpoint: Endpoint,
  run: (admin: Administration) => Promise<void>,
): Promise<ExitCode> {
  const admin = services.admin(endpoint);
  try {
    await run(admin);
    return 0;
  } finally {
    await admin.close();
  }
}

/** A list, as a table or as JSON. */
export async function show<T extends object>(
  { screen }: CliContext,
  { style, json }: ListOptions,
  columns: readonly TableColumn[],
  items: readonly T[],
  row: (item: T) => TextRow,
): Promise<void> {
  if (json) {
    for (const item of items) await screen.out(`${JSON.stringify(item)}\n`);
    return;
  }
  async function* rows(): AsyncGenerator<TextRow> {
    for (const item of items) yield row(item);
  }
  const shape = style ?? (screen.outIsTerminal ? 'auto' : 'tsv');
  const options = { style: shape, width: screen.width(), color: screen.color };
  for await (const line of tableLines(columns, rows(), options)) await screen.out(`${line}\n`);
}

export const column = (name: string, alignRight = false): TableColumn => ({ name, alignRight });
