import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { scanSync } from 'libpg-query';
import { beforeAll, describe, expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { columnNameOnly, functionOrType, needsAs, reserved } from '../../../sql/syntax/keywords.ts';
import { parseStatements } from '../../../sql/syntax/parser.ts';
import { seed } from '../../random-seed.ts';
import { compare, loadPostgres, postgresReads } from './postgres.ts';
import { script } from './random-sql.ts';

/** Our parser against PostgreSQL's: the same texts, and the same meaning. */
const here = dirname(fileURLToPath(import.meta.url));
const linesOf = (name: string) =>
  readFileSync(join(here, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

beforeAll(() => loadPostgres());

describe('PostgreSQL and we', () => {
  test.each(linesOf('both-accept.sql'))('accept and mean the same: %s', (text) => {
    const { verdict, detail } = compare(text);
    expect(verdict, detail).toBe('same');
  });

  test.each(linesOf('both-refuse.sql'))('refuse: %s', (text) => {
    const { verdict, detail } = compare(text);
    expect(verdict, detail).toBe('both refuse');
  });

  test.each(linesOf('unsupported.sql'))('it accepts, we say so: %s', (text) => {
    const { verdict, detail } = compare(text);
    expect(verdict, detail).toBe('unsupported');
  });

  test('strings over several lines are one', () => {
    for (const text of ["SELECT 'a'\n'b'", "SELECT E'\\n'\n'\\t'", "SELECT 'a'\r'b'"]) {
      expect(compare(text)).toMatchObject({ verdict: 'same' });
    }
    for (const text of [
      "SELECT 'a' --\n'b'",
      "SELECT 'a' /*\n*/ 'b'",
      "SELECT 'a'\nE'b'",
      "SELECT 'a' 'b'",
    ]) {
      expect(compare(text)).toMatchObject({ verdict: 'both refuse' });
    }
  });

  test('(a, b) in GROUP BY is a list of two', () => {
    const [tree] = parseStatements('SELECT 1 FROM t GROUP BY (a, (b, c)), ROW(d, e)');
    expect(JSON.stringify(tree).match(/"groupBy":\[.*/)![0]).toContain('"kind":"row"');
    expect(tree).toMatchObject({ body: { groupBy: [{}, {}, {}, { kind: 'row' }] } });
  });

  test('every keyword has the class that PostgreSQL gives it', () => {
    const classes: [ReadonlySet<string>, string][] = [
      [reserved, 'RESERVED_KEYWORD'],
      [functionOrType, 'TYPE_FUNC_NAME_KEYWORD'],
      [columnNameOnly, 'COL_NAME_KEYWORD'],
    ];
    for (const [words, name] of classes) {
      for (const word of words) {
        expect([word, scanSync(word).tokens[0]!.keywordName]).toEqual([word, name]);
      }
    }
    for (const word of needsAs) {
      // These two are operators after a value.
      if (word === 'isnull' || word === 'notnull') continue;
      expect(postgresReads(`SELECT 1 ${word}`), word).toHaveProperty('complaint');
    }
  });
});

describe('random SQL', () => {
  test('is read as PostgreSQL reads it', () => {
    const property = fc.property(script, (text) => {
      const { verdict, detail } = compare(text);
      expect(['same', 'both refuse', 'unsupported'], `${verdict}: ${text}\n${detail}`).toContain(
        verdict,
      );
    });
    fc.assert(property, { seed, numRuns: 3000 });
  });

  test('a soup of tokens throws nothing but MillraceError', () => {
    const words = [...linesOf('both-accept.sql'), ...linesOf('unsupported.sql')]
      .join(' ')
      .split(/(\s+|[(),;])/)
      .filter((word) => word !== '');
    const statements = 'create source topic watermark for append only with describe show flush set';
    const soup = fc.array(
      fc.constantFrom(
        ...words,
        ...statements.split(' '),
        "'",
        '"',
        '$$',
        '/*',
        '\u00a0',
        '😀',
        '\0',
      ),
      { maxLength: 40 },
    );
    const property = fc.property(soup, fc.constantFrom('', ' '), (tokens, between) => {
      try {
        parseStatements(tokens.join(between));
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        expect(['SQL_SYNTAX', 'UNSUPPORTED']).toContain(error.code);
        expect(error.position).toBeDefined();
      }
    });
    fc.assert(property, { seed, numRuns: 4000 });
  });

  test('a damaged statement throws nothing but MillraceError', () => {
    const texts = linesOf('both-accept.sql');
    const damage = fc.tuple(fc.constantFrom(...texts), fc.nat(), fc.nat(20), fc.string());
    const property = fc.property(damage, ([text, at, length, inserted]) => {
      const start = at % text.length;
      try {
        parseStatements(text.slice(0, start) + inserted + text.slice(start + length));
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
      }
    });
    fc.assert(property, { seed, numRuns: 3000 });
  });
});

// ---- foreign scripts ---------------------------------------------------------------------------

const corpus = join(here, '../../../../shared/corpus');

/** The statements of an sqllogictest script: what stands between a directive and its result. */
function statementsOf(script: string): string[] {
  return script
    .split(/\r?\n\s*\r?\n/)
    .map((block) => /^(?:.*\n)*?(?:statement|query)\b.*\n([\s\S]*?)(?:\n----[\s\S]*)?$/.exec(block))
    .flatMap((match) => (match === null ? [] : [match[1]!]))
    .filter((text) =>
      /^\s*\(?\s*(?:select|insert|update|delete|with|values|create\s+(?:materialized\s+)?view)\b/i.test(
        text,
      ),
    );
}

describe('foreign scripts', () => {
  test.skipIf(!existsSync(corpus))('mean to us what they mean to PostgreSQL', () => {
    const counts = new Map<string, number>();
    const faults: string[] = [];
    const files = readdirSync(corpus, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => /\.(?:slt|test|part)$|generated/.test(name))) {
      let texts: string[] = [];
      try {
        texts = statementsOf(readFileSync(join(corpus, file), 'utf8'));
      } catch {
        continue; // a folder
      }
      // Thousands of statements of one generator: some of each file are enough.
      const step = Math.max(1, Math.floor(texts.length / 400));
      for (let index = 0; index < texts.length; index += step) {
        const text = texts[index]!;
        const { verdict, detail } = compare(text);
        const kind = verdict === 'unsupported' ? `unsupported: ${detail}` : verdict;
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
        // Views may say what PostgreSQL has no words for.
        const isOurs = verdict === 'only we accept' && /^\s*create/i.test(text);
        const isRead = ['same', 'both refuse', 'unsupported'].includes(verdict) || isOurs;
        if (!isRead)
          faults.push(`${file}: ${verdict}: ${text.slice(0, 300)}\n${detail.slice(0, 300)}`);
      }
    }
    expect(faults).toEqual([]);
    expect(counts.get('same')).toBeGreaterThan(1000);
    const refused = [...counts.keys()].filter((kind) => kind.startsWith('unsupported'));
    expect(refused).toEqual([]);
  });

  test.runIf(!existsSync(corpus))('are absent: ../shared/corpus is not there', () => {});
});
