import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Scripts in sqllogictest format. One record is a directive line, its text up to a blank line, and
 * for queries the expected rows after `----`:
 *
 *     statement ok | statement error [pattern]
 *     query <types> [nosort|rowsort|valuesort] [label]  |  query error [pattern]
 *     skipif <name> | onlyif <name>      before a record: whom it concerns
 *     hash-threshold <n>                 results of more values are given as their MD5
 *     include <path>                     another file, in this place
 *     let | system                       of other runners: not run
 *     halt                               the rest is not run
 *     publish <topic>                    ours: one message per line of its text
 */
export type Record = StatementRecord | QueryRecord | PublishRecord | SystemRecord;

interface Base {
  readonly file: string;
  readonly line: number;
  readonly sql: string;
  readonly only: readonly string[];
  readonly skip: readonly string[];
}

export interface StatementRecord extends Base {
  readonly kind: 'statement';
  /** `undefined` when it must succeed; else what the message or the SQLSTATE must match. */
  readonly error: string | undefined;
}

export interface QueryRecord extends Base {
  readonly kind: 'query';
  readonly types: string;
  readonly sort: 'nosort' | 'rowsort' | 'valuesort';
  readonly expected: readonly string[];
  readonly error: string | undefined;
}

/** `sql` is the messages' bodies, one per line. */
export interface PublishRecord extends Base {
  readonly kind: 'publish';
  readonly topic: string;
}

/** A shell command or a variable of the foreign runner: nothing that we could run. */
export interface SystemRecord extends Base {
  readonly kind: 'system';
}

const sorts = ['nosort', 'rowsort', 'valuesort'] as const;

export function readScript(file: string): Record[] {
  const records: Record[] = [];
  readInto(file, records);
  return records;
}

/** False when the script halts here. */
function readInto(file: string, records: Record[]): boolean {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  let only: string[] = [];
  let skip: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!.trim();
    const [word = '', ...rest] = line.split(/\s+/);
    const start = ++at;
    const text = () => {
      const from = at;
      while (at < lines.length && lines[at]!.trim() !== '' && lines[at]!.trim() !== '----') at++;
      return lines.slice(from, at).join('\n');
    };
    const base = () => ({ file, line: start, only, skip });
    switch (word) {
      case 'skipif':
        skip.push(rest[0]!);
        continue;
      case 'onlyif':
        only.push(rest[0]!);
        continue;
      case 'include':
        if (!readInto(join(dirname(file), rest[0]!), records)) return false;
        break;
      case 'halt':
        if (concerns({ only, skip }, 'postgresql')) return false;
        break;
      case 'statement':
        records.push({ kind: 'statement', ...base(), error: errorOf(rest), sql: text() });
        // A message in full, after which two lines are empty.
        if (lines[at]?.trim() === '----') {
          while (at < lines.length && (lines[at]!.trim() !== '' || lines[at - 1]!.trim() !== ''))
            at++;
        }
        break;
      case 'publish':
        records.push({ kind: 'publish', ...base(), topic: rest[0]!, sql: text() });
        break;
      case 'system':
      case 'let':
        records.push({ kind: 'system', ...base(), sql: text() });
        break;
      case 'query': {
        const sql = text();
        const expected: string[] = [];
        if (lines[at]?.trim() === '----') {
          for (at++; at < lines.length && lines[at]!.trim() !== ''; at++) expected.push(lines[at]!);
        }
        const error = errorOf(rest);
        const sort = sorts.find((name) => rest.includes(name)) ?? 'nosort';
        const types = error === undefined ? (rest[0] ?? '') : '';
        records.push({ kind: 'query', ...base(), sql, types, sort, expected, error });
        break;
      }
      case '':
      case 'hash-threshold':
      case 'control':
      case 'subtest':
      case 'sleep':
      case 'connection':
        break;
      default:
        if (!word.startsWith('#')) throw new Error(`${file}:${start}: what is "${line}"?`);
    }
    if (word !== '' && !word.startsWith('#')) {
      only = [];
      skip = [];
    }
  }
  return true;
}

function errorOf([verdict, ...pattern]: readonly string[]): string | undefined {
  return verdict === 'error' ? pattern.join(' ') : undefined;
}

export function concerns({ only, skip }: Pick<Record, 'only' | 'skip'>, ...names: string[]) {
  return only.every((name) => names.includes(name)) && !skip.some((name) => names.includes(name));
}
