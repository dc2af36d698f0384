import { describe, expect, test } from 'vitest';
import {
  type TableColumn,
  type TableOptions,
  type TextRow,
  tableLines,
} from '../../../connectors/cli/table.ts';
import { cutToWidth, displayWidth, visible } from '../../../connectors/cli/text-width.ts';

const plain: TableOptions = { style: 'table', width: undefined, color: false };
const columns: TableColumn[] = [
  { name: 'auction', alignRight: true },
  { name: 'item', alignRight: false },
];

async function* stream(rows: readonly TextRow[]): AsyncGenerator<TextRow> {
  yield* rows;
}

async function print(
  rows: readonly TextRow[],
  options: Partial<TableOptions> = {},
  some: readonly TableColumn[] = columns,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of tableLines(some, stream(rows), { ...plain, ...options })) {
    lines.push(line);
  }
  return lines;
}

describe('table', () => {
  test("looks like psql's", async () => {
    expect(
      await print([
        ['7', 'chair'],
        ['1000', null],
        [null, ''],
      ]),
    ).toEqual([
      ' auction | item',
      '---------+-------',
      '       7 | chair',
      '    1000 | NULL',
      '    NULL |',
      '(3 rows)',
    ]);
  });

  test('counts one row as a row, none as rows', async () => {
    expect((await print([['7', 'chair']])).at(-1)).toBe('(1 row)');
    expect(await print([])).toEqual([' auction | item', '---------+------', '(0 rows)']);
    expect(await print([[], []], {}, [])).toEqual(['', '', '', '', '(2 rows)']);
  });

  test('keeps columns straight beside wide characters', async () => {
    const lines = await print(
      [
        ['1', '椅子'],
        ['2', 'e\u0301'],
        ['3', '👨‍👩‍👧'],
      ],
      {},
      [columns[1]!, columns[1]!],
    );
    expect(lines.slice(2, 5)).toEqual([' 1    | 椅子', ' 2    | e\u0301', ' 3    | 👨‍👩‍👧']);
  });

  test('cuts the widest column to the terminal', async () => {
    const lines = await print(
      [
        ['7', 'x'.repeat(100)],
        ['8', 'short'],
      ],
      { width: 40 },
    );
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(40);
    expect(lines[2]).toBe(`       7 | ${'x'.repeat(27)}…`);
  });

  test('auto turns vertical when not even the headers fit', async () => {
    const many = Array.from({ length: 20 }, (_, i) => ({
      name: `column_${i}`,
      alignRight: true,
    }));
    const row = many.map((_, i) => String(i));
    const lines = await print([row], { style: 'auto', width: 60 }, many);
    expect(lines[0]).toBe('-[ RECORD 1 ]-');
    expect(lines[1]).toBe('column_0  | 0');
    expect(lines.at(-1)).toBe('(1 row)');
    expect((await print([row], { style: 'auto', width: 400 }, many))[1]).toContain('-+-');
  });

  test('no byte of the data reaches the terminal as a command', async () => {
    const lines = await print([['1', 'a\nb\x1b[31mred\x07']]);
    expect(lines[2]).toBe('       1 | a\\nb\\x1b[31mred\\x07');
  });

  test('colours headers and NULL only when asked', async () => {
    const lines = await print([[null, 'a']], { color: true });
    expect(lines[2]).toContain('\x1b[2m   NULL\x1b[0m');
  });

  test('tsv escapes as COPY does', async () => {
    expect(
      await print(
        [
          ['1', 'a\tb\\c\nd'],
          [null, ''],
        ],
        { style: 'tsv' },
      ),
    ).toEqual(['auction\titem', '1\ta\\tb\\\\c\\nd', '\\N\t']);
  });

  test('streams: rows beyond the sample are neither lost nor held back', async () => {
    let read = 0;
    async function* many(): AsyncGenerator<TextRow> {
      for (; read < 5000; read++) yield [String(read), 'x'];
    }
    let lines = 0;
    for await (const line of tableLines(columns, many(), plain)) {
      if (lines++ === 500) expect(read).toBeLessThan(1100);
      if (lines === 5003) expect(line).toBe('(5000 rows)');
    }
    expect(lines).toBe(5003);
  });

  test('stopping early ends the query', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<TextRow> {
      try {
        for (;;) yield ['1', 'x'];
      } finally {
        ended = true;
      }
    }
    for await (const _ of tableLines(columns, endless(), plain)) break;
    expect(ended).toBe(true);
  });
});

describe('widths', () => {
  test.each([
    ['abc', 3],
    ['', 0],
    ['椅子', 4],
    ['e\u0301', 1],
    ['ｶﾅ', 2],
    ['👍🏽', 2],
    ['🇩🇪', 2],
    ['ü', 1],
    ['\u200b', 0],
  ])('%j takes %i cells', (text, cells) => {
    expect(displayWidth(text)).toBe(cells);
  });

  test('cut never exceeds, never splits a character', () => {
    for (let width = 1; width < 12; width++) {
      const cut = cutToWidth('a椅子b👨‍👩‍👧c', width);
      expect(displayWidth(cut)).toBeLessThanOrEqual(width);
      expect(cut).not.toMatch(/\ud83d…|\u200d…/);
    }
    expect(cutToWidth('abc', 3)).toBe('abc');
  });

  test('visible leaves ordinary text alone', () => {
    expect(visible('für 椅子 \\ "')).toBe('für 椅子 \\ "');
    expect(visible('\u0000\u009b')).toBe('\\x00\\x9b');
  });
});
