import { dirname, posix } from 'node:path';

/**
 * The house rules as functions over one file's path and text. Paths are relative to the
 * repository, with slashes. Each gives the violations as sentences; none is an empty list.
 */
export type Rule = (path: string, text: string) => string[];

/** What each layer may import besides itself (DESIGN section 3). */
const arrows: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  'sql/columns': ['platform'],
  sql: ['sql/columns', 'platform'],
  storage: ['platform'],
  engine: ['sql', 'sql/columns', 'storage', 'platform'],
  connectors: ['engine', 'sql', 'sql/columns', 'storage', 'platform'],
};

function layerOf(path: string): string | undefined {
  if (path.startsWith('sql/columns/')) return 'sql/columns';
  const top = path.split('/')[0]!;
  return top in arrows ? top : undefined;
}

/** The relative imports of a file, static, dynamic and by URL, as repository paths. */
export function importsOf(path: string, text: string): string[] {
  const code = withoutComments(text);
  const forms = [
    /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g,
    /\bnew URL\(\s*['"](\.{1,2}\/[^'"]+)['"]/g,
  ];
  return forms.flatMap((form) =>
    [...code.matchAll(form)].map((match) => posix.join(dirname(path), match[1]!)),
  );
}

export const importDirection: Rule = (path, text) => {
  const layer = layerOf(path);
  if (layer === undefined) return [];
  return importsOf(path, text).flatMap((target) => {
    const other = layerOf(target);
    if (other === layer || (other !== undefined && arrows[layer]!.includes(other))) return [];
    return [`${path}: ${layer} must not import ${target}`];
  });
};

/** Time, chance, files and threads come in as parameters; only platform/ touches them. */
const worldly: readonly (readonly [string, RegExp])[] = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date()', /\bnew\s+Date\s*(?:\(\s*\)|(?=[;,)\]}\n]))/],
  ['performance.now', /\bperformance\s*\.\s*now\b|['"](?:node:)?perf_hooks['"]/],
  ['process.hrtime', /\bprocess\s*\.\s*hrtime\b/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['node:fs', /['"](?:node:)?fs(?:\/promises)?['"]/],
  ['node:worker_threads', /['"](?:node:)?worker_threads['"]/],
  ['timers', /\b(?:setTimeout|setInterval|setImmediate)\b|['"](?:node:)?timers(?:\/promises)?['"]/],
  [
    'crypto randomness',
    /\b(?:randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues)\b/,
  ],
];

export const worldThroughPlatform: Rule = (path, text) => {
  if (layerOf(path) === undefined || path.startsWith('platform/')) return [];
  const code = withoutComments(text);
  return worldly
    .filter(([, pattern]) => pattern.test(code))
    .map(([name]) => `${path}: ${name} outside platform/`);
};

export const noAny: Rule = (path, text) => {
  const code = withoutStrings(withoutComments(text));
  const forms = /(?::|\bas|<|,|\||&|=>|=)\s*any\b(?!\s*[:(.'"])|\bany\[\]/;
  return forms.test(code) ? [`${path}: the type any`] : [];
};

/** Output belongs to the command line and the logger. */
export const noConsole: Rule = (path, text) => {
  const exempt = ['connectors/cli/', 'platform/logger.ts', 'test/', 'bench/'];
  if (exempt.some((prefix) => path.startsWith(prefix))) return [];
  const code = withoutStrings(withoutComments(text));
  return /\bconsole\s*\.|\bprocess\s*\.\s*std(?:out|err)\b/.test(code)
    ? [`${path}: output outside connectors/cli and platform/logger.ts`]
    : [];
};

export const noUnfinishedMarks: Rule = (path, text) =>
  new RegExp(`\\b(?:TO${'DO'}|FIX${'ME'}|XX${'X'})\\b`).test(text)
    ? [`${path}: unfinished mark`]
    : [];

/** Files start here; everything else must be imported by something. */
export const entryPoints: readonly string[] = [
  'connectors/cli/main.ts',
  'connectors/client/index.ts',
  'engine/views/worker.ts',
];

/**
 * What exists for tests, as real implementations in place of mocks, or as the second opinion that
 * tests compare with. Only here does an import by a test count.
 */
export const testSupport: readonly string[] = ['platform/', 'storage/kv/memory-store.ts'];

/**
 * Files of the layers that no import leads to from an entry point. Tests do not count as users:
 * code that only its own test needs is dead.
 */
export function unreachedFiles(files: ReadonlyMap<string, string>): string[] {
  const reached = new Set<string>();
  const pending = [...entryPoints];
  for (const [path, text] of files) {
    if (layerOf(path) !== undefined) continue;
    const targets = importsOf(path, text);
    pending.push(...targets.filter((to) => testSupport.some((start) => to.startsWith(start))));
  }
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const text = files.get(path);
    if (text === undefined || reached.has(path)) continue;
    reached.add(path);
    // A thread's module may be named by its compiled form.
    pending.push(...importsOf(path, text).map((target) => target.replace(/\.js$/, '.ts')));
  }
  return [...files.keys()]
    .filter((path) => layerOf(path) !== undefined && !reached.has(path))
    .map((path) => `${path}: nothing imports it`);
}

/** The lock file must work with every registry: no addresses in it. */
export const lockWithoutAddresses: Rule = (path, text) =>
  text.includes('"resolved"') ? [`${path}: has "resolved" addresses`] : [];

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function dependenciesOf(text: string): [string, string][] {
  const manifest = JSON.parse(text) as Manifest;
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
}

export const exactVersions: Rule = (path, text) =>
  dependenciesOf(text)
    .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${path}: ${name} is not pinned exactly: ${version}`);

/** Each dependency has one line in the list, and the list names nothing else. */
export function undocumentedDependencies(manifest: string, list: string): string[] {
  const names = dependenciesOf(manifest).map(([name]) => name);
  const listed = [...list.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!);
  return [
    ...names.filter((name) => !listed.includes(name)).map((name) => `${name} is not listed`),
    ...listed.filter((name) => !names.includes(name)).map((name) => `${name} is not installed`),
    ...listed.filter((name, i) => listed.indexOf(name) !== i).map((name) => `${name} twice`),
  ];
}

/** The README's quick start and the CI script run one and the same command line. */
export function testCommandDiffers(readme: string, ciScript: string): string[] {
  if (!/^\s*npm ci && npm test\s*$/m.test(readme)) return ['README.md lacks `npm ci && npm test`'];
  const commands = ciScript
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /\bnpm (?:ci|test|run|install)\b/.test(line) && !line.startsWith('#'));
  const install = commands.filter((line) => /\bnpm ci\b/.test(line));
  const run = commands.filter((line) => /\bnpm test\b/.test(line));
  return install.length === 1 && run.length === 1 && commands.length <= 2
    ? []
    : ['.ci/run must run exactly `npm ci` and `npm test`'];
}

/** Blanks comments but keeps strings; enough of a scanner for this repository's code. */
export function withoutComments(text: string): string {
  return text.replace(tokens, (token) =>
    token.startsWith('//') || token.startsWith('/*') ? token.replace(/[^\n]/g, ' ') : token,
  );
}

function withoutStrings(text: string): string {
  return text.replace(tokens, (token) => (/^['"`]/.test(token) ? token[0]! + token[0]! : token));
}

const tokens =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;
