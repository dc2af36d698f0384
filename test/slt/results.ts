import { createHash } from 'node:crypto';
import type { QueryRecord } from './records.ts';

/**
 * How expected rows are written: by SQLite one value per line, formatted by the query's types and
 * perhaps hashed; by RisingWave and by us one row per line, as text. RisingWave prints numerics and
 * time zones otherwise than PostgreSQL: there the values count.
 */
export type Style = 'sqlite' | 'risingwave' | 'ours';

type Rows = readonly (readonly string[])[];

/** What differs between the rows and the record's expectation; `undefined` when nothing does. */
export function difference(record: QueryRecord, rows: Rows, style: Style): string | undefined {
  const ours = style === 'sqlite' ? asValues(record, rows) : asLines(record, rows, style);
  const theirs =
    style === 'sqlite'
      ? record.expected
      : inOrder(
          record.expected.map((line) => plain(line, style)),
          record.sort,
        );
  const [first = ''] = theirs;
  const hash = /^(\d+) values hashing to ([0-9a-f]{32})$/.exec(first);
  if (hash !== null) {
    const isEqual = Number(hash[1]) === ours.length && hash[2] === md5(ours);
    return isEqual ? undefined : `${ours.length} values hashing to ${md5(ours)}, not ${first}`;
  }
  if (ours.length !== theirs.length) {
    return `${ours.length} lines, not ${theirs.length}: ${brief(ours)} not ${brief(theirs)}`;
  }
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  return at < 0 ? undefined : `line ${at + 1} is ${brief([ours[at]!])} not ${brief([theirs[at]!])}`;
}

/** Rows without regard to their order, to compare two results with each other. */
export function multiset(rows: Rows): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

function asValues(record: QueryRecord, rows: Rows): string[] {
  const formatted = rows.map((row) =>
    row.map((cell, column) => formatted1(cell, record.types[column])),
  );
  if (record.sort === 'rowsort') formatted.sort(byCells);
  const values = formatted.flat();
  return record.sort === 'valuesort' ? values.sort() : values;
}

/** As SQLite's own runner prints a value of the type that the record declares. */
function formatted1(cell: string, type: string | undefined): string {
  if (cell === 'NULL') return cell;
  if (type === 'R') return Number(cell).toFixed(3);
  if (type === 'I') return wholePart(cell);
  return cell === '' ? '(empty)' : cell.replaceAll(/[^\x20-\x7e]/g, '@');
}

function wholePart(cell: string): string {
  if (/^-?\d+$/.test(cell)) return cell;
  if (cell === 't' || cell === 'true') return '1';
  const value = Math.trunc(Number.parseFloat(cell));
  return Number.isNaN(value) || value === 0 ? '0' : BigInt(value).toString();
}

function byCells(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! < b[at]! ? -1 : 1;
  return 0;
}

function asLines(record: QueryRecord, rows: Rows, style: Style): string[] {
  const lines = rows.map((row) => row.map((cell) => (cell === '' ? '(empty)' : cell)).join(' '));
  return inOrder(
    lines.map((line) => plain(line, style)),
    record.sort,
  );
}

function inOrder(lines: string[], sort: QueryRecord['sort']): string[] {
  if (sort === 'valuesort') return lines.flatMap((line) => line.split(' ')).sort();
  return sort === 'rowsort' ? lines.sort() : lines;
}

function plain(line: string, style: Style): string {
  const words = line.trim().split(/\s+/);
  return (style === 'risingwave' ? words.map(byValue) : words).join(' ');
}

/** A numeric without trailing zeros and up to 6 decimals, a time likewise, UTC without minutes. */
function byValue(word: string): string {
  const time = /^(\d\d:\d\d:\d\d)\.(\d+?)0*$/.exec(word);
  if (time !== null) return time[2] === '0' ? time[1]! : `${time[1]}.${time[2]}`;
  const numeric = /^(-?\d+)\.(\d+)$/.exec(word);
  if (numeric === null) return word.replace(/\+00:00$/, '+00');
  const fraction = numeric[2]!.slice(0, 6).replace(/0+$/, '');
  return fraction === '' ? numeric[1]! : `${numeric[1]}.${fraction}`;
}

function md5(values: readonly string[]): string {
  return createHash('md5')
    .update(values.map((value) => `${value}\n`).join(''))
    .digest('hex');
}

function brief(lines: readonly string[]): string {
  return JSON.stringify(lines.slice(0, 4)).slice(0, 200);
}
