import { cutToWidth, displayWidth, visible } from './text-width.ts';

export interface TableColumn {
  readonly name: string;
  /** Numbers go to the right. */
  readonly alignRight: boolean;
}

/**
 * `table`: psql's aligned form. `vertical`: one line per column, psql's `\x`. `tsv`: a header line
 * and COPY's text form (NULL is `\N`), for programs. `auto`: `table`, or `vertical` when not even
 * the headers fit the terminal. `json`: an object a row; texts, but numbers that JSON readers keep.
 */
export type TableStyle = 'auto' | 'table' | 'vertical' | 'tsv' | 'json';

export interface TableOptions {
  readonly style: TableStyle;
  /** Terminal cells per line; `undefined` never cuts. */
  readonly width: number | undefined;
  readonly color: boolean;
}

export type TextRow = readonly (string | null)[];

/** Rows that are read before the widths of the columns are fixed; a result of any size streams. */
const sampledRows = 1000;
/** A column is not cut below this, nor below its header. */
const narrowestCells = 8;

/** The lines of a result, without line ends. */
export async function* tableLines(
  columns: readonly TableColumn[],
  rows: AsyncIterable<TextRow>,
  options: TableOptions,
): AsyncGenerator<string> {
  if (options.style === 'tsv') return yield* tsvLines(columns, rows);
  if (options.style === 'json') return yield* jsonLines(columns, rows);
  const iterator = rows[Symbol.asyncIterator]();
  try {
    const sample = await take(iterator, sampledRows);
    const widths = fittedWidths(columns, sample, options);
    const all = chain(sample, iterator);
    if (options.style === 'vertical' || widths === undefined) {
      yield* verticalLines(columns, all, options);
    } else {
      yield* alignedLines(columns, widths, all, options);
    }
  } finally {
    await iterator.return?.();
  }
}

async function* jsonLines(
  columns: readonly TableColumn[],
  rows: AsyncIterable<TextRow>,
): AsyncGenerator<string> {
  for await (const row of rows) {
    const cells = columns.map(({ name, alignRight }, i) => {
      const text = row[i]!;
      const number = alignRight && text !== null ? Number(text) : Number.NaN;
      return [name, String(number) === text ? number : text];
    });
    yield JSON.stringify(Object.fromEntries(cells));
  }
}

/** `undefined` when `auto` should turn vertical. */
function fittedWidths(
  columns: readonly TableColumn[],
  sample: readonly TextRow[],
  { style, width }: TableOptions,
): number[] | undefined {
  const least = columns.map(({ name }) => Math.max(displayWidth(visible(name)), 1));
  const widths = columns.map((_, i) =>
    sample.reduce((most, row) => Math.max(most, displayWidth(shown(row[i]!))), least[i]!),
  );
  if (width === undefined) return widths;
  let excess = widths.reduce((sum, cells) => sum + cells + 3, -1) - width;
  while (excess > 0) {
    const room = widths.map((cells, i) => cells - Math.max(least[i]!, narrowestCells));
    const widest = room.indexOf(Math.max(...room));
    if (room.length === 0 || room[widest]! <= 0) return style === 'auto' ? undefined : widths;
    // Halving the excess spreads the cut over several wide columns.
    const cut = Math.min(room[widest]!, Math.ceil(excess / 2));
    widths[widest]! -= cut;
    excess -= cut;
  }
  return widths;
}

async function* alignedLines(
  columns: readonly TableColumn[],
  widths: readonly number[],
  rows: AsyncIterable<TextRow>,
  options: TableOptions,
): AsyncGenerator<string> {
  const cut = (text: string, i: number) =>
    options.width === undefined ? text : cutToWidth(text, widths[i]!);
  const header = columns.map(({ name }, i) => padded(visible(name), widths[i]!, 'center'));
  yield header
    .map((cell) => ` ${styled(cell, bold, options)} `)
    .join('|')
    .trimEnd();
  yield widths.map((cells) => '-'.repeat(cells + 2)).join('+');
  let count = 0;
  for await (const row of rows) {
    count++;
    const cells = row.map((value, i) => {
      const side = columns[i]!.alignRight ? 'right' : 'left';
      const cell = padded(cut(shown(value), i), widths[i]!, side);
      return value === null ? styled(cell, dim, options) : cell;
    });
    yield ` ${cells.join(' | ')}`.trimEnd();
  }
  yield footer(count);
}

async function* verticalLines(
  columns: readonly TableColumn[],
  rows: AsyncIterable<TextRow>,
  options: TableOptions,
): AsyncGenerator<string> {
  const names = columns.map(({ name }) => visible(name));
  const width = Math.max(0, ...names.map(displayWidth));
  let count = 0;
  for await (const row of rows) {
    count++;
    yield styled(`-[ RECORD ${count} ]${'-'.repeat(Math.max(0, width - 8))}`, bold, options);
    for (const [i, value] of row.entries()) {
      const text = styled(shown(value), value === null ? dim : '', options);
      yield `${padded(names[i]!, width, 'left')} | ${text}`;
    }
  }
  yield footer(count);
}

async function* tsvLines(
  columns: readonly TableColumn[],
  rows: AsyncIterable<TextRow>,
): AsyncGenerator<string> {
  yield columns.map(({ name }) => escaped(name)).join('\t');
  for await (const row of rows) yield row.map(escaped).join('\t');
}

function escaped(value: string | null): string {
  if (value === null) return '\\N';
  return value.replace(/[\\\t\n\r]/g, (character) =>
    character === '\\' ? '\\\\' : { '\t': '\\t', '\n': '\\n', '\r': '\\r' }[character]!,
  );
}

function shown(value: string | null): string {
  return value === null ? 'NULL' : visible(value);
}

function footer(count: number): string {
  return count === 1 ? '(1 row)' : `(${count} rows)`;
}

function padded(text: string, width: number, side: 'left' | 'right' | 'center'): string {
  const missing = Math.max(0, width - displayWidth(text));
  const before = side === 'left' ? 0 : side === 'right' ? missing : Math.floor(missing / 2);
  return ' '.repeat(before) + text + ' '.repeat(missing - before);
}

const bold = '\x1b[1m';
const dim = '\x1b[2m';

function styled(text: string, code: string, options: TableOptions): string {
  return options.color && code !== '' ? `${code}${text}\x1b[0m` : text;
}

async function take(iterator: AsyncIterator<TextRow>, most: number): Promise<TextRow[]> {
  const rows: TextRow[] = [];
  while (rows.length < most) {
    const next = await iterator.next();
    if (next.done === true) break;
    rows.push(next.value);
  }
  return rows;
}

async function* chain(
  first: readonly TextRow[],
  rest: AsyncIterator<TextRow>,
): AsyncGenerator<TextRow> {
  yield* first;
  if (first.length < sampledRows) return;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
}
