import { describe, expect, test } from 'vitest';
import { splitStatements } from '../../../connectors/cli/statements.ts';

function texts(text: string): string[] {
  return splitStatements(text).statements.map((statement) => statement.text.trim());
}

describe('splitStatements', () => {
  test.each([
    ['SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
    [`SELECT ';'; SELECT 'it''s;';`, [`SELECT ';'`, `SELECT 'it''s;'`]],
    [`SELECT E'\\';'; SELECT 2;`, [`SELECT E'\\';'`, 'SELECT 2']],
    [`SELECT nameE'\\'; SELECT 2;`, [`SELECT nameE'\\'`, 'SELECT 2']],
    ['SELECT ";" FROM `a;b`; x;', ['SELECT ";" FROM `a;b`', 'x']],
    ['SELECT $$;$$; SELECT $a$;$$;$a$;', ['SELECT $$;$$', 'SELECT $a$;$$;$a$']],
    ['SELECT $1; SELECT a$b$;', ['SELECT $1', 'SELECT a$b$']],
    ['-- a;b\nSELECT 1 -- c;\n;', ['-- a;b\nSELECT 1 -- c;']],
    ['/* ; /* ; */ ; */ SELECT 1;', ['/* ; /* ; */ ; */ SELECT 1']],
    [';;  ; -- nothing\n;', []],
    ['', []],
  ])('%s', (text, expected) => {
    expect(texts(text)).toEqual(expected);
    expect(splitStatements(text)).toMatchObject({ rest: undefined, open: false });
  });

  test.each([`SELECT 'a;`, 'SELECT "a;', 'SELECT `a;', 'SELECT $$a;', '/* a;', `SELECT 'a'';`])(
    '%s is open',
    (text) => {
      expect(splitStatements(text)).toEqual({
        statements: [],
        rest: { text, offset: 0 },
        open: true,
      });
    },
  );

  test('gives the offset of each statement and the rest', () => {
    expect(splitStatements('a;b c;\nd')).toEqual({
      statements: [
        { text: 'a', offset: 0 },
        { text: 'b c', offset: 2 },
      ],
      rest: { text: '\nd', offset: 6 },
      open: false,
    });
  });

  test('takes a megabyte in its stride', () => {
    const text = `INSERT INTO t VALUES ('${'x;'.repeat(500_000)}');`;
    expect(splitStatements(text).statements).toHaveLength(1);
    expect(splitStatements('SELECT 1;'.repeat(100_000)).statements).toHaveLength(100_000);
  });
});
