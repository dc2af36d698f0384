/** How a dialect's text is cut into tokens, and what some of its signs mean. */
export interface DialectTraits {
  /** Its build of node-sql-parser. */
  readonly build: string;
  /** What names stand in. */
  readonly nameQuotes: string;
  /** What strings stand in. */
  readonly stringQuotes: string;
  /** A backslash in a string escapes what follows. */
  readonly backslash: boolean;
  /** `#` starts a comment. */
  readonly hashComment: boolean;
  /** Names in quotes keep their case; else case never counts. */
  readonly quotesKeepCase: boolean;
  /** What `/` of two whole numbers gives. */
  readonly division: 'whole' | 'numeric' | 'double';
  /** `||` is OR, not a joint of texts. */
  readonly barsAreOr: boolean;
  /** Division by zero gives NULL. */
  readonly zeroDividesToNull: boolean;
  /** Whether NULLs come first when an ORDER BY does not say. */
  readonly nullsFirst: { readonly ascending: boolean; readonly descending: boolean };
}

const mysql: DialectTraits = {
  build: 'mysql',
  nameQuotes: '`',
  stringQuotes: `'"`,
  backslash: true,
  hashComment: true,
  quotesKeepCase: false,
  division: 'numeric',
  barsAreOr: true,
  zeroDividesToNull: true,
  nullsFirst: { ascending: true, descending: false },
};

/** The dialect that needs no translation. */
export const nativeDialect = 'millrace';

/** By the name that `SET dialect` takes. */
export const dialects: Readonly<Record<string, DialectTraits>> = {
  mysql,
  mariadb: { ...mysql, build: 'mariadb' },
  snowflake: {
    build: 'snowflake',
    nameQuotes: '"',
    stringQuotes: "'",
    backslash: true,
    hashComment: false,
    quotesKeepCase: true,
    division: 'numeric',
    barsAreOr: false,
    zeroDividesToNull: false,
    nullsFirst: { ascending: false, descending: true },
  },
  bigquery: {
    build: 'bigquery',
    nameQuotes: '`',
    stringQuotes: `'"`,
    backslash: true,
    hashComment: true,
    quotesKeepCase: false,
    division: 'double',
    barsAreOr: false,
    zeroDividesToNull: false,
    nullsFirst: { ascending: true, descending: false },
  },
  sqlite: {
    build: 'sqlite',
    nameQuotes: '"`[',
    stringQuotes: "'",
    backslash: false,
    hashComment: false,
    quotesKeepCase: false,
    division: 'whole',
    barsAreOr: false,
    zeroDividesToNull: true,
    nullsFirst: { ascending: true, descending: false },
  },
  transactsql: {
    build: 'transactsql',
    nameQuotes: '"[',
    stringQuotes: "'",
    backslash: false,
    hashComment: false,
    quotesKeepCase: false,
    division: 'whole',
    barsAreOr: false,
    zeroDividesToNull: false,
    nullsFirst: { ascending: true, descending: false },
  },
};
