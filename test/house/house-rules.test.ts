import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { version } from '../../connectors/cli/version.ts';
import {
  exactVersions,
  importDirection,
  importsOf,
  lockWithoutAddresses,
  noAny,
  noConsole,
  noUnfinishedMarks,
  type Rule,
  testCommandDiffers,
  undocumentedDependencies,
  unreachedFiles,
  worldThroughPlatform,
} from './rules.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const roots = ['platform', 'storage', 'sql', 'engine', 'connectors', 'test', 'bench', 'types'];

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const files = new Map<string, string>();
for (const top of roots) {
  if (!existsSync(join(root, top))) continue;
  for (const name of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
    const path = `${top}/${name.replaceAll('\\', '/')}`;
    if (path.endsWith('.ts')) files.set(path, read(path));
  }
}
/** The planted violations below must not count as the test's own. */
const ownText = /^test\/house\//;

function violations(rule: Rule): string[] {
  return [...files].flatMap(([path, text]) => (ownText.test(path) ? [] : rule(path, text)));
}

describe('the repository', () => {
  test('is there', () => {
    expect(files.size).toBeGreaterThan(40);
  });

  test.each<[string, Rule]>([
    ['imports go one way', importDirection],
    ['only platform/ touches time, chance, files and threads', worldThroughPlatform],
    ['there is no any', noAny],
    ['only the command line and the logger write output', noConsole],
    ['nothing is marked as unfinished', noUnfinishedMarks],
  ])('%s', (_, rule) => {
    expect(violations(rule)).toEqual([]);
  });

  test('every import names a file', () => {
    const missing = [...files].flatMap(([path, text]) =>
      ownText.test(path)
        ? []
        : importsOf(path, text)
            .filter((target) => !existsSync(join(root, target)))
            .filter((target) => !existsSync(join(root, target.replace(/\.js$/, '.ts'))))
            .map((target) => `${path} imports ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('every file is reached from an entry point', () => {
    expect(unreachedFiles(files)).toEqual([]);
  });

  test('the lock file has no addresses and every dependency is exact and listed', () => {
    expect(lockWithoutAddresses('package-lock.json', read('package-lock.json'))).toEqual([]);
    expect(exactVersions('package.json', read('package.json'))).toEqual([]);
    expect(undocumentedDependencies(read('package.json'), read('docs/dependencies.md'))).toEqual(
      [],
    );
  });

  test('the command tells the version of the package', () => {
    expect((JSON.parse(read('package.json')) as { version: string }).version).toBe(version);
  });

  test('.ci/run runs the test command of the README', () => {
    expect(testCommandDiffers(read('README.md'), read('.ci/run'))).toEqual([]);
  });
});

describe('a planted violation is found', () => {
  test.each([
    ['sql/plan/a.ts', `import { x } from '../../storage/store.ts';`],
    ['sql/columns/a.ts', `import type { X } from '../plan/expr.ts';`],
    ['sql/columns/a.ts', `export * from '../plan/expr.ts';`],
    ['storage/log/a.ts', `import { x } from '../../sql/columns/types.ts';`],
    ['storage/log/a.ts', `import { x } from '../../engine/views/execution.ts';`],
    ['platform/a.ts', `const x = await import('../storage/store.ts');`],
    ['engine/views/a.ts', `import {\n  x,\n} from '../../connectors/server.ts';`],
    ['connectors/a.ts', `import { x } from '../test/x.ts';`],
  ])('import against the arrows: %s %s', (path, text) => {
    expect(importDirection(path, text)).toHaveLength(1);
  });

  test.each([
    ['engine/a.ts', `import { x } from '../sql/columns/types.ts';`],
    ['sql/plan/a.ts', `import { x } from '../columns/types.ts';`],
    ['test/a.test.ts', `import { x } from '../engine/a.ts';`],
    ['sql/plan/a.ts', `// import { x } from '../../storage/store.ts';`],
  ])('import along the arrows: %s %s', (path, text) => {
    expect(importDirection(path, text)).toEqual([]);
  });

  test.each([
    'const t = Date.now();',
    'const t = new Date();',
    'const t = new Date;',
    'const t = performance.now();',
    'const t = process.hrtime.bigint();',
    'const r = Math.random();',
    `import * as fs from 'node:fs';`,
    `import { readFile } from "fs/promises";`,
    `import { Worker } from 'node:worker_threads';`,
    'setTimeout(f, 1);',
    'const stop = setInterval;',
    'setImmediate(f);',
    `import { setTimeout as sleep } from 'node:timers/promises';`,
    'const id = randomUUID();',
    'crypto.getRandomValues(bytes);',
  ])('the world outside platform/: %s', (text) => {
    expect(worldThroughPlatform('engine/a.ts', text).length).toBeGreaterThan(0);
    expect(worldThroughPlatform('platform/a.ts', text)).toEqual([]);
    expect(worldThroughPlatform('test/a.ts', text)).toEqual([]);
    expect(worldThroughPlatform('bench/a.ts', text)).toEqual([]);
  });

  test.each([
    'new Date(timeMs)',
    '// Date.now is forbidden',
    `import { Fs } from '../platform/fs.ts';`,
  ])('not the world: %s', (text) => {
    expect(worldThroughPlatform('engine/a.ts', text)).toEqual([]);
  });

  test.each([
    'function f(x: any) {}',
    'const x = y as any;',
    'const x = <any>y;',
    'const x: any[] = [];',
    'let m: Map<string, any>;',
    'type T = string | any;',
    'let f: () => any;',
  ])('any: %s', (text) => {
    expect(noAny('test/a.ts', text)).toHaveLength(1);
  });

  test.each(['// takes any number', `const x = 'as any';`, 'const { any } = x;', 'any(x)'])(
    'not any: %s',
    (text) => {
      expect(noAny('sql/a.ts', text)).toEqual([]);
    },
  );

  test.each(['console.log(1);', 'process.stdout.write(x);', 'process.stderr.write(x);'])(
    'output: %s',
    (text) => {
      expect(noConsole('engine/a.ts', text)).toHaveLength(1);
      expect(noConsole('connectors/cli/a.ts', text)).toEqual([]);
      expect(noConsole('platform/logger.ts', text)).toEqual([]);
    },
  );

  test.each(['TO', 'FIX', 'XX'])('unfinished mark %s', (start) => {
    const mark = start + { TO: 'DO', FIX: 'ME', XX: 'X' }[start]!;
    expect(noUnfinishedMarks('sql/a.ts', `// ${mark}: later`)).toHaveLength(1);
    expect(noUnfinishedMarks('sql/a.ts', '// method, fixed')).toEqual([]);
  });

  test('a file that only a test or another dead file imports', () => {
    const planted = new Map([
      ['connectors/cli/main.ts', `import './used.ts';`],
      ['connectors/cli/used.ts', `new URL('../../engine/views/thread.js', import.meta.url)`],
      ['engine/views/thread.ts', ''],
      ['engine/views/worker.ts', ''],
      ['sql/dead.ts', `import './deader.ts';`],
      ['sql/deader.ts', `import './dead.ts';`],
      ['test/sql/dead.test.ts', `import '../../sql/dead.ts';\nimport '../../platform/fake.ts';`],
      ['platform/fake.ts', ''],
      ['platform/unused.ts', ''],
    ]);
    expect(unreachedFiles(planted)).toEqual([
      'sql/dead.ts: nothing imports it',
      'sql/deader.ts: nothing imports it',
      'platform/unused.ts: nothing imports it',
    ]);
  });

  test('a lock file with addresses, a range, an unlisted dependency', () => {
    expect(lockWithoutAddresses('l', '{"resolved": "https://example.org/x.tgz"}')).toHaveLength(1);
    const manifest = (version: string) => JSON.stringify({ devDependencies: { 'a/b': version } });
    for (const version of ['^1.0.0', '~1.0.0', '*', '1.0', 'latest', 'file:../x']) {
      expect(exactVersions('p', manifest(version))).toHaveLength(1);
    }
    expect(exactVersions('p', manifest('1.0.0-beta.1'))).toEqual([]);
    expect(undocumentedDependencies(manifest('1.0.0'), '')).toEqual(['a/b is not listed']);
    expect(undocumentedDependencies(manifest('1.0.0'), '| `a/b` | x |\n| `c` | x |')).toEqual([
      'c is not installed',
    ]);
    expect(undocumentedDependencies(manifest('1.0.0'), '| `a/b` | x |\n')).toEqual([]);
  });

  test('a CI script that runs something else', () => {
    const readme = '```\nnpm ci && npm test\n```';
    expect(testCommandDiffers(readme, 'npm ci\nnpm test')).toEqual([]);
    expect(testCommandDiffers(readme, 'npm ci\nnpm run build\nnpm test')).toHaveLength(1);
    expect(testCommandDiffers(readme, 'npm install\nnpm test')).toHaveLength(1);
    expect(testCommandDiffers('npm test', 'npm ci\nnpm test')).toHaveLength(1);
  });
});
